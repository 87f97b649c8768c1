"""Relays that misbehave: everybody is told, and copies exist only where an attempt is on record as unknown."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from tests.crash import harness
from tests.crash.harness import Catcher, Findings
from tests.crash.test_kill import sound

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

SCRIPTS = {
    "drops in the middle": [
        {"match": "person*1@*", "stage": "body", "drop": "before", "times": 1},
        {"match": "person*2@*", "stage": "body", "drop": "after", "times": 1},
    ],
    "closes": [
        {"match": "person*3@*", "stage": "mail", "drop": "before", "times": 1},
        {"match": "person*44@*", "reply": "421 4.3.2 shutting down, try again in 1 seconds", "times": 1},
    ],
}


@pytest.mark.parametrize("how", SCRIPTS)
def test_a_relay_that_hangs_up(tmp_path: Path, how: str) -> None:
    """A connection lost after DATA leaves doubt, and only that; before it, nothing is in doubt."""
    found = asyncio.run(_send(tmp_path, 300, scripts=SCRIPTS[how]))
    sound(found)
    assert found.duplicates == (30 if how.startswith("drops") else 0)
    assert bool(found.unknown_attempts) == how.startswith("drops")


def test_a_slow_relay_and_a_kill(tmp_path: Path) -> None:
    """With an answer 250 ms after the final dot a kill leaves copies, at most those in flight."""
    found = asyncio.run(_send(tmp_path, 300, "--wait", "0.25", kills=2))
    sound(found)
    assert found.duplicates <= min(found.unknown_attempts, 2 * 100)


def test_a_relay_that_goes_and_comes_back(tmp_path: Path) -> None:
    """While it is away nobody is deferred for long or lost; a hold tells the team, and ends by itself."""

    async def act() -> Findings:
        home = tmp_path / "home"
        first = Catcher(tmp_path, "--wait", "0.01")
        settings = harness.make_home(home, first.port)
        announcement = await harness.fill(settings, 400)
        process = harness.start(home)
        assert harness.wait_for(lambda: first.count() > 100, process)
        first.process.kill()
        first.close()
        await asyncio.sleep(2)
        assert process.poll() is None
        with harness.catcher(tmp_path, "--port", str(first.port)) as second:
            await _until_done(settings, process)
            harness.kill(process, signal.SIGTERM)
            async with harness.opened(settings) as store, store.read() as tx:
                holds = await tx.rows("SELECT kind, ended_at FROM hold")
            assert [row.kind for row in holds] == ["relay"] * len(holds)
            assert holds
            assert all(row.ended_at for row in holds)
            return await harness.inspect(settings, announcement, second.recipients())

    sound(asyncio.run(act()))


async def _send(folder: Path, people: int, *options: str, scripts: object = None, kills: int = 0) -> Findings:
    """Send to everybody over a catcher with these options, killed some times on the way."""
    if scripts:
        (folder / "scripts.json").write_text(json.dumps(scripts))
        options = (*options, "--scripts", str(folder / "scripts.json"))
    with harness.catcher(folder, *options) as sink:
        home = folder / "home"
        settings = harness.make_home(home, sink.port)
        announcement = await harness.fill(settings, people)
        for number in range(kills):
            process = harness.start(home)
            aim = people * (number + 1) // (kills + 2)
            assert harness.wait_for(lambda aim=aim: sink.count() >= aim, process)
            harness.kill(process)
        await harness.settle(settings, home)
        return await harness.inspect(settings, announcement, sink.recipients())


async def _until_done(settings: harness.Settings, process: object) -> None:
    until = time.monotonic() + harness.PATIENCE
    while await harness.open_deliveries(settings):
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
