"""Closing an announcement: when it may be, what it does to deliveries, and what it commits to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from notifier.acknowledgements import ACKNOWLEDGED
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.audit.outcomes import Outcomes, outcomes
from notifier.clock import from_instant
from notifier.deliveries import State
from notifier.engine import doubt
from notifier.engine.control import SENDING_HOLDS, find
from notifier.engine.holds import end_holds
from notifier.engine.reckoning import reckon, required_ahead
from notifier.errors import Conflict
from notifier.standing import STEPS_AHEAD
from notifier.store import Transaction
from notifier.words import amount, persons

_HOUR = 3_600_000_000


async def close(
    tx: Transaction, code: str, *, operator: str, settled_hours: float = 0, early: str = ""
) -> dict[str, int]:
    """Close an announcement in which nothing is open any more; returns how many people stand at what.

    Who was left in doubt by a person's decision stays held, and counts as such. ``early`` is why not
    to wait for what was accepted less than ``settled_hours`` ago.
    The entry commits to every outcome: the RFC 6962 root over ``reference state`` lines, sorted.
    """
    # Receipts wait for the end of this transaction: each outcome is committed to as it stands.
    announcement = await find(tx, code, lock=True)
    if announcement.state != "released":
        raise Conflict(
            f"{code} is {announcement.state}, only a released announcement is closed",
            advice="A draft that is not wanted any more is cancelled.",
        )
    account = await reckon(tx, announcement.id)
    waiting = await doubt.undecided(tx, announcement.id)
    if account.steps_ahead:
        raise Conflict(
            f"the channel plan of {code} is not at its end for {persons(account.steps_ahead)}",
            advice=f"Wait; `notifier announcements status {code}` says what is to come.",
        )
    if required := await required_ahead(tx, announcement.id):
        raise Conflict(
            f"a channel that the law requires is still to come for {persons(required)} in {code}",
            advice="Wait; to end it all the same, cancel it.",
        )
    if still_open := account.open - account.deliveries.get(State.HELD, 0) + waiting:
        raise Conflict(
            f"still open in {code}: {amount(still_open, 'delivery')}",
            advice=f"Decide about those that are held: `notifier announcements decide {code} leave`, or "
            "`send-again`."
            if waiting
            else f"Wait; see `notifier announcements status {code}`.",
        )
    unsettled = await _require_settled(tx, announcement, settled_hours, early)
    await _withdraw_banners(tx, announcement)
    ended = await _outcomes_of(tx, announcement.id)
    await tx.write(
        "UPDATE announcement SET state = 'closed', closed_at = :now WHERE id = :id",
        {"id": announcement.id, "now": tx.now_us()},
    )
    # A relay that never took another message leaves its hold open: nobody need be alerted any more.
    await end_holds(tx, announcement.id, kinds=SENDING_HOLDS, actor=f"operator:{operator}")
    counts = {state: count for state, count in account.deliveries.items() if count}
    if account.offered:
        counts["offered"] = account.offered
    if account.acknowledged:
        counts["acknowledged"] = account.acknowledged
    tx.record(
        Event(
            AuditAction.ANNOUNCEMENT_CLOSED,
            {
                "announcement": code,
                "actor": f"operator:{operator}",
                "counts": counts,
                "people": account.people,
                **ended.as_facts(),
                **unsettled,
            },
        )
    )
    return counts


async def _withdraw_banners(tx: Transaction, announcement: Row[Any]) -> None:
    """Take back the banners that nobody has come to see."""
    taken = await tx.write(
        "UPDATE delivery SET state = 'cancelled', changed_at = :now WHERE announcement_id = :id"
        " AND channel = 'banner' AND state = 'planned'",
        {"id": announcement.id, "now": tx.now_us()},
    )
    if taken:
        facts = {"announcement": announcement.code, "cancelled": taken, "held": 0}
        tx.record(Event(AuditAction.DELIVERIES_CANCELLED, facts))


async def _require_settled(
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


async def _outcomes_of(tx: Transaction, announcement_id: int) -> Outcomes:
    """Return how every delivery stands now."""
    return await outcomes(
        tx.stream(
            "SELECT reference, state FROM delivery WHERE announcement_id = :id ORDER BY reference",
            id=announcement_id,
        )
    )
