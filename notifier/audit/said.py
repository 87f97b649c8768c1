"""What verification recomputes about announcements: what is said, when, why it ended, who read the texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from notifier.announcements import canonical_digest, from_json
from notifier.audit.actions import AuditAction
from notifier.audit.report import Facts, Report
from notifier.store import Transaction

_WRITTEN = (AuditAction.ANNOUNCEMENT_DRAFTED, AuditAction.ANNOUNCEMENT_REVISED)
WANTED = frozenset({*_WRITTEN, AuditAction.ANNOUNCEMENT_CANCELLED, AuditAction.LOCALE_APPROVED})


async def announcements(tx: Transaction, report: Report, entries: Iterable[Facts]) -> None:
    """Check that every announcement says what was last put on record, to the audience it was drafted for."""
    recorded: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        if entry["type"] in {*_WRITTEN, AuditAction.ANNOUNCEMENT_CANCELLED}:
            facts = entry.get("data", {})
            about = recorded.setdefault(facts.get("announcement"), {})
            about.update(facts)
            if entry["type"] == AuditAction.ANNOUNCEMENT_DRAFTED:
                about["author"] = facts.get("actor")
    async for part in tx.stream(
        "SELECT n.code, u.code AS audience, n.author, n.editors, n.drill, n.facts, n.plan, n.state,"
        " n.closed_because FROM announcement n JOIN audience u ON u.id = n.audience_id ORDER BY n.id",
        chunk=50,
    ):
        for row in part:
            said = recorded.pop(row.code, None)
            if said is None:
                report.add("announcement-unrecorded", f"the announcement {row.code} has no entry")
            elif differing := _differing(tx, row, said):
                report.add("announcement-differs", f"{row.code}: not as recorded: {', '.join(differing)}")
    for code in recorded:
        report.add("announcement-lost", f"the announcement {code} was recorded and is gone")


def _differing(tx: Transaction, row: Any, said: Facts) -> list[str]:
    same = {
        "its audience": row.audience == said.get("audience"),
        "its author": f"operator:{row.author}" == said.get("author"),
        "who wrote in it besides": sorted((row.editors or "").split()) == said.get("editors"),
        "whether it is a drill": int(row.drill) == said.get("drill"),
        "its facts": _digest(row.facts) == said.get("facts_digest"),
        "its plan": _digest(row.plan) == said.get("plan_digest"),
        "why it was cancelled": row.state != "cancelled"
        or tx.is_committed("reason", row.closed_because or "", said.get("reason_digest")),
    }
    return [name for name, fits in same.items() if not fits]


def _digest(column: Any) -> str:
    try:
        return canonical_digest(from_json(column))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return ""


async def locales(tx: Transaction, report: Report, entries: Iterable[Facts]) -> None:
    """Check that each word that texts may go out is on record, and none is lost."""
    names = ("notice", "locale", "digest", "actor")
    recorded = {
        tuple(entry["data"].get(name) for name in names)
        for entry in entries
        if entry["type"] == AuditAction.LOCALE_APPROVED and isinstance(entry.get("data"), dict)
    }
    kept = set()
    for row in await tx.rows("SELECT notice, locale, digest, operator FROM locale_approval ORDER BY id"):
        kept.add(row[:3])
        if (*row[:3], f"operator:{row.operator}") not in recorded:
            report.add(
                "locale-differs", f"nobody's word for {row.notice} in {row.locale} is on record as it stands"
            )
    for notice, locale, _ in {one[:3] for one in recorded} - kept:
        report.add("locale-lost", f"a recorded word for {notice} in {locale} is not in the store")
