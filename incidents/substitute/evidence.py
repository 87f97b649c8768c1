"""What verification of the audit trail holds public notices against: their steps, pages and proof."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from incidents.actions import IncidentAction
from incidents.substitute.making import PAGE, page_digest, pages_digest
from notifier.announcements import canonical_digest
from notifier.audit.report import Check, Facts, Report
from notifier.store import Transaction

_STEPS = {
    IncidentAction.SUBSTITUTE_DRAFTED: "drafted",
    IncidentAction.SUBSTITUTE_APPROVED: "approved",
    IncidentAction.SUBSTITUTE_PUBLISHED: "published",
    IncidentAction.SUBSTITUTE_WITHDRAWN: "withdrawn",
}
_LOOKS = {IncidentAction.SUBSTITUTE_SERVED: True, IncidentAction.SUBSTITUTE_MISSING: False}
_TOLD = {
    "drafted": ("digest", "slug", "from_at", "until_at", "law_days"),
    "approved": ("digest", "expires_at"),
    "published": ("digest", "visible_at", "until_at"),
    "withdrawn": (),
}
"""What the entry of each step repeats of the row."""
_AFTER = {"draft": (1,), "dropped": (1, 2), "approved": (2,), "published": (3,), "withdrawn": (4,)}
"""How many steps a notice in each state has taken."""


async def _check(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check that notices took the steps that were recorded, with these pages, and were seen as recorded."""
    known = {str(entry.get("id")): entry for entry in entries if isinstance(entry.get("data"), dict)}
    for row in await tx.rows(
        "SELECT n.*, i.code FROM substitute_notice n JOIN incident i ON i.id = n.incident_id ORDER BY n.id"
    ):
        name = f"the public notice {row.revision} of {row.code}"
        steps = [step for step in _TOLD if getattr(row, f"{step}_event")]
        if steps != list(_TOLD)[: len(steps)] or len(steps) not in _AFTER.get(row.state, ()):
            report.add("substitute-differs", f"{name} does not stand where its last step led")
        for step in steps:
            entry = known.pop(getattr(row, f"{step}_event"), {})
            if not _as_recorded(tx, row, step, entry):
                report.add("substitute-differs", f"{name} was not {step} as it was recorded")
        if await _pages(tx, row.id) != row.digest:
            report.add("substitute-differs", f"the pages of {name} are not those that were drafted")
    await _proof(tx, report, known)
    for entry in known.values():
        facts = entry["data"]
        if entry.get("type") in _STEPS or entry.get("type") in _LOOKS:
            report.add(
                "substitute-lost",
                f"what was recorded of the public notice {facts.get('revision')} of {facts.get('incident')}"
                " is not in the store",
            )


def _as_recorded(tx: Transaction, row: Any, step: str, entry: Facts) -> bool:
    facts = entry.get("data", {})
    said = (facts.get("incident"), facts.get("revision"), facts.get("actor"), entry.get("type"))
    if said != (row.code, row.revision, f"operator:{getattr(row, f'{step}_by')}", f"substitute:{step}"):
        return False
    if any(facts.get(name) != getattr(row, name) for name in _TOLD[step]):
        return False
    if step == "drafted":
        return bool(facts.get("facts_digest") == _facts_digest(row.facts))
    if step == "approved":
        reason = facts.get("reason_digest", "")
        return bool(row.alone) == bool(facts.get("alone", 0)) and (
            tx.is_committed("reason", row.alone_reason, reason) if row.alone else not reason
        )
    if step == "withdrawn":
        return tx.is_committed("reason", row.withdrawn_because, facts.get("reason_digest"))
    return True


def _facts_digest(stored: Any) -> str:
    """Return the digest of the facts as they are stored; empty where they are no facts."""
    try:
        facts = orjson.loads(stored) if isinstance(stored, str | bytes) else stored
        return canonical_digest(facts)
    except (ValueError, TypeError):
        return ""


async def _pages(tx: Transaction, notice_id: int) -> str:
    """Return the digest over a notice's pages as they are; those whose own digest differs count as none."""
    digests = {}
    for row in await tx.rows(
        "SELECT kind, locale, content, digest FROM substitute_page WHERE notice_id = :id", id=notice_id
    ):
        made = page_digest(bytes(row.content))
        digests[row.kind, row.locale] = made if made == row.digest else ""
    return pages_digest(digests)


async def _proof(tx: Transaction, report: Report, known: dict[str, Facts]) -> None:
    async for part in tx.stream(
        "SELECT p.*, n.revision, i.code, g.digest AS approved FROM substitute_proof p"
        " JOIN substitute_notice n ON n.id = p.notice_id JOIN incident i ON i.id = n.incident_id"
        " LEFT JOIN substitute_page g ON g.notice_id = n.id AND g.kind = :kind AND g.locale = p.locale"
        " ORDER BY p.id",
        kind=PAGE,
    ):
        for row in part:
            entry = known.pop(row.event_id, {})
            facts = entry.get("data", {})
            said = tuple(
                facts.get(name) for name in ("incident", "revision", "locale", "occasion", "status", "digest")
            )
            found = (row.code, row.revision, row.locale, row.occasion, row.status, row.digest)
            good = (row.status, row.digest) == (200, row.approved)
            if (
                said != found
                or _LOOKS.get(entry.get("type", "")) is not bool(row.served)
                or good != row.served
            ):
                report.add(
                    "substitute-differs",
                    f"the public notice {row.revision} of {row.code} was not seen on {row.occasion}"
                    f" in {row.locale} as it was recorded",
                )


CHECK = Check(frozenset(one.value for one in (*_STEPS, *_LOOKS)), _check)
