"""The database server is stopped under load, without a word, and started again: the worker goes on by itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import postgres
from tests.crash import harness
from tests.crash.harness import Findings
from tests.crash.test_kill import SEED, sound

pytestmark = [pytest.mark.crash, pytest.mark.timeout(900)]

STOPS = 4
PEOPLE = 1200


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """A server that nobody else uses."""
    try:
        with postgres.own_server() as made:
            yield made
    except LookupError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def test_a_database_that_stops_in_the_middle(server: postgres.Server, tmp_path: Path) -> None:
    """Nobody is lost, every copy is on record as unknown, and the same process finishes the work."""

    async def act() -> Findings:
        draw = random.Random(SEED)
        with harness.catcher(tmp_path, "--wait", "0.002") as sink:
            home = tmp_path / "home"
            settings = harness.make_home(home, sink.port, f'[store]\nurl = "{server.url}"\n')
            announcement = await harness.fill(settings, PEOPLE)
            process = harness.start(home)
            for stop in range(STOPS):
                target = PEOPLE * stop // (STOPS + 1) + draw.randrange(1, PEOPLE // (STOPS + 1))
                assert harness.wait_for(partial(_reached, sink, target), process)
                server.stop()
                time.sleep(draw.random() * 5)  # Longer than a lease, sometimes.
                server.start()
            await _until_done(settings, process)
            assert harness.kill(process, signal.SIGTERM) == 0
            return await harness.inspect(settings, announcement, sink.recipients())

    found = asyncio.run(act())
    print(f"{STOPS} stops: {found.duplicates} copies, {found.unknown_attempts} attempts in doubt")  # noqa: T201
    sound(found)


def test_without_a_database_it_does_not_start(server: postgres.Server, tmp_path: Path) -> None:
    """It says what it cannot reach and ends with exit code 1, so that a supervisor tries again."""
    settings = harness.make_home(tmp_path, 25, f'[store]\nurl = "{server.url}"\n')
    asyncio.run(harness.fill(settings, 1))
    server.stop()
    try:
        assert harness.start(tmp_path).wait(60) == 1
        said = (tmp_path / "serve.log").read_text()
        assert "the database cannot be used" in said
        assert "Traceback" not in said
    finally:
        server.start()


def _reached(sink: harness.Catcher, count: int) -> bool:
    return sink.count() >= count


async def _until_done(settings: harness.Settings, process: object) -> None:
    until = time.monotonic() + harness.PATIENCE
    while await harness.open_deliveries(settings):
        assert time.monotonic() < until, "the service does not finish"
        await asyncio.sleep(0.1)
