"""When what is being sent will be done, and, while it stands still, until when it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from notifier.engine import trail
from notifier.engine.batches import plain
from notifier.engine.doubt import UNDECIDED
from notifier.engine.holds import PAUSES, TROUBLES, stopped_channels
from notifier.engine.sending import window_of
from notifier.engine.windows import MINUTE, SECOND
from notifier.forecasts import ASSUMED_RATE, Group, finish
from notifier.store import Transaction

_STOPPING = (*PAUSES, "order", *TROUBLES, trail.HOLD)
"""Kinds of hold under which nothing is handed over."""
_RATE_OVER = 60 * SECOND
_ANSWERS = 5000
_FEW = 100
"""Fewer answers, in less than half the time, do not tell a rate."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the sending will be done, as far as can be told."""

    remaining: int
    rate_per_second: float
    """Hand-overs answered in the last minute of sending; before that, what is allowed or assumed."""
    finish_at: int | None
    """Instant; ``None`` while it stands still, or where it would take more than 60 days."""
    deadline: int
    """Instant; 0 for none."""
    stopped: bool = False
    """Whether it stands still until a person, the relay or the audit trail lets it go on."""
    finish_if_resumed: int | None = None
    """While it stands still: the finish if it went on now."""
    go_on_by: int | None = None
    """While it stands still: the latest instant to go on at and still meet the deadline, if there is one."""
    undecided: int = 0
    """Of those who remain: held until a person decides whether they are handed the notice once more."""

    @property
    def late(self) -> bool:
        """Whether the deadline will be missed: even if it went on now, where it stands still."""
        if not self.deadline or not self.remaining:
            return False
        done = self.finish_if_resumed if self.stopped else self.finish_at
        return done is None or done > self.deadline


async def forecast(tx: Transaction, announcement_id: int, *, limit: float = 0) -> Forecast:
    """Forecast the finish by who is left, the waves, each reader's window and the rate.

    ``limit`` are the messages a second that settings allow, 0 for any number.
    """
    now = tx.now_us()
    announcement = await tx.row("SELECT plan FROM announcement WHERE id = :id", id=announcement_id)
    plan = plain(announcement.plan) if announcement is not None else {}
    deadline = int(plan.get("deadline") or 0)
    left = await _left(tx, announcement_id)
    remaining = sum(row.people for row in left)
    undecided = sum(row.people for row in left if row.undecided)
    rate = await _rate(tx, announcement_id, limit)
    if not left:
        return Forecast(0, rate, now, deadline)
    window = window_of(plan)
    every = int(plan.get("wave_every_minutes") or 0) * MINUTE
    halted = await _halted(tx, announcement_id) or undecided == remaining

    def done(resumed_at: int) -> int | None:
        groups = _groups(left, every, resumed_at, halted=halted)
        return finish(groups, window, now=now, per_second=rate)

    held = [row for row in left if row.state == "held"]
    if not halted and not (held and held[0].next_fire_at is None):
        finish_at = await asyncio.to_thread(done, now)
        return Forecast(remaining, rate, finish_at, deadline, undecided=undecided)
    # With windows in hundreds of time zones it takes seconds: in a thread, leases go on being renewed.
    return Forecast(
        remaining,
        rate,
        None,
        deadline,
        stopped=True,
        finish_if_resumed=await asyncio.to_thread(done, now),
        go_on_by=await asyncio.to_thread(_latest, done, now, deadline),
        undecided=undecided,
    )


