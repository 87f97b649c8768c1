"""What verification of the audit trail recomputes about incidents: records, steps, what notices said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import incidents.tables  # noqa: F401 - with them come the guards that verification looks for
from incidents import growth
from incidents.actions import IncidentAction
from incidents.corrections import evidence as corrections
from incidents.substitute import evidence as substitute
from notifier.audit.report import Check, Facts, Report
from notifier.store import Transaction

_STEP = ("incident", "before", "after", "actor", "order", "expires_at", "reason_digest")


async def revisions(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check that every revision of a record is the one that was recorded, and that none is lost."""
    recorded: dict[tuple[Any, Any], tuple[Any, ...]] = {}
    none = tx.commitment("reason", "") if tx.has_keys else ""
    for facts in _of(entries, IncidentAction.DECLARED, IncidentAction.REVISED):
        key = (facts.get("incident"), facts.get("revision", 1))
        if key in recorded:
            report.add("revision-differs", f"revision {key[1]} of {key[0]} was recorded twice")
            continue
        recorded[key] = (facts.get("record_digest"), facts.get("actor"), facts.get("reason_digest", none))
    async for part in tx.stream(
        "SELECT i.code, r.revision, r.record, r.digest, r.actor, r.reason FROM incident_revision r"
        " JOIN incident i ON i.id = r.incident_id ORDER BY r.id",
        chunk=100,
    ):
        for row in part:
            said = recorded.pop((row.code, row.revision), None)
            found = {(one, f"operator:{row.actor}") for one in (row.digest, _digest(row.record))}
            if said is None:
                report.add("revision-unrecorded", f"revision {row.revision} of {row.code} has no entry")
            elif found != {said[:2]} or not tx.is_committed("reason", row.reason, said[2]):
                report.add(
                    "revision-differs", f"revision {row.revision} of {row.code} is not as it was recorded"
                )
    for code, number in recorded:
        report.add("revision-lost", f"revision {number} of {code} was recorded and is gone")


async def steps(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check that an incident's steps are those that were recorded, and that it stands where they led."""
    with_reason = len(_STEP) if tx.has_keys else -1
    recorded = Counter(
        tuple(facts.get(name, "") for name in _STEP)[:with_reason]
        for facts in _of(entries, IncidentAction.STEP_TAKEN)
    )
    async for part in tx.stream(
        "SELECT i.code, s.before, s.after, s.actor, s.reason, s.facts FROM incident_step s"
        " JOIN incident i ON i.id = s.incident_id ORDER BY s.id"
    ):
        for row in part:
            facts = _loaded(row.facts)
            order = (
                (facts.get("order", ""), facts.get("expires_at", "")) if facts is not None else (None, None)
            )
            reason = (tx.commitment("reason", row.reason),) if tx.has_keys else ()
            step = (row.code, row.before, row.after, f"operator:{row.actor}", *order, *reason)
            if recorded[step]:
                recorded[step] -= 1
            else:
                report.add("step-differs", f"a step of {row.code} is not what the trail says")
    for step in recorded.elements():
        report.add("step-lost", f"a recorded step of {step[0]} is not in the store as it was taken")
    for row in await tx.rows(
        "SELECT code FROM incident i WHERE revision <> (SELECT COALESCE(max(r.revision), 0)"
        " FROM incident_revision r WHERE r.incident_id = i.id)"
        " OR state <> COALESCE((SELECT s.after FROM incident_step s WHERE s.incident_id = i.id"
        " ORDER BY s.id DESC LIMIT 1), 'suspected')"
    ):
        report.add("incident-differs", f"{row.code} does not stand where its last step or revision led")


async def exposures(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check what notices to those who are told of several people or accounts were frozen with."""
    recorded: dict[Any, Facts] = {}
    for facts in _of(entries, IncidentAction.EXPOSURES_FROZEN):
        recorded.setdefault(facts.get("audience"), facts)
    for row in await tx.rows(
        "SELECT u.id, u.code, u.salt, count(e.audience_id) AS number FROM audience u"
        " LEFT JOIN audience_exposure e ON e.audience_id = u.id GROUP BY u.id, u.code, u.salt ORDER BY u.id"
    ):
        facts = recorded.get(row.code, {})
        if not row.number and not facts:
            continue
        made = await growth.exposures(tx, row.id, bytes(row.salt))
        if not (row.number == made.rows == facts.get("count") and made.root == facts.get("root")):
            report.add(
                "exposure-differs", f"what {row.code} tells of several accounts or people is not as frozen"
            )


async def _check(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    for part in (revisions, steps, exposures):
        await part(tx, report, entries)


CHECKS = (
    Check(
        frozenset(
            one.value
            for one in (
                IncidentAction.DECLARED,
                IncidentAction.REVISED,
                IncidentAction.STEP_TAKEN,
                IncidentAction.EXPOSURES_FROZEN,
            )
        ),
        _check,
    ),
    substitute.CHECK,
    corrections.CHECK,
)


def _of(entries: Sequence[Facts], *actions: str) -> Iterator[Facts]:
    for entry in entries:
        if entry.get("type") in actions and isinstance(facts := entry.get("data"), dict):
            yield facts


def _digest(record: Any) -> str:
    """Return the digest of a stored record: that of ``records.digest``, without validating it anew."""
    written = json.dumps(_loaded(record), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(written.encode()).hexdigest()


def _loaded(value: Any) -> dict[str, Any] | None:
    """Return a JSON column that a driver gave as text or decoded; nothing where it is no object."""
    try:
        made = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return made if isinstance(made, dict) else None
