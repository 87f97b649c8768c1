"""Deliveries in doubt that wait for a person: the message may have arrived, as only the relay's log tells.

They are ``held`` until somebody sends them again or leaves them as they are. What is left stays on record as
held, that is in doubt; ``left_at`` says that somebody decided so.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.audit.merkle import root
from notifier.engine.dispatch import Dispatcher
from notifier.engine.holds import change_reason, end_holds, open_hold
from notifier.errors import BadInput, Conflict
from notifier.store import Transaction
from notifier.words import persons

HOLD = "in-doubt"
"""The kind of hold that is open while somebody has to decide about held deliveries."""
REASON = "deliveries whose answer was lost wait for a decision: send them again, or leave them"

UNDECIDED = "(d.state = 'held' AND d.left_at IS NULL)"
"""Of a delivery ``d``: it is held, and nobody has decided to leave it so."""


class Decision(StrEnum):
    """What becomes of held deliveries."""

    SEND_AGAIN = "send-again"
    LEAVE = "leave"


async def hold_unknown(tx: Transaction, announcement_id: int, channel: str) -> int:
    """Hold whoever is in doubt on a channel now, instead of handing over again; returns how many."""
    about = await tx.row("SELECT code, author FROM announcement WHERE id = :id", id=announcement_id)
    doubtful = await tx.write_returning(
        "UPDATE delivery SET state = 'held', changed_at = :now "
        "WHERE announcement_id = :id AND channel = :channel AND state = 'unknown' RETURNING reference, "
        "(SELECT m.uid FROM audience_member m WHERE m.id = delivery.member_id) AS uid",
        {"id": announcement_id, "channel": channel, "now": tx.now_us()},
    )
    if about is None or not doubtful:
        return 0
    await open_hold(tx, announcement_id, kind=HOLD, reason=REASON, owner=about.author)
    for row in doubtful:
        facts = {"announcement": about.code, "delivery": row.reference, "member": row.uid}
        tx.record(Event(AuditAction.DELIVERY_HELD, {**facts, "reason": "answers-lost"}))
    return len(doubtful)


async def undecided(tx: Transaction, announcement_id: int) -> int:
    """Return how many held deliveries wait for a decision."""
    return int(
        await tx.scalar(
            f"SELECT count(*) FROM delivery d WHERE d.announcement_id = :id AND {UNDECIDED}",
            id=announcement_id,
        )
        or 0
    )


async def held(tx: Transaction, announcement_id: int) -> Sequence[Row[Any]]:
    """Return all held deliveries, without personal data; ``undecided`` is 0 where they were left so."""
    return await tx.rows(
        "SELECT d.reference, d.attempts, d.opened_at, d.changed_at, "
        f"CASE WHEN {UNDECIDED} THEN 1 ELSE 0 END AS undecided "
        "FROM delivery d WHERE d.announcement_id = :id AND d.state = 'held' ORDER BY d.reference",
        id=announcement_id,
    )


async def decide(
    tx: Transaction,
    announcement: Row[Any],
    decision: Decision,
    *,
    people: int,
    reason: str,
    operator: str,
    dispatcher: Dispatcher,
) -> int:
    """Decide about all held deliveries at once; ``people`` is how many the operator says they are.

    Sent again, they are handed over once more with the same Message-ID. Left, they stay held, and no longer
    stand in the way of closing. Returns how many they were.
    """
    code = str(announcement.code)
    if not reason.strip():
        raise BadInput("the reason is missing", advice="Say in a few words why, with --reason.")
    if announcement.state != "released":
        raise Conflict(
            f"{code} is {announcement.state}; only about a released announcement can be decided",
            advice=f"Look at it with `notifier announcements status {code}`.",
        )
    waiting = await tx.rows(
        "SELECT d.id, d.batch_id, d.reference, m.uid FROM delivery d "
        "JOIN audience_member m ON m.id = d.member_id "
        f"WHERE d.announcement_id = :id AND {UNDECIDED} ORDER BY d.reference",
        id=announcement.id,
    )
    if not waiting:
        raise Conflict(
            f"nobody of {code} waits for a decision",
            advice=f"`notifier announcements held {code}` lists who is held, and who was left so.",
        )
    if people != len(waiting):
        raise BadInput(
            f"{persons(len(waiting))} of {code} wait for a decision, not {people:,}; nothing was decided",
            advice=f"Look with `notifier announcements held {code}`, then type their number.",
        )
    actor = f"operator:{operator}"
    if decision is Decision.SEND_AGAIN:
        await _send_again(tx, code, waiting, actor, dispatcher)
    else:
        await _set(tx, code, waiting, "left_at = :now")
    await open_hold(tx, announcement.id, kind=HOLD, reason=REASON, owner=operator)
    await change_reason(tx, announcement.id, kind=HOLD, reason=f"{decision}: {reason}")
    await end_holds(tx, announcement.id, kinds=(HOLD,), actor=actor)
    if await undecided(tx, announcement.id):  # Held by a worker since they were counted.
        await open_hold(tx, announcement.id, kind=HOLD, reason=REASON, owner=operator)
    facts: dict[str, Json] = {
        "announcement": code,
        "actor": actor,
        "decision": str(decision),
        "count": len(waiting),
        "root": root([row.reference.encode() for row in waiting]).hex(),
        "reason_digest": tx.commitment("reason", reason),
    }
    tx.record(Event(AuditAction.DOUBT_DECIDED, facts))
    return len(waiting)


async def _set(tx: Transaction, code: str, waiting: Sequence[Row[Any]], what: str) -> None:
    """Write the decision to just those it was about, or to none: who is held meanwhile needs another one."""
    decided = await tx.write(
        f"UPDATE delivery SET {what} FROM {tx.recordset('ids', 'v', id='bigint')} "
        "WHERE delivery.id = v.id AND delivery.state = 'held' AND delivery.left_at IS NULL",
        {"now": tx.now_us(), "ids": orjson.dumps([{"id": row.id} for row in waiting]).decode()},
    )
    if decided != len(waiting):
        raise Conflict(
            f"somebody else has just decided about people of {code}; nothing was decided",
            advice=f"Look with `notifier announcements held {code}`, then decide again.",
        )


async def _send_again(
    tx: Transaction, code: str, waiting: Sequence[Row[Any]], actor: str, dispatcher: Dispatcher
) -> None:
    await _set(tx, code, waiting, "state = 'planned', due_at = :now, changed_at = :now")
    batches = sorted({row.batch_id for row in waiting})
    await tx.housekeep(
        "UPDATE send_batch SET state = 'ready', not_before = 0 WHERE state IN ('done', 'ready') "
        f"AND id IN (SELECT v.id FROM {tx.recordset('ids', 'v', id='bigint')})",
        {"ids": orjson.dumps([{"id": one} for one in batches]).decode()},
    )
    await dispatcher.dispatch(tx, batches, not_before=0)
    for row in waiting:
        facts = {"announcement": code, "delivery": row.reference, "member": row.uid, "actor": actor}
        tx.record(Event(AuditAction.DELIVERY_RELEASED, facts))
