"""Two people, or a person and the worker, at the same announcement in the same moment, on PostgreSQL.

SQLite has one writer at a time, who sees what the one before has done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from incidents.lifecycle import Order, Step
from incidents.store import take_step
from notifier import barring
from notifier.deliveries import State
from notifier.engine import batches, control, doubt
from notifier.engine.batches import Ending, Lease
from notifier.engine.doubt import Decision
from notifier.engine.holds import REFUSALS
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.store import Store, Transaction
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.affected import declared
from tests.integration.test_audit_course import findings
from tests.integration.test_doubt import _decide, channel  # noqa: F401
from tests.integration.test_sending import INLINE, run_next, start, states

ORDERED = Order("4 Js 1/26", 1 << 52)


@pytest.fixture
def store_url(postgres_url: str) -> str:
    """Only PostgreSQL has two writers at once."""
    return postgres_url


async def _behind(
    store: Store, first: Callable[[Transaction], Awaitable[Any]], second: Awaitable[Any]
) -> Any:
    """Run ``second`` while the transaction of ``first`` is open; it has to wait for it."""
    async with store.begin() as tx:
        await first(tx)
        waiting = asyncio.ensure_future(second)
        await _until_somebody_waits(tx, waiting)
    return await waiting


async def _until_somebody_waits(tx: Transaction, who: asyncio.Future[Any]) -> None:
    while not await tx.scalar(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database()) LIMIT 1"
    ):
        assert not who.done()
        await asyncio.sleep(0.02)


async def _act(store: Store, act: Callable[[Transaction], Awaitable[Any]]) -> Any:
    async with store.begin() as tx:
        return await act(tx)


async def _standing(store: Store) -> tuple[str, str, list[str]]:
    async with store.read() as tx:
        row = await tx.row("SELECT state, control FROM announcement")
        holds = await tx.rows("SELECT kind FROM hold WHERE ended_at IS NULL ORDER BY id")
    assert row is not None
    return row.state, row.control, [one.kind for one in holds]


def _resume(tx: Transaction) -> Awaitable[int]:
    return control.resume(tx, world.CODE, operator="bob", dispatcher=INLINE)


async def test_nothing_is_resumed_past_an_order(store: Store, keys: Keys, tmp_path: Path) -> None:
    """An order that is being written is seen: what was paused stays so."""
    incident = await declared(store)
    await world.released(store, keys, 3)
    await _act(store, lambda tx: control.pause(tx, world.CODE, operator="bob", reason="look"))
    with pytest.raises(Conflict, match="by order"):
        await _behind(
            store,
            lambda tx: take_step(tx, incident.code, Step.HOLD, actor="carol", reason="police", order=ORDERED),
            _act(store, _resume),
        )
    assert await _standing(store) == ("released", "pause", ["pause", "order"])
    assert not await findings(store, tmp_path)


async def test_a_breaker_s_pause_is_not_ended_unseen(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Whoever lets the waves go after the canary has not seen the refusals: they are told to look again."""
    await world.released(store, keys, 10, canary=2, waves=1)
    await start(store)
    await run_next(store, keys, ScriptedChannel(), tmp_path)
    with pytest.raises(Conflict, match="changed just now"):
        await _behind(
            store,
            lambda tx: control.pause_all(tx, kind=REFUSALS, reason="30 of 100", only=1),
            _act(store, _resume),
        )
    assert await _standing(store) == ("released", "pause", ["canary", REFUSALS])


async def test_what_is_cancelled_stays_cancelled(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A pause that comes too late says so."""
    await world.released(store, keys, 3)
    with pytest.raises(Conflict, match="not being sent"):
        await _behind(
            store,
            lambda tx: control.cancel(tx, world.CODE, operator="carol", reason="wrong"),
            _act(store, lambda tx: control.pause(tx, world.CODE, operator="bob", reason="look")),
        )
    assert await _standing(store) == ("cancelled", "cancel", [])
    assert not await findings(store, tmp_path)


async def test_two_people_decide_once(store: Store, channel: ScriptedChannel) -> None:  # noqa: F811
    """Those whom one has left as they are, the other does not have written to again."""

    async def leave(tx: Transaction) -> None:
        about = await control.find(tx, world.CODE)
        await doubt.decide(
            tx, about, Decision.LEAVE, people=3, reason="not twice", operator="ada", dispatcher=INLINE
        )

    with pytest.raises(Conflict, match="just decided"):
        await _behind(store, leave, _decide(store, Decision.SEND_AGAIN))
    assert (await states(store))["held"] == 3


async def test_who_is_held_meanwhile_is_asked_about(
    store: Store,
    channel: ScriptedChannel,  # noqa: F811
) -> None:
    """Sending the last one again ends the question, and the worker holds another in the same moment."""
    async with store.read() as tx:
        first, *rest = [row.reference for row in await doubt.held(tx, 1)]
    for reference in (first, rest[0]):
        await _act(
            store, lambda tx, one=reference: control.send_again(tx, one, operator="ben", dispatcher=INLINE)
        )
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = 'unknown' WHERE reference = :one", {"one": first})
        row = await tx.row(
            "SELECT d.id, d.batch_id, m.uid FROM delivery d JOIN audience_member m ON m.id = d.member_id"
            " WHERE d.reference = :one",
            one=first,
        )
    assert row is not None
    lease = Lease(row.batch_id, 1, world.CODE, {}, "t")
    await _behind(
        store,
        lambda tx: batches._end(tx, lease, [Ending(row.id, first, row.uid, State.HELD, "answer-lost")]),
        _act(store, lambda tx: control.send_again(tx, rest[1], operator="ben", dispatcher=INLINE)),
    )
    assert (await _standing(store))[2] == [doubt.HOLD]


async def test_a_bar_and_a_flush_do_not_block_each_other(store: Store, keys: Keys) -> None:
    """Whoever finds out that a contact point is compromised is not turned away because notices go out."""
    await world.released(store, keys, 3)
    await start(store)
    lease = await batches.claim(store, worker="w", drill=False, lease_us=1 << 40, quarantine_us=0)
    assert lease is not None

    async with store.begin() as tx:
        await tx.rows("SELECT id FROM announcement FOR UPDATE")
        flushing = asyncio.ensure_future(batches.flush(store, lease, [], [], []))
        await _until_somebody_waits(tx, flushing)
        await barring._await_openings(tx, "INC-2026-001")
    assert (await flushing).control == "run"


async def test_a_cancel_and_the_end_of_an_order_do_not_block_each_other(store: Store, keys: Keys) -> None:
    """Both wait behind the worker; then both are done, in one order or the other."""
    incident = await declared(store)
    await world.released(store, keys, 3)
    await _act(
        store,
        lambda tx: take_step(tx, incident.code, Step.HOLD, actor="carol", reason="police", order=ORDERED),
    )
    async with store.engine.connect() as connection:
        behind = await connection.begin()
        await connection.execute(text("SELECT id FROM delivery FOR UPDATE"))
        both = [
            asyncio.ensure_future(_act(store, act))
            for act in (
                lambda tx: control.cancel(tx, world.CODE, operator="bob", reason="wrong"),
                lambda tx: take_step(tx, incident.code, Step.RESUME, actor="carol", reason="over"),
            )
        ]
        await asyncio.wait(both, timeout=0.5)
        await behind.rollback()
    await asyncio.gather(*both)
    assert await _standing(store) == ("cancelled", "cancel", [])
