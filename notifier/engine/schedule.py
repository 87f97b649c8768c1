"""When things fire. APScheduler only wakes us; the ``schedule`` table is the truth.

A fire is one transaction: compare-and-set of ``next_fire_at``, a ``send_run`` row whose unique constraint
lets one of several workers win, and what the firing does. So a restart, a late timer or two processes
fire once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.engine.batches import plain
from notifier.engine.dispatch import Dispatcher
from notifier.engine.holds import change_reason, end_holds, open_hold
from notifier.engine.windows import MINUTE
from notifier.errors import Refused
from notifier.store import Store, Transaction
from notifier.words import amount

CANARY_GOOD_ENOUGH = 80
"""Percent of the canary that must have been accepted before the waves go on by themselves."""

LOOK_AGAIN = MINUTE
"""How long after a canary with open deliveries was judged it is judged again."""

Release = Callable[[Transaction, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Canary:
    """How the canary stands: its people, those accepted, those for whom something may still happen."""

    people: int
    good: int
    open: int

    @property
    def went_well(self) -> bool:
        """Whether enough of it was accepted."""
        return self.people > 0 and 100 * self.good >= CANARY_GOOD_ENOUGH * self.people


@dataclass(frozen=True, slots=True)
class Fired:
    """A schedule that fired."""

    kind: str
    announcement_id: int
    refused: str = ""
    """Why what was due could not be done."""
    failed: str = ""
    """What kind of error kept it from being done this time; it is still due."""


async def next_fire(store: Store) -> int | None:
    """Return the instant of the earliest schedule, or ``None``."""
    async with store.read() as tx:
        found = await tx.scalar("SELECT min(next_fire_at) FROM schedule WHERE next_fire_at IS NOT NULL")
    return None if found is None else int(found)


async def fire_due(
    store: Store, *, release: Release, refused: Release, dispatcher: Dispatcher
) -> list[Fired]:
    """Fire everything that is due; returns what this process fired.

    ``release`` enqueues an announcement at the end of its countdown, in the firing's own transaction. If
    it refuses (an approval has expired or been voided), the schedule is spent and ``refused`` notes that.
    One that fails otherwise stays due and keeps no other from firing.
    """
    async with store.read() as tx:
        now = tx.now_us()
        due = await tx.rows(
            "SELECT id, announcement_id, kind, subject_id, next_fire_at FROM schedule "
            "WHERE next_fire_at <= :now ORDER BY next_fire_at, id",
            now=now,
        )
    fired = []
    for row in due:
        try:
            one = await _fire(store, row, release=release, refused=refused, dispatcher=dispatcher)
        except Exception as error:  # noqa: BLE001 - one that cannot be fired must not stop the others
            one = Fired(row.kind, row.announcement_id, failed=type(error).__name__)
        if one is not None:
            fired.append(one)
    return fired


async def _fire(
    store: Store, row: Row[Any], *, release: Release, refused: Release, dispatcher: Dispatcher
) -> Fired | None:
    try:
        async with store.begin() as tx:
            if not await _win(tx, row.id, row.next_fire_at):
                return None
            if row.kind == "release":
                await release(tx, row.announcement_id)
            else:
                await start_wave(tx, row.announcement_id, row.subject_id, dispatcher)
    except Refused as no:
        async with store.begin() as tx:
            if await _win(tx, row.id, row.next_fire_at):
                await refused(tx, row.announcement_id)
        return Fired(row.kind, row.announcement_id, str(no))
    return Fired(row.kind, row.announcement_id)


async def _win(tx: Transaction, schedule_id: int, fire_at: int) -> bool:
    moved = await tx.housekeep(
        "UPDATE schedule SET next_fire_at = NULL WHERE id = :id AND next_fire_at = :seen RETURNING id",
        {"id": schedule_id, "seen": fire_at},
    )
    if not moved:
        return False
    won = await tx.housekeep(
        "INSERT INTO send_run (schedule_id, fire_at, fired_at) VALUES (:id, :fire_at, :now) "
        "ON CONFLICT DO NOTHING RETURNING id",
        {"id": schedule_id, "fire_at": fire_at, "now": tx.now_us()},
    )
    return bool(won)


async def start_wave(tx: Transaction, announcement_id: int, wave_id: int, dispatcher: Dispatcher) -> None:
    """Make a wave's batches ready. A wave behind a canary starts by itself only if the canary went well;
    otherwise it stays held until a person resumes it.
    """
    wave = await tx.row(
        "SELECT w.number, w.state, w.people, a.code FROM wave w "
        "JOIN announcement a ON a.id = w.announcement_id WHERE w.id = :id",
        id=wave_id,
    )
    if wave is None or wave.state in {"ready", "done"}:
        return
    if wave.state == "held":
        if not await _may_follow(tx, announcement_id, wave_id):
            return
        await _free_the_others(tx, announcement_id, wave_id)
    await ready_wave(tx, announcement_id, wave_id, dispatcher)


async def _may_follow(tx: Transaction, announcement_id: int, wave_id: int) -> bool:
    """Say whether this held wave may start by itself. Only the first held one asks: no wave overtakes it.

    While canary deliveries are open it will be asked again; once none is, the hold says how it ended.
    """
    first = await tx.scalar(
        "SELECT id FROM wave WHERE announcement_id = :id AND state = 'held' ORDER BY number LIMIT 1",
        id=announcement_id,
    )
    if first != wave_id:
        return False
    canary = await canary_so_far(tx, announcement_id)
    if canary.went_well:
        return True
    if canary.open:
        again = tx.now_us() + LOOK_AGAIN
        await tx.housekeep(
            "UPDATE schedule SET next_fire_at = :again WHERE kind = 'wave' AND subject_id = :wave",
            {"again": again, "wave": wave_id},
        )
        return False
    reason = f"only {canary.good} of {canary.people} of the canary were accepted: look, then resume or cancel"
    await change_reason(tx, announcement_id, kind="canary", reason=reason)
    return False


async def _free_the_others(tx: Transaction, announcement_id: int, wave_id: int) -> None:
    """Let the held waves behind this one follow at their intervals, counted from now."""
    plan = plain(await tx.scalar("SELECT plan FROM announcement WHERE id = :id", id=announcement_id))
    every = int(plan.get("wave_every_minutes") or 0) * MINUTE
    others = await tx.rows(
        "SELECT id, start_at FROM wave WHERE announcement_id = :id AND state = 'held' AND id <> :wave "
        "ORDER BY number",
        id=announcement_id,
        wave=wave_id,
    )
    for turn, other in enumerate(others, start=1):
        start_at = max(other.start_at, tx.now_us() + turn * every)
        await tx.write(
            "UPDATE wave SET state = 'planned', start_at = :at WHERE id = :id",
            {"at": start_at, "id": other.id},
        )
        await tx.housekeep(
            "UPDATE schedule SET next_fire_at = :at WHERE kind = 'wave' AND subject_id = :wave",
            {"at": start_at, "wave": other.id},
        )


async def ready_wave(
    tx: Transaction, announcement_id: int, wave_id: int, dispatcher: Dispatcher, *, actor: str = "system"
) -> None:
    """Make a wave's batches ready now and end the hold before them; ``actor`` is whoever started it."""
    (wave,) = await tx.write_returning(
        "UPDATE wave SET state = 'ready' WHERE id = :id RETURNING number, people", {"id": wave_id}
    )
    ready = await tx.write_returning(
        "UPDATE send_batch SET state = 'ready', not_before = COALESCE((SELECT min(due_at) FROM delivery "
        "WHERE batch_id = send_batch.id), 0) WHERE wave_id = :id AND state = 'planned' "
        "RETURNING id, not_before",
        {"id": wave_id},
    )
    by_time: dict[int, list[int]] = {}
    for row in ready:
        by_time.setdefault(row.not_before, []).append(row.id)
    for not_before, batches in by_time.items():
        await dispatcher.dispatch(tx, batches, not_before=not_before)
    code = await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=announcement_id)
    if wave.number == 0:
        await _hold_the_rest(tx, announcement_id)
    elif not await tx.scalar(
        "SELECT count(*) FROM wave WHERE announcement_id = :id AND state = 'held'", id=announcement_id
    ):
        await end_holds(tx, announcement_id, kinds=("canary",), actor=actor)
    tx.record(
        Event(
            AuditAction.WAVE_STARTED,
            {"announcement": code, "wave": wave.number, "people": wave.people, "actor": actor},
        )
    )


