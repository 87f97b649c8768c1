"""The worker's parts: none fails or ends in silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from notifier.engine import trail, worker
from notifier.engine.worker import Worker
from notifier.errors import TaskEnded
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests import world
from tests.integration.test_sending import states
from tests.integration.test_worker import live, parts, running, until

__all__ = ["live"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(worker, "_LEASES_EVERY", 0.05)


@pytest.mark.parametrize("how", ["raises", "returns"])
async def test_a_part_that_ends_by_itself_ends_the_worker(
    live: Store, keys: Keys, tmp_path: Path, how: str
) -> None:
    """It finishes what is being handed over, begins nothing new, and says which part it was."""
    await world.released(live, keys, 40, batch_size=40)
    channel = ScriptedChannel()
    channel.gate = asyncio.Event()

    async def sequence(_stop: asyncio.Event) -> None:
        while not channel.sent:
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.2, channel.gate.set)
        if how == "raises":
            raise KeyError("someone@example.test")

    made = replace(parts(live, keys, channel, tmp_path), sequence=sequence)
    with pytest.raises(TaskEnded, match="the worker's sequencer ended by itself") as ended:
        await asyncio.wait_for(Worker(made).run(asyncio.Event()), 30)
    assert "example.test" not in str(ended.value)
    counted = await states(live)
    assert 0 < counted["accepted"] == len(channel.sent) < 40
    assert "handing-over" not in counted


async def test_timers_that_died_end_the_worker(live: Store, keys: Keys, tmp_path: Path) -> None:
    """Without them nothing that is due would be noticed."""
    sender = Worker(parts(live, keys, ScriptedChannel(), tmp_path))
    task = asyncio.create_task(sender.run(asyncio.Event()))

    async def alive() -> bool:
        return sender.alive

    await until(alive)
    sender._timers.remove_all_jobs()
    with pytest.raises(TaskEnded, match="timers"):
        await asyncio.wait_for(task, 30)


async def test_a_background_task_that_keeps_failing_is_trouble_and_stops_no_other(
    live: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises: sending goes on, the health page is told, and nothing personal is logged."""
    monkeypatch.setattr(worker, "_HYGIENE_EVERY", 0.05)
    monkeypatch.setattr("notifier.engine.rounds.LONGEST_PAUSE", 0.01)
    await world.released(live, keys, 5)

    async def broken() -> int:
        raise KeyError("someone@example.test")

    async def all_told() -> bool:
        return await states(live) == {"accepted": 5}

    with capture_logs() as logged:
        async with running(
            replace(parts(live, keys, ScriptedChannel(), tmp_path), raise_alerts=broken)
        ) as one:

            async def troubled() -> bool:
                return one.trouble == "alerts"

            await until(troubled)
            await until(all_told)
    assert {entry.get("error") for entry in logged if entry.get("task") == "alerts"} == {"KeyError"}
    assert "example.test" not in str(logged)


async def test_nothing_is_sent_while_the_trail_stands_still(
    live: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sending stops, also in the middle of a batch, a hold asks for somebody; both end when entries move."""
    monkeypatch.setattr(trail, "LONGEST_STANDSTILL", 0.2)
    await world.released(live, keys, 60, batch_size=60)
    channel, mended = ScriptedChannel(), asyncio.Event()
    channel.gate = asyncio.Event()
    made = parts(live, keys, channel, tmp_path)

    async def sequence(stop: asyncio.Event) -> None:
        await mended.wait()
        await made.sequence(stop)

    async def holds() -> list[tuple[str, bool]]:
        async with live.read() as tx:
            return [
                (row.kind, bool(row.ended_at)) for row in await tx.rows("SELECT kind, ended_at FROM hold")
            ]

    async with running(replace(made, sequence=sequence)) as one:

        async def held() -> bool:
            return one.trouble == "trail" and await holds() == [("trail", False)]

        async def none_open() -> bool:
            return "handing-over" not in await states(live)

        async def all_told() -> bool:
            return await states(live) == {"accepted": 60} and await holds() == [("trail", True)]

        await until(held)
        channel.gate.set()
        await until(none_open)
        assert len(channel.sent) < 60
        mended.set()
        await until(all_told)
        assert one.trouble == ""


@pytest.mark.parametrize("restored", [False, True])
async def test_a_restored_store_s_trail_holds_nobody_up(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: bool
) -> None:
    """Its log cannot go on; whoever resumes has decided in that knowledge."""
    monkeypatch.setattr(trail, "LONGEST_STANDSTILL", -1.0)
    await world.released(store, keys, 2)

    async def rolled_back() -> bool:
        return restored

    sender = Worker(replace(parts(store, keys, ScriptedChannel(), tmp_path), rolled_back=rolled_back))
    await sender._recover()
    await sender._keep_place()
    assert sender.trouble == ("" if restored else "trail")
