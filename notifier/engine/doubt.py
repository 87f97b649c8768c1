"""Deliveries in doubt that wait for a person: the message may have arrived, as only the relay's log tells."""

from __future__ import annotations

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.engine.holds import open_hold
from notifier.store import Transaction

HOLD = "in-doubt"
"""The kind of hold that is open while somebody has to decide about held deliveries."""
REASON = "deliveries whose answer was lost wait for a decision: send them again, or leave them as they are"


async def hold_unknown(tx: Transaction, announcement_id: int) -> int:
    """Hold whoever is in doubt now, instead of handing over again; returns how many that were."""
    about = await tx.row("SELECT code, author FROM announcement WHERE id = :id", id=announcement_id)
    doubtful = await tx.rows(
        "SELECT d.reference, m.uid FROM delivery d JOIN audience_member m ON m.id = d.member_id "
        "WHERE d.announcement_id = :id AND d.state = 'unknown'",
        id=announcement_id,
    )
    if about is None or not doubtful:
        return 0
    await tx.write(
        "UPDATE delivery SET state = 'held', changed_at = :now "
        "WHERE announcement_id = :id AND state = 'unknown'",
        {"id": announcement_id, "now": tx.now_us()},
    )
    await open_hold(tx, announcement_id, kind=HOLD, reason=REASON, owner=about.author)
    for row in doubtful:
        facts = {"announcement": about.code, "delivery": row.reference, "member": row.uid}
        tx.record(Event(AuditAction.DELIVERY_HELD, {**facts, "reason": "answers-lost"}))
    return len(doubtful)