async def _left(tx: Transaction, announcement_id: int) -> Sequence[Row[Any]]:
    """Return who is still to be told, by wave, by time zone, by whether they wait for another try and by
    whether they wait for a decision.
    """
    return await tx.rows(
        "SELECT number, state, start_at, next_fire_at, time_zone, undecided, max(again_at) AS again_at, "
        "count(*) AS people FROM ("
        "SELECT w.number, w.state, w.start_at, s.next_fire_at, m.time_zone, "
        "CASE WHEN d.state IN ('deferred', 'unknown') THEN d.due_at ELSE 0 END AS again_at, "
        "CASE WHEN d.state = 'held' THEN 1 ELSE 0 END AS undecided "
        "FROM delivery d JOIN send_batch b ON b.id = d.batch_id JOIN wave w ON w.id = b.wave_id "
        "JOIN audience_member m ON m.id = d.member_id "
        "LEFT JOIN schedule s ON s.kind = 'wave' AND s.subject_id = w.id "
        "WHERE d.announcement_id = :id AND b.channel NOT IN ('letter', 'banner') "
        "AND (d.state IN ('planned', 'handing-over', 'deferred', 'unknown') "
        f"OR {UNDECIDED})"
        ") AS waiting GROUP BY number, state, start_at, next_fire_at, time_zone, undecided, "
        "CASE WHEN again_at > 0 THEN 1 ELSE 0 END ORDER BY number",
        id=announcement_id,
    )


def _groups(left: Sequence[Row[Any]], every: int, resumed_at: int, *, halted: bool) -> list[Group]:
    """Give everybody who is left a start, if what stands still goes on at ``resumed_at``.

    The first wave behind a canary starts when it fires by itself, else with the resuming; the others follow
    at their distance. While all is halted, nobody's start is before the resuming.
    """
    held = sorted({row.number for row in left if row.state == "held"})
    groups = []
    for row in left:
        start = 0 if row.state in {"ready", "done"} else row.start_at
        if row.state == "held":
            fires_at = next(one.next_fire_at for one in left if one.number == held[0])
            first = resumed_at if fires_at is None else max(fires_at, resumed_at if halted else 0)
            start = first + held.index(row.number) * every
        start = max(start, row.again_at, resumed_at if halted else 0)
        groups.append(Group(start, row.time_zone, row.people))
    return groups


def _latest(done: Callable[[int], int | None], now: int, deadline: int) -> int | None:
    """Return the latest instant of resuming, to the minute, at which the deadline is met."""

    def fits(resumed_at: int) -> bool:
        finished = done(resumed_at)
        return finished is not None and finished <= deadline

    if deadline <= now or not fits(now):
        return None
    low, high = now, deadline
    while high - low > MINUTE:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


async def _halted(tx: Transaction, announcement_id: int) -> bool:
    """Say whether it stands still: all of it, or a channel that people are waiting on."""
    for channel in await stopped_channels(tx, announcement_id):
        if await waits_on(tx, announcement_id, channel):
            return True
    return bool(
        await tx.scalar(
            "SELECT count(*) FROM hold WHERE announcement_id = :id AND ended_at IS NULL "
            f"AND kind IN {_STOPPING}",
            id=announcement_id,
        )
    )


async def waits_on(tx: Transaction, announcement_id: int, channel: str) -> bool:
    """Say whether anything is still to go on a channel."""
    return bool(
        await tx.scalar(
            "SELECT 1 FROM delivery WHERE announcement_id = :id AND channel = :channel"
            " AND state IN ('planned', 'deferred', 'unknown') LIMIT 1",
            id=announcement_id,
            channel=channel,
        )
    )


async def _rate(tx: Transaction, announcement_id: int, limit: float) -> float:
    """Return the rate of the last minute of sending; where little was sent, what is allowed or assumed."""
    rows = await tx.rows(
        "SELECT t.closed_at FROM attempt t JOIN delivery d ON d.id = t.delivery_id "
        "WHERE d.announcement_id = :id ORDER BY t.id DESC LIMIT :most",
        id=announcement_id,
        most=_ANSWERS,
    )
    answers = [row.closed_at for row in rows if row.closed_at > rows[0].closed_at - _RATE_OVER]
    passed = answers[0] - min(answers) if answers else 0
    if len(answers) < _FEW and passed < _RATE_OVER / 2:
        return limit or ASSUMED_RATE
    measured = len(answers) / max(passed / SECOND, 1.0)
    return round(min(measured, limit) if limit else measured, 1)
