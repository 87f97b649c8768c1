"""From an approved announcement to waves, batches and deliveries: set-based, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notifier.engine.batches import plain
from notifier.engine.sending import window_of
from notifier.engine.windows import MINUTE, Window
from notifier.errors import Conflict, NotFound
from notifier.store import Transaction

NEVER = 2**62
"""The start of a wave that waits for a person."""


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """What planning made."""

    deliveries: int
    waves: int
    batches: int


@dataclass(frozen=True, slots=True)
class _Wave:
    number: int
    first: int
    """Rank of its first person; ranks count from 0."""
    last: int
    start_at: int
    state: str


def _waves(plan: dict[str, Any], people: int, now: int) -> list[_Wave]:
    """Cut ``people`` into the canary and the waves, and give each its start."""
    start = max(now, int(plan.get("start") or 0))
    canary = min(int(plan.get("canary") or 0), people)
    waves = []
    following = start
    if canary:
        waves.append(_Wave(0, 0, canary, start, "planned"))
        hold = int(plan.get("canary_hold_minutes") or 0)
        following = start + hold * MINUTE if hold else NEVER
    rest = people - canary
    count = min(max(1, int(plan.get("waves") or 1)), rest)
    every = int(plan.get("wave_every_minutes") or 0) * MINUTE
    for number in range(count):
        first = canary + rest * number // count
        last = canary + rest * (number + 1) // count
        begins = NEVER if following == NEVER else following + number * every
        waves.append(_Wave(number + 1, first, last, begins, "held" if canary else "planned"))
    return waves


async def plan(tx: Transaction, announcement_id: int, *, batch_size: int) -> PlanCounts:
    """Make all waves, batches, schedules and deliveries of an announcement from its notices.

    Who is in which wave is random (the order of the members' uids), so that a canary is a fair sample; within
    a wave the batches follow the order of the notices, so that what is written and read lies together. The
    caller records the release in the same transaction.
    """
    announcement = await tx.row(
        "SELECT plan, audience_id, author, steps FROM announcement WHERE id = :id", id=announcement_id
    )
    if announcement is None:
        raise NotFound("no such announcement")
    if await tx.scalar("SELECT count(*) FROM wave WHERE announcement_id = :id", id=announcement_id):
        raise Conflict("the announcement is already planned")
    people = await tx.scalar("SELECT count(*) FROM notice WHERE announcement_id = :id", id=announcement_id)
    if not people and not announcement.steps:
        raise Conflict("the announcement has no notice to send", advice="Run its preflight first.")
    if not people:  # Nobody has an e-mail address: the later steps tell them.
        return PlanCounts(0, 0, 0)
    details = plain(announcement.plan)
    waves = _waves(details, people, tx.now_us())
    ids = {wave: await _add_wave(tx, announcement_id, wave) for wave in waves}
    batches = await _add_batches(tx, announcement_id, ids, batch_size)
    starts = {wave_id: wave.start_at for wave, wave_id in ids.items()}
    await put_starts(tx, announcement_id, starts, window_of(details))
    await _add_deliveries(tx, announcement_id, ids, batch_size)
    return PlanCounts(people, len(waves), batches)


async def _add_wave(tx: Transaction, announcement_id: int, wave: _Wave) -> int:
    (made,) = await tx.write_returning(
        "INSERT INTO wave (announcement_id, number, people, start_at, state) "
        "VALUES (:announcement, :number, :people, :start_at, :state) RETURNING id",
        {
            "announcement": announcement_id,
            "number": wave.number,
            "people": wave.last - wave.first,
            "start_at": wave.start_at,
            "state": wave.state,
        },
    )
    await tx.write(
        "INSERT INTO schedule (announcement_id, kind, subject_id, next_fire_at) "
        "VALUES (:announcement, 'wave', :wave, :fire)",
        {
            "announcement": announcement_id,
            "wave": made.id,
            "fire": None if wave.start_at == NEVER else wave.start_at,
        },
    )
    return int(made.id)


async def _add_batches(
    tx: Transaction, announcement_id: int, waves: dict[_Wave, int], batch_size: int
) -> int:
    rows = [
        (announcement_id, wave_id, number, min(batch_size, wave.last - first), "planned", 0, "", "", 0)
        for wave, wave_id in waves.items()
        for number, first in enumerate(range(wave.first, wave.last, batch_size))
    ]
    await tx.insert_many(
        "send_batch",
        (
            "announcement_id",
            "wave_id",
            "number",
            "size",
            "state",
            "not_before",
            "claim_token",
            "worker",
            "failures",
        ),
        rows,
    )
    return len(rows)


async def put_starts(
    tx: Transaction, announcement_id: int, starts: Mapping[int, int], window: Window | None
) -> None:
    """Note when waves (their ids, and the instants they start) begin in each time zone of the readers."""
    zones = await tx.rows(
        "SELECT DISTINCT m.time_zone FROM notice n JOIN audience_member m ON m.id = n.member_id "
        "WHERE n.announcement_id = :id",
        id=announcement_id,
    )
    for wave_id in starts:
        await tx.write("DELETE FROM wave_start WHERE wave_id = :wave", {"wave": wave_id})
    await tx.insert_many(
        "wave_start",
        ("wave_id", "time_zone", "due_at"),
        [
            (
                wave_id,
                row.time_zone,
                start if window is None or start == NEVER else window.next(start, row.time_zone),
            )
            for wave_id, start in starts.items()
            for row in zones
        ],
    )


async def _add_deliveries(
    tx: Transaction, announcement_id: int, waves: dict[_Wave, int], batch_size: int
) -> None:
    """Insert one delivery per notice: its rank gives the wave, the wave and its time zone the due time,
    and its rank within the wave the batch.

    Every join goes over a key: a recordset or a numbered subquery in their place is scanned once a person.
    """
    of_wave = " ".join(f"WHEN place < {wave.last} THEN {wave_id}" for wave, wave_id in waves.items())
    await tx.write(
        "INSERT INTO delivery (reference, announcement_id, member_id, customer_id, contact_point_id, "
        "channel, occasion, notice_id, batch_id, state, attempts, due_at, claim_token, changed_at) "
        "SELECT placed.reference, placed.announcement_id, placed.member_id, placed.customer_id, "
        "placed.contact_point_id, placed.channel, placed.occasion, placed.id, b.id, 'planned', 0, "
        "placed.due_at, '', :now FROM ("
        "SELECT waved.*, s.due_at, "
        "row_number() OVER (PARTITION BY waved.wave_id ORDER BY s.due_at, waved.id) - 1 AS spot FROM ("
        f"SELECT ranked.*, CASE {of_wave} END AS wave_id FROM ("
        "SELECT n.id, n.reference, n.announcement_id, n.member_id, m.customer_id, m.contact_point_id, "
        "m.time_zone, n.channel, n.occasion, row_number() OVER (ORDER BY m.uid) - 1 AS place "
        "FROM notice n JOIN audience_member m ON m.id = n.member_id WHERE n.announcement_id = :id"
        ") AS ranked) AS waved "
        "JOIN wave_start s ON s.wave_id = waved.wave_id AND s.time_zone = waved.time_zone"
        ") AS placed JOIN send_batch b "
        "ON b.wave_id = placed.wave_id AND b.number = placed.spot / :batch_size",
        {"id": announcement_id, "now": tx.now_us(), "batch_size": batch_size},
    )
