"""What goes wrong in one place of the engine stops nothing else."""

from __future__ import annotations

import asyncio
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from notifier.audit.entry import Event
from notifier.channels import Outcome, OutcomeKind
from notifier.engine import batches, closing, control, holds, recovery, schedule, worker
from notifier.engine.dispatch import InlineDispatcher
from notifier.engine.sending import BatchResult
from notifier.engine.spill import Spill, abandoned
from notifier.engine.worker import Worker
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.store import Store, Transaction
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.integration.test_sending import QUARANTINE, claim, run_next, start, states
from tests.integration.test_worker import live, parts, running, until

__all__ = ["live"]


async def test_a_batch_with_a_fault_stops_no_other() -> None:
    """An unexpected error ends that run of the batch; the worker goes on to the next."""
    stop = asyncio.Event()
    calls = 0

    async def handler() -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("a fault")
        stop.set()
        return True

    await asyncio.wait_for(InlineDispatcher(workers=1, look_every=0.01).run(handler, stop), 10)
    assert calls == 2


async def test_a_schedule_that_fails_stops_no_other(store: Store, keys: Keys) -> None:
    """It stays due and is reported; what is due behind it fires."""
    announcement = await world.released(store, keys, 2)
    async with store.begin() as tx:
        await tx.housekeep(
            "INSERT INTO schedule (announcement_id, kind, subject_id, next_fire_at) VALUES (:id, 'release', 0, 1)",
            {"id": announcement},
        )

    async def broken(_tx: Transaction, _id: int) -> None:
        raise ZeroDivisionError

    fired = await schedule.fire_due(
        store, release=broken, refused=broken, dispatcher=InlineDispatcher(workers=1)
    )
    assert [(one.kind, one.failed) for one in fired] == [("release", "ZeroDivisionError"), ("wave", "")]
    assert await schedule.next_fire(store) == 1
    assert await claim(store) is not None


