"""What verification holds against the trail besides attempts: how deliveries ended, and what was signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256

from notifier.audit.actions import AuditAction
from notifier.audit.report import Facts, Report
from notifier.store import Transaction

WANTED = frozenset({AuditAction.DELIVERY_SETTLED.value, AuditAction.ANNOUNCEMENT_APPROVED.value})
_SIGNED = ("announcement", "actor", "people", "audience_digest", "texts_digest", "plan_digest",
           "channels_digest", "expires_at")  # fmt: skip
_FAILURES = 400
"""Reply codes from here on are refusals."""


async def ends(tx: Transaction, report: Report, entries: Iterable[Facts]) -> None:
    """Check that deliveries ended as their last attempt did, or as an answer that was found late says.

    No receipts are taken: a delivery that is ``delivered`` or ``bounced`` has nothing to show for it.
    """
    settled = {
        (facts.get("delivery"), facts.get("attempt")): facts
        for entry in entries
        if entry["type"] == AuditAction.DELIVERY_SETTLED and isinstance(facts := entry.get("data"), dict)
    }
    doubtful = tx.stream(
        "SELECT d.reference, d.state, a.number, a.outcome FROM delivery d LEFT JOIN attempt a "
        "ON a.delivery_id = d.id "
        "AND a.number = (SELECT max(t.number) FROM attempt t WHERE t.delivery_id = d.id) "
        "WHERE d.state IN ('delivered', 'bounced') "
        "OR (d.state IN ('accepted', 'rejected') AND (a.outcome IS NULL OR a.outcome <> d.state)) "
        "OR (a.outcome IN ('accepted', 'rejected') AND a.outcome <> d.state) ORDER BY d.id"
    )
    async for part in doubtful:
        for row in part:
            late = settled.get((row.reference, row.number))
            if row.outcome != "unknown" or late is None or not _says(late, row.state):
                report.add(
                    "delivery-differs", f"the trail does not say that {row.reference} ended as {row.state}"
                )


def _says(late: Mapping[str, object], state: str) -> bool:
    """Say whether an answer found late, told by its reply code, is that of ``state``."""
    code = late.get("code")
    if not isinstance(code, int) or not code:  # A refusal without a dialogue has no reply code.
        return True
    return state == ("rejected" if code >= _FAILURES else "accepted")


async def approvals(tx: Transaction, report: Report, entries: Iterable[Facts]) -> None:
    """Check that every approval is what its entry says: who signed what, for how many; and none is lost."""
    recorded = Counter(
        (*(facts.get(name) for name in _SIGNED), facts.get("alone", 0), facts.get("reason_digest", ""))
        for entry in entries
        if entry["type"] == AuditAction.ANNOUNCEMENT_APPROVED and isinstance(facts := entry.get("data"), dict)
    )
    rows = await tx.rows(
        "SELECT n.code, a.operator, a.people, a.audience_digest, a.texts_digest, a.plan_digest, "
        "a.channels_digest, a.expires_at, a.alone, a.reason FROM approval a "
        "JOIN announcement n ON n.id = a.announcement_id ORDER BY a.id"
    )
    for row in rows:
        reason = sha256(row.reason.encode()).hexdigest() if row.alone else ""
        signed = (row.code, f"operator:{row.operator}", *row[2:8], int(row.alone), reason)
        if recorded[signed]:
            recorded[signed] -= 1
        else:
            report.add("approval-differs", f"an approval of {row.code} is not what the trail says")
    if lost := recorded.total():
        report.add("approval-lost", f"{lost} recorded approvals are not in the store as they were given")
