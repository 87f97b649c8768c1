"""What cannot be sent is seen: notices nobody can open, and batches that keep failing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from notifier.engine import batches, closing, control
from notifier.engine.failing import Failing
from notifier.engine.sending import BatchResult
from notifier.engine.worker import Worker
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests import world
from tests.integration.test_sending import run_next, start, states
from tests.integration.test_worker import live, parts, running, until

__all__ = ["live"]


async def open_holds(store: Store) -> list[tuple[str, str]]:
    """Return kind and owner of each open hold."""
    async with store.read() as tx:
        rows = await tx.rows("SELECT kind, owner FROM hold WHERE ended_at IS NULL ORDER BY id")
    return [(row.kind, row.owner) for row in rows]


async def test_a_damaged_dictionary_takes_nobody_else_along(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Who can be told is told; the others end as suppressed, on record, and somebody is asked to look."""
    announcement = await world.released(store, keys, 6)
    async with store.begin() as tx:
        (made,) = await tx.housekeep(
            "INSERT INTO notice_dictionary (announcement_id, locale, variant, content) "
            "VALUES (:id, 'de', 'person', :damaged) RETURNING id",
            {"id": announcement, "damaged": b"\x00"},
        )
        await tx.housekeep(
            "UPDATE notice SET dictionary_id = :bad WHERE id IN (SELECT id FROM notice ORDER BY id LIMIT 2)",
            {"bad": made.id},
        )
    await start(store)
    await run_next(store, keys, ScriptedChannel(), tmp_path)
    assert await states(store) == {"accepted": 4, "suppressed": 2}
    assert ("unreadable", "anna") in await open_holds(store)
    async with store.begin() as tx:
        said = "SELECT count(*) FROM audit_event WHERE action = 'delivery:suppressed'"
        assert await tx.scalar(said) == 2
        await closing.close(tx, world.CODE, operator="anna")
    assert await open_holds(store) == []


class Fragile(world.PlainFinisher):
    """Fails on purpose while ``broken``, for one person's notice."""

    broken = True

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Fail, or put the Date before the message."""
        if self.broken and b"Dear person 1," in message:
            raise ZeroDivisionError
        return super().finish(message, date, kept)


async def test_a_batch_that_keeps_failing_is_seen_until_it_goes_well(
    live: Store, keys: Keys, tmp_path: Path
) -> None:
    """Other batches that go well, and looks that find none due, do not hide it; its own success ends it."""
    await world.released(live, keys, 9, batch_size=3)
    finisher = Fragile()
    made = parts(live, keys, ScriptedChannel(), tmp_path, finisher)
    made = replace(made, settings=made.settings.model_copy(update={"lease_seconds": 0.3}))

    async def seen() -> bool:
        return await open_holds(live) == [("failing", "anna")]

    async def all_told() -> bool:
        return await states(live) == {"accepted": 9}

    async def over() -> bool:
        return await open_holds(live) == []

    async with running(made) as worker:
        await until(seen)
        assert worker.trouble == "sending"
        assert (await states(live))["accepted"] == 6
        finisher.broken = False
        await until(all_told)
        await until(over)
        assert worker.trouble == ""


async def test_a_failure_after_the_last_hand_over_keeps_nobody_waiting(
    live: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is gone for a moment once a batch is done: nobody in it waits, so its hold ends."""
    await world.released(live, keys, 3)
    finisher = Fragile()
    made = parts(live, keys, ScriptedChannel(), tmp_path, finisher)
    made = replace(made, settings=made.settings.model_copy(update={"lease_seconds": 0.3}))
    heed = Worker._heed
    failed = []

    async def fragile(self: Worker, announcement_id: int, result: BatchResult) -> None:
        if result.accepted and not failed:
            failed.append(True)
            raise OSError("the store was gone for a moment")
        await heed(self, announcement_id, result)

    monkeypatch.setattr(Worker, "_heed", fragile)

    async def seen() -> bool:
        return await open_holds(live) == [("failing", "anna")]

    async def over() -> bool:
        return await states(live) == {"accepted": 3} and await open_holds(live) == []

    async with running(made):
        await until(seen)
        finisher.broken = False
        await until(over)
    assert failed


async def test_a_restart_forgets_no_failure(live: Store, keys: Keys, tmp_path: Path) -> None:
    """The hold outlives the process, and other batches that go well before the failing one is tried again."""
    await world.released(live, keys, 6, batch_size=3)
    made = parts(live, keys, ScriptedChannel(), tmp_path, Fragile())
    made = replace(made, settings=made.settings.model_copy(update={"lease_seconds": 0.3}))

    async def seen() -> bool:
        return await open_holds(live) == [("failing", "anna")]

    async with running(made):
        await until(seen)
    async with live.read() as tx:
        batch = await tx.row("SELECT id, announcement_id FROM send_batch WHERE failures = 0 LIMIT 1")
        assert batch is not None
    anew = Failing()
    await anew.went_well(live, batches.Lease(batch.id, batch.announcement_id, world.CODE, {}, ""))
    assert await seen()
    assert not anew.troubled


async def test_what_ended_meanwhile_troubles_nobody(live: Store, keys: Keys, tmp_path: Path) -> None:
    """A cancelled announcement's failing batch is no trouble any more."""
    await world.released(live, keys, 3)
    made = parts(live, keys, ScriptedChannel(), tmp_path, Fragile())
    made = replace(made, settings=made.settings.model_copy(update={"lease_seconds": 0.3}))

    async def troubled() -> bool:
        return worker.trouble == "sending"

    async with running(made) as worker:
        await until(troubled)
        async with live.begin() as tx:
            await control.cancel(tx, world.CODE, operator="ben", reason="test")
        await worker._hygiene()
        assert worker.trouble == ""
        assert await open_holds(live) == []
