"""What closing an announcement does to its deliveries, and commits to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from notifier.acknowledgements import ACKNOWLEDGED
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.audit.outcomes import Outcomes, outcomes
from notifier.clock import from_instant
from notifier.deliveries import State
from notifier.errors import Conflict
from notifier.standing import STEPS_AHEAD
from notifier.store import Transaction
from notifier.words import persons

_HOUR = 3_600_000_000


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


async def require_settled(
    tx: Transaction, announcement: Row[Any], hours: float, early: str
) -> dict[str, Json]:
    """Return what closing says of people who would be gone on with, should their notice come back: it was
    accepted less than ``hours`` ago and their channel plan has more. Without the reason ``early`` they are a
    ``Conflict``: nobody goes on with them once it is closed.
    """
    row = await tx.row(
        "SELECT count(DISTINCT m.id) AS people, max(d.changed_at) AS last FROM announcement a"
        " JOIN delivery d ON d.announcement_id = a.id JOIN audience_member m ON m.id = d.member_id"
        f" WHERE a.id = :id AND d.channel <> 'banner' AND d.state = '{State.ACCEPTED}'"
        f" AND d.changed_at > :since AND {STEPS_AHEAD} AND NOT {ACKNOWLEDGED}",
        id=announcement.id,
        since=tx.now_us() - int(hours * _HOUR),
    )
    if row is None or not row.people:
        return {}
    if not early.strip():
        until = from_instant(row.last + int(hours * _HOUR))
        raise Conflict(
            f"what was accepted may come back from {persons(row.people)}, whose plan has more steps",
            advice=f"Wait until {until:%Y-%m-%d %H:%M} UTC, or close it with --early REASON: whoever's comes"
            " back then is listed as not reached.",
        )
    return {"unsettled": row.people, "reason_digest": tx.commitment("reason", early)}


async def outcomes_of(tx: Transaction, announcement_id: int) -> Outcomes:
    """Return how every delivery stands now."""
    return await outcomes(
        tx.stream(
            "SELECT reference, state FROM delivery WHERE announcement_id = :id ORDER BY reference",
            id=announcement_id,
        )
    )
