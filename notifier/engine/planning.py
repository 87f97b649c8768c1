"""From an approved announcement to waves, batches and deliveries: set-based, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from notifier.engine.batches import plain
from notifier.engine.sending import window_of
from notifier.engine.windows import MINUTE
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

    The order of people is random (that of their member ids), so that a canary is a fair sample. The caller
    records the release in the same transaction.
    """
    announcement = await tx.row(
        "SELECT plan, audience_id, author FROM announcement WHERE id = :id", id=announcement_id
    )
    if announcement is None:
        raise NotFound("no such announcement")
    if await tx.scalar("SELECT count(*) FROM wave WHERE announcement_id = :id", id=announcement_id):
        raise Conflict("the announcement is already planned")
    people = await tx.scalar("SELECT count(*) FROM notice WHERE announcement_id = :id", id=announcement_id)
    if not people:
        raise Conflict("the announcement has no notice to send", advice="Run its preflight first.")
    details = plain(announcement.plan)
    waves = _waves(details, people, tx.now_us())
    for wave in waves:
        await _add_wave(tx, announcement_id, wave)
    batches = await _add_batches(tx, announcement_id, waves, batch_size)
    await _add_deliveries(tx, announcement_id, details, waves, batch_size)
    return PlanCounts(people, len(waves), batches)


async def _add_wave(tx: Transaction, announcement_id: int, wave: _Wave) -> None:
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


async def _add_batches(tx: Transaction, announcement_id: int, waves: list[_Wave], batch_size: int) -> int:
    wave_ids = {
        row.number: row.id
        for row in await tx.rows(
            "SELECT id, number FROM wave WHERE announcement_id = :id", id=announcement_id
        )
    }
    rows = [
        (announcement_id, wave_ids[wave.number], min(batch_size, wave.last - first), "planned", 0, "", "", 0)
        for wave in waves
        for first in range(wave.first, wave.last, batch_size)
    ]
    await tx.insert_many(
        "send_batch",
        ("announcement_id", "wave_id", "size", "state", "not_before", "claim_token", "worker", "takeovers"),
        rows,
    )
    return len(rows)


async def _add_deliveries(
    tx: Transaction, announcement_id: int, details: dict[str, Any], waves: list[_Wave], batch_size: int
) -> None:
    """Insert one delivery per notice: its rank gives the wave, the wave and its time zone the due time,
    and its rank within the wave the batch.
    """
    zones = await tx.rows(
        "SELECT DISTINCT m.time_zone FROM notice n JOIN audience_member m ON m.id = n.member_id "
        "WHERE n.announcement_id = :id",
        id=announcement_id,
    )
    window = window_of(details)
    due = [
        {
            "wave": wave.number,
            "zone": row.time_zone,
            "due_at": wave.start_at
            if window is None or wave.start_at == NEVER
            else window.next(wave.start_at, row.time_zone),
        }
        for wave in waves
        for row in zones
    ]
    of_wave = " ".join(f"WHEN place < {wave.last} THEN {wave.number}" for wave in waves)
    source = tx.recordset("due", "v", wave="bigint", zone="text", due_at="bigint")
    await tx.write(
        "INSERT INTO delivery (reference, announcement_id, member_id, customer_id, contact_point_id, "
        "channel, occasion, notice_id, batch_id, state, attempts, due_at, claim_token, changed_at) "
        "SELECT placed.reference, placed.announcement_id, placed.member_id, placed.customer_id, "
        "placed.contact_point_id, placed.channel, placed.occasion, placed.id, b.id, 'planned', 0, "
        "placed.due_at, '', :now FROM ("
        "SELECT waved.*, v.due_at, "
        "row_number() OVER (PARTITION BY waved.wave ORDER BY v.due_at, waved.place) - 1 AS spot FROM ("
        f"SELECT ranked.*, CASE {of_wave} END AS wave FROM ("
        "SELECT n.id, n.reference, n.announcement_id, n.member_id, m.customer_id, m.contact_point_id, "
        "m.time_zone, n.channel, n.occasion, row_number() OVER (ORDER BY m.uid) - 1 AS place "
        "FROM notice n JOIN audience_member m ON m.id = n.member_id WHERE n.announcement_id = :id"
        f") AS ranked) AS waved JOIN {source} ON v.wave = waved.wave AND v.zone = waved.time_zone"
        ") AS placed JOIN ("
        "SELECT sb.id, w.number AS wave, row_number() OVER (PARTITION BY w.id ORDER BY sb.id) - 1 AS turn "
        "FROM send_batch sb JOIN wave w ON w.id = sb.wave_id WHERE sb.announcement_id = :id"
        ") AS b ON b.wave = placed.wave AND b.turn = placed.spot / :batch_size",
        {
            "id": announcement_id,
            "now": tx.now_us(),
            "due": orjson.dumps(due).decode(),
            "batch_size": batch_size,
        },
    )
