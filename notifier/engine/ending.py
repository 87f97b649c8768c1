"""What closing an announcement does to its deliveries, and commits to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.audit.outcomes import Outcomes, outcomes
from notifier.store import Transaction


async def withdraw_banners(tx: Transaction, announcement: Row[Any]) -> None:
    """Take back the banners that nobody has come to see."""
    taken = await tx.write(
        "UPDATE delivery SET state = 'cancelled', changed_at = :now WHERE announcement_id = :id"
        " AND channel = 'banner' AND state = 'planned'",
        {"id": announcement.id, "now": tx.now_us()},
    )
    if taken:
        facts = {"announcement": announcement.code, "cancelled": taken, "held": 0}
        tx.record(Event(AuditAction.DELIVERIES_CANCELLED, facts))


async def outcomes_of(tx: Transaction, announcement_id: int) -> Outcomes:
    """Return how every delivery stands now."""
    return await outcomes(
        tx.stream(
            "SELECT reference, state FROM delivery WHERE announcement_id = :id ORDER BY reference",
            id=announcement_id,
        )
    )
