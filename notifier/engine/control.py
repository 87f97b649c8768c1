"""What an operator can do to a released announcement: pause, resume, cancel, decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.engine import doubt, failing, trail
from notifier.engine.batches import UNREADABLE, plain
from notifier.engine.dispatch import Dispatcher
from notifier.engine.holds import (
    LATER,
    LOST,
    PAUSES,
    STEPS,
    STOPS,
    TROUBLES,
    WARNINGS,
    about,
    ask_author,
    end_holds,
    is_open,
    open_hold,
    stopped_channels,
)
from notifier.engine.planning import put_starts
from notifier.engine.schedule import ready_wave
from notifier.engine.sending import window_of
from notifier.engine.windows import MINUTE
from notifier.errors import BadInput, Conflict, NotFound
from notifier.store import Transaction

SENDING_HOLDS = (
    *PAUSES,
    *STOPS,
    "canary",
    *TROUBLES,
    STEPS,
    "order",
    "release",
    doubt.HOLD,
    trail.HOLD,
    UNREADABLE,
    failing.HOLD,
    *WARNINGS,
)
"""Kinds of hold that mean nothing any more once nothing is left to send."""


async def find(tx: Transaction, code: str, *, lock: bool = False) -> Row[Any]:
    """Return the latest revision of the announcement called ``code``; ``lock`` keeps it as it is until the
    end of the transaction.
    """
    update = " FOR UPDATE" if lock and tx.dialect == "postgresql" else ""
    row = await tx.row(
        f"SELECT * FROM announcement WHERE code = :code ORDER BY revision DESC LIMIT 1{update}", code=code
    )
    if row is None:
        raise NotFound(
            f"there is no announcement {code}", advice="List them with `notifier announcements list`."
        )
    return row


async def _as_seen(tx: Transaction, code: str) -> Row[Any]:
    """Return an announcement, locked. What somebody else changes while it is waited for is ``Conflict``: what
    they did is not undone by somebody who could not know of it.
    """
    seen = await find(tx, code)
    stood = await stopped_channels(tx, seen.id)
    now = await find(tx, code, lock=True)
    if (seen.state, seen.control, stood) != (now.state, now.control, await stopped_channels(tx, now.id)):
        raise Conflict(
            f"{code} has changed just now",
            advice=f"Look at it with `notifier announcements status {code}`, then try again.",
        )
    return now


def _require(reason: str) -> None:
    if not reason.strip():
        raise BadInput("the reason is missing", advice="Say in a few words why, with --reason.")


async def pause(tx: Transaction, code: str, *, operator: str, reason: str) -> None:
    """Stop opening hand-overs. Workers look before each flush, so within a fraction of a second.

    What stands still for another cause, such as an order, is paused besides: the end of that cause does not
    let it go on.
    """
    _require(reason)
    announcement = await find(tx, code, lock=True)
    if announcement.state != "released":
        raise Conflict(
            f"{code} is not being sent", advice=f"Look at it with `notifier announcements status {code}`."
        )
    if await is_open(tx, announcement.id, "pause"):
        raise Conflict(f"{code} is paused already", advice=f"`notifier announcements resume {code}` ends it.")
    await tx.write("UPDATE announcement SET control = 'pause' WHERE id = :id", {"id": announcement.id})
    await open_hold(tx, announcement.id, kind="pause", reason=reason, owner=operator)
    facts = {
        "announcement": code,
        "actor": f"operator:{operator}",
        "reason_digest": tx.commitment("reason", reason),
    }
    tx.record(Event(AuditAction.ANNOUNCEMENT_PAUSED, facts))


async def pause_all(tx: Transaction, *, kind: str, reason: str, only: int = 0) -> int:
    """Pause whatever is released (or ``only`` this), without an operator; returns how many announcements
    that were.

    Where it stands still already, for an order or somebody's own pause, the hold is opened all the same: the
    end of the other cause does not let it go on. A hold of the kind that is open already stays as it is.
    """
    paused = await tx.write_returning(
        "UPDATE announcement SET control = 'pause' WHERE state = 'released' AND :only IN (0, id) "
        "AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.announcement_id = announcement.id AND h.kind = :kind "
        "AND h.ended_at IS NULL) RETURNING id, code, author",
        {"only": only, "kind": kind},
    )
    for row in paused:
        await open_hold(tx, row.id, kind=kind, reason=reason, owner=row.author)
        facts = {
            "announcement": row.code,
            "actor": "system",
            "reason_digest": tx.commitment("reason", reason),
        }
        tx.record(Event(AuditAction.ANNOUNCEMENT_PAUSED, facts))
    return len(paused)


async def stop_countdowns(tx: Transaction, *, kind: str, reason: str) -> int:
    """Stop every countdown, without an operator, and ask its owner under a hold of ``kind``; returns how many
    there were.
    """
    stopped = await tx.write_returning(
        "UPDATE announcement SET state = 'approved', release_at = NULL WHERE state = 'countdown'"
        " RETURNING id, code, author"
    )
    for row in stopped:
        await tx.housekeep(
            "UPDATE schedule SET next_fire_at = NULL WHERE announcement_id = :id AND kind = 'release'",
            {"id": row.id},
        )
        await open_hold(tx, row.id, kind=kind, reason=reason, owner=row.author)
        facts = {"announcement": row.code, "actor": "system"}
        tx.record(Event(AuditAction.ANNOUNCEMENT_STOPPED, facts))
    return len(stopped)


async def resume(tx: Transaction, code: str, *, operator: str, dispatcher: Dispatcher) -> int:
    """Go on after a pause, with a channel that stands still, or after the canary; returns how many waves were
    freed.

    Where answers had been lost in numbers, whoever is in doubt is held for a decision of its own.
    """
    announcement = await _as_seen(tx, code)
    if announcement.state != "released":
        raise Conflict(f"{code} is not released", advice=f"See `notifier announcements show {code}`.")
    if await is_open(tx, announcement.id, "order"):
        raise Conflict(f"{code} is on hold by order", advice="It goes on when the order is ended.")
    waiting = await tx.rows(
        "SELECT id, number FROM wave WHERE announcement_id = :id AND state = 'held' ORDER BY number",
        id=announcement.id,
    )
    canary = await tx.scalar(
        "SELECT id FROM wave WHERE announcement_id = :id AND number = 0 AND state IN ('ready', 'done')",
        id=announcement.id,
    )
    stands = announcement.control == "pause" or bool(await stopped_channels(tx, announcement.id))
    if not stands and not (waiting and canary):
        raise Conflict(f"{code} is neither paused nor waiting after its canary")
    await tx.write("UPDATE announcement SET control = 'run' WHERE id = :id", {"id": announcement.id})
    actor = f"operator:{operator}"
    for channel in ("email", LATER):
        if await is_open(tx, announcement.id, about(LOST, channel)):
            await doubt.hold_unknown(tx, announcement.id, channel)
    freed = 0
    if not stands and canary and waiting:
        freed = await _free(tx, announcement, waiting, dispatcher, actor)
    ended = (*PAUSES, *STOPS, *(("canary",) if freed else ()))
    await end_holds(tx, announcement.id, kinds=ended, actor=actor)
    tx.record(Event(AuditAction.ANNOUNCEMENT_RESUMED, {"announcement": code, "actor": actor, "waves": freed}))
    return freed


async def _free(
    tx: Transaction,
    announcement: Row[Any],
    waiting: Sequence[Row[Any]],
    dispatcher: Dispatcher,
    actor: str,
) -> int:
    """Start the first waiting wave now and give the others their time."""
    plan = plain(announcement.plan)
    window = window_of(plan)
    every = int(plan.get("wave_every_minutes") or 0) * MINUTE
    now = tx.now_us()
    for turn, wave in enumerate(waiting):
        start = now + turn * every
        await put_starts(tx, announcement.id, {wave.id: start}, window)
        await tx.write(
            "UPDATE delivery SET due_at = s.due_at FROM send_batch b, wave_start s, audience_member m "
            "WHERE b.wave_id = :wave AND delivery.batch_id = b.id AND m.id = delivery.member_id "
            "AND s.wave_id = b.wave_id AND s.time_zone = m.time_zone AND delivery.state = 'planned'",
            {"wave": wave.id},
        )
        await tx.write(
            "UPDATE wave SET start_at = :start, state = 'planned' WHERE id = :id",
            {"start": start, "id": wave.id},
        )
        if every == 0 or turn == 0:
            await ready_wave(tx, announcement.id, wave.id, dispatcher, actor=actor)
        else:
            await tx.housekeep(
                "UPDATE schedule SET next_fire_at = :start WHERE kind = 'wave' AND subject_id = :wave",
                {"start": start, "wave": wave.id},
            )
    return len(waiting)


async def next_wave(tx: Transaction, code: str, *, operator: str, dispatcher: Dispatcher) -> int:
    """Start the next planned wave now instead of at its time; returns how many people are in it."""
    announcement = await _as_seen(tx, code)
    wave = await tx.row(
        "SELECT id, number, people FROM wave WHERE announcement_id = :id AND state = 'planned' "
        "ORDER BY number LIMIT 1",
        id=announcement.id,
    )
    if announcement.state != "released" or announcement.control != "run" or wave is None:
        raise Conflict(
            f"no wave of {code} is waiting for its time",
            advice=f"Look at it with `notifier announcements status {code}`.",
        )
    actor = f"operator:{operator}"
    await _free(tx, announcement, [wave], dispatcher, actor)
    await tx.housekeep(
        "UPDATE schedule SET next_fire_at = NULL WHERE kind = 'wave' AND subject_id = :wave",
        {"wave": wave.id},
    )
    facts: dict[str, Json] = {"announcement": code, "wave": wave.number, "actor": actor}
    tx.record(Event(AuditAction.WAVE_ADVANCED, facts))
    return int(wave.people)


async def cancel(tx: Transaction, code: str, *, operator: str, reason: str) -> int:
    """End an announcement: nothing more is handed over. Returns how many deliveries were cancelled.

    What is being handed over at this moment still gets its answer; what is in doubt stays on record as
    held, because it may have arrived.
    """
    _require(reason)
    announcement = await find(tx, code, lock=True)
    if announcement.state in {"closed", "cancelled"}:
        raise Conflict(
            f"{code} is already {announcement.state}", advice="There is nothing left in it to end."
        )
    await tx.write(
        "UPDATE announcement SET control = 'cancel', state = 'cancelled', closed_at = :now, "
        "closed_because = :reason WHERE id = :id",
        {"id": announcement.id, "now": tx.now_us(), "reason": reason},
    )
    actor = f"operator:{operator}"
    cancelled = await cancel_rest(tx, announcement.id)
    await tx.housekeep(
        "UPDATE schedule SET next_fire_at = NULL WHERE announcement_id = :id", {"id": announcement.id}
    )
    await end_holds(tx, announcement.id, kinds=SENDING_HOLDS, actor=actor)
    facts: dict[str, Json] = {
        "announcement": code,
        "actor": actor,
        "reason_digest": tx.commitment("reason", reason),
        "deliveries": cancelled,
    }
    tx.record(Event(AuditAction.ANNOUNCEMENT_CANCELLED, facts))
    return cancelled


async def cancel_rest(tx: Transaction, announcement_id: int) -> int:
    """Cancel what still waits, hold what is in doubt; records nothing where there is nothing."""
    now = tx.now_us()
    cancelled = await tx.write(
        "UPDATE delivery SET state = 'cancelled', changed_at = :now WHERE announcement_id = :id "
        "AND state IN ('planned', 'deferred')",
        {"id": announcement_id, "now": now},
    )
    held = await tx.write(
        "UPDATE delivery SET state = 'held', changed_at = :now WHERE announcement_id = :id "
        "AND state = 'unknown'",
        {"id": announcement_id, "now": now},
    )
    if cancelled or held:
        code = await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=announcement_id)
        facts = {"announcement": code, "cancelled": cancelled, "held": held}
        tx.record(Event(AuditAction.DELIVERIES_CANCELLED, facts))
    return cancelled


async def send_again(tx: Transaction, reference: str, *, operator: str, dispatcher: Dispatcher) -> None:
    """Let a held delivery be handed over again, with the same Message-ID: a person has decided."""
    row = await tx.row(
        "SELECT d.id, d.batch_id, d.announcement_id, d.state, a.code, a.state AS announced, m.uid "
        "FROM notice n JOIN delivery d ON d.member_id = n.member_id AND d.notice_id = n.id "
        "JOIN announcement a ON a.id = d.announcement_id JOIN audience_member m ON m.id = d.member_id "
        "WHERE n.reference = :reference",
        reference=reference,
    )
    if row is None:
        raise NotFound(
            "there is no delivery with this reference",
            advice="`notifier customers show` gives the references of a person's deliveries.",
        )
    if row.state != "held" or row.announced != "released":
        raise Conflict(f"this delivery is {row.state}, only a held one of a running announcement goes again")
    await tx.write(
        "UPDATE delivery SET state = 'planned', due_at = :now, changed_at = :now, left_at = NULL "
        "WHERE id = :id AND state = 'held'",
        {"id": row.id, "now": tx.now_us()},
    )
    await tx.housekeep(
        "UPDATE send_batch SET state = 'ready', not_before = 0 WHERE id = :id AND state IN ('done', 'ready')",
        {"id": row.batch_id},
    )
    await dispatcher.dispatch(tx, [row.batch_id], not_before=0)
    if not await doubt.undecided(tx, row.announcement_id):
        await end_holds(tx, row.announcement_id, kinds=(doubt.HOLD,), actor=f"operator:{operator}")
        if await doubt.undecided(tx, row.announcement_id):  # Held by a worker since they were counted.
            await ask_author(tx, row.announcement_id, kind=doubt.HOLD, reason=doubt.REASON)
    facts = {
        "announcement": row.code,
        "delivery": reference,
        "member": row.uid,
        "actor": f"operator:{operator}",
    }
    tx.record(Event(AuditAction.DELIVERY_RELEASED, facts))