async def _hold_the_rest(tx: Transaction, announcement_id: int) -> None:
    """Open the hold in which the waves behind a canary wait."""
    row = await tx.row(
        "SELECT w.id, a.author, a.plan FROM wave w JOIN announcement a ON a.id = w.announcement_id "
        "WHERE a.id = :id AND w.state = 'held' ORDER BY w.number LIMIT 1",
        id=announcement_id,
    )
    if row is None:
        return
    minutes = int(plain(row.plan).get("canary_hold_minutes") or 0)
    reason = (
        f"goes on by itself in {amount(minutes, 'minute')} if {CANARY_GOOD_ENOUGH} % of it are accepted"
        if minutes
        else "waits for a person to look at the canary and resume"
    )
    await open_hold(tx, announcement_id, kind="canary", reason=reason, owner=row.author, wave_id=row.id)


async def canary_so_far(tx: Transaction, announcement_id: int) -> Canary:
    """Count the canary of an announcement."""
    row = await tx.row(
        "SELECT count(*) AS people, "
        "sum(CASE WHEN d.state IN ('accepted', 'delivered') THEN 1 ELSE 0 END) AS good, "
        "sum(CASE WHEN d.state IN ('planned', 'handing-over', 'deferred', 'unknown') THEN 1 ELSE 0 END) "
        "AS open "
        "FROM delivery d JOIN send_batch b ON b.id = d.batch_id JOIN wave w ON w.id = b.wave_id "
        "WHERE d.announcement_id = :id AND w.number = 0",
        id=announcement_id,
    )
    return Canary(row.people, row.good or 0, row.open or 0) if row is not None else Canary(0, 0, 0)
