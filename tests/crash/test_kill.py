"""A real service under load is killed; afterwards everybody is accounted for and every copy explained."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import harness
from tests.crash.harness import Findings
from tests.crash.killed import MOMENTS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("CRASH_KILLS", "20"))
SEED = int(os.environ.get("CRASH_SEED", "1047"))
PEOPLE_PER_KILL = 150


def sound(found: Findings) -> None:
    """What must hold after any crash."""
    assert (found.unaccounted, found.open, found.lost, found.unexplained) == (0, 0, 0, 0), found
    assert found.states == {"accepted": found.people}
    assert found.verified, found.problems


def test_sigkill_under_load(tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    """Nobody is lost; copies are attempts on record as unknown, on average at most one per kill."""
    found = asyncio.run(
        harness.kill_campaign(tmp_path, kills=KILLS, people=KILLS * PEOPLE_PER_KILL, seed=SEED)
    )
    record_property("duplicates", found.duplicates)
    print(f"{KILLS} kills: {found.duplicates} copies, {found.unknown_attempts} attempts in doubt")  # noqa: T201
    sound(found)
    assert found.duplicates <= KILLS


def test_sigterm_under_load(tmp_path: Path) -> None:
    """A polite stop drains: no copy at all, nothing in doubt."""
    kills = max(3, KILLS // 5)
    found = asyncio.run(
        harness.kill_campaign(
            tmp_path, kills=kills, people=kills * PEOPLE_PER_KILL, seed=SEED, how=signal.SIGTERM
        )
    )
    sound(found)
    assert (found.duplicates, found.unknown_attempts) == (0, 0)


@pytest.mark.parametrize(
    "moment",
    [*MOMENTS, *(f"commit:{n}:{when}" for n in (1, 2, 3, 4, 6, 8) for when in ("before", "after"))],
)
def test_killed_at_a_named_step(tmp_path: Path, moment: str) -> None:
    """Whatever the step, the next start finds out, settles and finishes."""

    async def act() -> Findings:
        with harness.catcher(tmp_path) as sink:
            home = tmp_path / "home"
            settings = harness.make_home(home, sink.port)
            announcement = await harness.fill(settings, 60)
            process = harness.start(home, "-m", "tests.crash.killed", moment)
            assert process.wait(60) == -signal.SIGKILL
            await harness.settle(settings, home)
            return await harness.inspect(settings, announcement, sink.recipients())

    sound(asyncio.run(act()))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB; skipped where it cannot be mounted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system needs the right to mount one; the file size limit is tested instead")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk(tmp_path: Path, small_disk: Path) -> None:
    """While the disk is full nothing is sent; with room again everything goes on by itself."""

    async def act() -> Findings:
        with harness.catcher(tmp_path, "--wait", "0.002") as sink:
            home = small_disk / "home"
            settings = harness.make_home(home, sink.port)
            announcement = await harness.fill(settings, 1500)
            process = harness.start(home)
            assert harness.wait_for(lambda: sink.count() > 50, process)
            filler = small_disk / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError:
                    pass
            stalled = _until_still(sink)
            assert stalled < 1500
            filler.unlink()
            assert harness.wait_for(lambda: sink.count() >= 1500, process), (home / "serve.log").read_text()
            harness.kill(process, signal.SIGTERM)
            await harness.settle(settings, home)
            return await harness.inspect(settings, announcement, sink.recipients())

    sound(asyncio.run(act()))


def _until_still(sink: harness.Catcher) -> int:
    """Wait until the catcher has taken nothing for two seconds; returns its count."""
    count, since = sink.count(), time.monotonic()
    while time.monotonic() - since < 2:
        time.sleep(0.05)
        if (now := sink.count()) != count:
            count, since = now, time.monotonic()
    return count


def test_file_size_limit(tmp_path: Path) -> None:
    """The same where writing fails because a file may not grow: restarted with room, it finishes."""

    async def act() -> Findings:
        with harness.catcher(tmp_path) as sink:
            home = tmp_path / "home"
            settings = harness.make_home(home, sink.port)
            announcement = await harness.fill(settings, 600)
            room = (settings.state_folder / "store.db").stat().st_size + 200_000
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
            try:
                process = harness.start(home)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            time.sleep(1)
            _until_still(sink)
            harness.kill(process)
            await harness.settle(settings, home)
            return await harness.inspect(settings, announcement, sink.recipients())

    sound(asyncio.run(act()))
