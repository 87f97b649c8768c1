"""What verification of the audit trail holds corrections against: who was told again, and about what."""

from __future__ import annotations

from collections.abc import Sequence

from incidents import told
from incidents.actions import IncidentAction
from notifier.announcements import from_json
from notifier.audit.report import Check, Facts, Report
from notifier.standing import listed
from notifier.store import Transaction

_KINDS = listed(told.AGAIN)


async def _check(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check that each correction, update and retraction is about what was recorded, and that none is lost."""
    recorded = {}
    for entry in entries:
        facts = entry.get("data")
        if entry.get("type") == IncidentAction.CORRECTION_DRAFTED and isinstance(facts, dict):
            recorded[facts.get("announcement")] = facts
    for row in await tx.rows(
        "SELECT n.code, n.facts, u.code AS audience, u.subject, u.kind, u.people FROM announcement n"
        f" JOIN audience u ON u.id = n.audience_id WHERE u.kind IN ({_KINDS}) ORDER BY n.id"
    ):
        said = from_json(row.facts)
        facts = recorded.pop(row.code, {})
        names = ("incident", "audience", "kind", "people", "corrects")
        found = (row.subject, row.audience, row.kind, row.people, said.get("corrects"))
        if tuple(facts.get(name) for name in names) != found or said.get("kind") != row.kind:
            report.add("correction-differs", f"{row.code} does not tell again whom, or of what, was recorded")
    for code in recorded:
        report.add("correction-lost", f"the correction {code} was recorded and is gone")


CHECK = Check(frozenset({IncidentAction.CORRECTION_DRAFTED.value}), _check)