async def test_an_answer_that_no_encoding_fits_is_committed(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What a server writes never keeps its own answer, or anybody else's, out of the store."""
    await world.released(store, keys, 3)
    await start(store)
    odd = Outcome(OutcomeKind.ACCEPTED, code=250, text="f\udcfcr Sie")
    await run_next(store, keys, ScriptedChannel({world.address(1): [odd]}), tmp_path)
    assert await states(store) == {"accepted": 3}


async def test_a_commit_that_fails_unexpectedly_loses_no_answer(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run breaks off, yet what was answered goes into the store as it ends."""
    await world.released(store, keys, 3)
    await start(store)
    flush, failed = batches.flush, []

    async def failing(*given: Any) -> batches.Flushed:
        if given[2] and not failed:
            failed.append(len(given[2]))
            raise ZeroDivisionError
        return await flush(*given)

    monkeypatch.setattr(batches, "flush", failing)
    with pytest.raises(ZeroDivisionError):
        await run_next(store, keys, ScriptedChannel(), tmp_path)
    assert failed == [3]
    assert await states(store) == {"accepted": 3}


async def test_a_process_takes_no_batch_over_from_itself(store: Store, keys: Keys, clock: FakeClock) -> None:
    """Where it was too busy to renew in time, its other half leaves the batch alone."""
    await world.released(store, keys, 2)
    await start(store)
    lease = await claim(store, lease_us=-1)
    assert lease is not None
    clock.advance(seconds=1)
    mine = {"worker": "w1", "drill": False, "lease_us": 1, "quarantine_us": QUARANTINE}
    assert await batches.claim(store, **mine, running={lease.batch_id}) is None
    assert await batches.claim(store, **mine) is not None


async def test_a_paused_announcement_leaves_nothing_open(store: Store, keys: Keys, clock: FakeClock) -> None:
    """What a lost batch had open when it was paused becomes unknown, though nobody claims the batch."""
    await world.released(store, keys, 2)
    await start(store)
    lease = await claim(store, lease_us=-1)
    assert lease is not None
    async with store.read() as tx:
        rows = await tx.rows("SELECT id, reference FROM delivery")
    await batches.flush(store, lease, [], [batches.Opening(row.id, row.reference, 1) for row in rows], [])
    async with store.begin() as tx:
        await control.pause(tx, world.CODE, operator="ben", reason="a wrong word")
    clock.advance(seconds=1)
    assert await recovery.free_idle(store, quarantine_seconds=60) == 2
    assert await states(store) == {"unknown": 2}
    assert await recovery.free_idle(store, quarantine_seconds=60) == 0


async def test_a_failed_bulk_insert_is_known_as_the_database_s(store: Store) -> None:
    """Whoever waits for the database to come back need not know how rows were sent to it."""
    with pytest.raises(SQLAlchemyError):
        async with store.begin() as tx:
            tx.record(Event("test:bulk", {"n": 1}))
            await tx.insert_many("send_run", ("id", "schedule_id"), [(1, "no number")])


def test_an_answer_cut_short_by_a_full_disk_is_noticed(tmp_path: Path) -> None:
    """The caller hears of it, and the torn line settles nothing."""
    outcome = Outcome(OutcomeKind.ACCEPTED, code=250, enhanced="2.0.0")
    spill = Spill(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    heard = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="space"):
            spill.note("0123456789abcdef", 7, outcome)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)
    spill.abandon()
    assert [outcomes for _, outcomes in abandoned(tmp_path)] == [[]]


async def test_no_hold_is_opened_for_what_was_cancelled(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A relay's trouble that is noticed after the cancelling asks nobody for anything."""
    announcement = await world.released(store, keys, 2)
    async with store.begin() as tx:
        await control.cancel(tx, world.CODE, operator="ben", reason="test")
    sender = Worker(parts(store, keys, ScriptedChannel(), tmp_path))
    await sender._heed(batches.Lease(1, announcement, world.CODE, {}, ""), BatchResult(0, "relay-down"))
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM hold") == 0


async def test_a_worker_that_was_replaced_ends(
    postgres_url: str, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not go on beside the one that has taken its place, and says why."""
    monkeypatch.setattr(worker, "_LEASES_EVERY", 0.05)
    store = Store.open(postgres_url, origin="notices.example.com/audit")
    sender = Worker(parts(store, keys, ScriptedChannel(), tmp_path))
    task = asyncio.create_task(sender.run(asyncio.Event()))

    async def alive() -> bool:
        return sender.alive

    await until(alive)
    async with store.begin() as tx:
        await tx.housekeep("UPDATE sender_lease SET worker = 'elsewhere'")
    with pytest.raises(Conflict, match="another worker"):
        await asyncio.wait_for(task, 30)
    await store.close()


async def test_a_stop_lets_a_firing_finish(live: Store, keys: Keys, tmp_path: Path) -> None:
    """What a timer has begun to write is written before the worker ends."""
    announcement = await world.released(live, keys, 2)
    async with live.begin() as tx:
        await tx.housekeep(
            "INSERT INTO schedule (announcement_id, kind, subject_id, next_fire_at) VALUES (:id, 'release', 0, 1)",
            {"id": announcement},
        )
    begun, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_tx: Transaction, _id: int) -> None:
        begun.set()
        await go_on.wait()
        done.set()

    made = replace(parts(live, keys, ScriptedChannel(), tmp_path), release=slow)
    async with running(made):
        await asyncio.wait_for(begun.wait(), 30)
        asyncio.get_running_loop().call_later(0.2, go_on.set)
    assert done.is_set()


async def test_closing_ends_a_relay_s_hold(store: Store, keys: Keys) -> None:
    """Where no acceptance came that would have ended it, nobody is alerted for ever."""
    announcement = await world.released(store, keys, 2)
    async with store.begin() as tx:
        await holds.open_hold(tx, announcement, kind="relay", reason="relay-down", owner="anna")
        await tx.write("UPDATE delivery SET state = 'rejected'")
        await closing.close(tx, world.CODE, operator="anna")
    async with store.read() as tx:
        assert await holds.open_holds(tx) == []
