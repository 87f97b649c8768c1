"""A whole installation in a folder, a mail catcher beside it, and processes that are killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from incidents.building import build_sequencer
from incidents.migrations import upgrade
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.verify import verify
from notifier.engine.reckoning import reckon
from notifier.keys import Keys
from notifier.settings import Settings, load
from notifier.store import Store
from tests import world

DEFERRED_FIRST = '[{"match": "person1*", "reply": "451 4.7.1 later", "times": 1}]'

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
CONFIGURATION = """
[email]
[[email.relays]]
name = "catcher"
host = "127.0.0.1"
port = {port}
tls = "none"
[sending]
batch_size = 100
concurrency = 100
quarantine_seconds = 0.5
retry_first_seconds = 0.2
relay_pause_seconds = 0.2
lease_seconds = 3
unknown_most = 50
lost_least = 100000
[audit]
every_seconds = 0.2
[web]
port = 0
"""


class Catcher:
    """The mail catcher in a process of its own: it survives the kills and says what it accepted."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "accepted.jsonl"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "notifier.channels.email.sink", "--log", str(self.log), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def count(self) -> int:
        """Return how many messages it has accepted."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def recipients(self) -> list[str]:
        """Return the recipient of each accepted message."""
        return [json.loads(line)["to"][0] for line in self.log.read_text().splitlines()]

    def close(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def catcher(folder: Path, *options: str) -> Iterator[Catcher]:
    """Run a catcher beside the block."""
    made = Catcher(folder, *options)
    try:
        yield made
    finally:
        made.close()


def make_home(home: Path, port: int, more: str = "") -> Settings:
    """Write configuration and keys of an installation that hands over to the catcher."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "notifier.toml").write_text(CONFIGURATION.format(port=port) + more)
    settings = load(home)
    Keys.generate().save(settings.keys_folder)
    LogKey.generate(settings.audit.origin).save(settings.keys_folder)
    settings.state_folder.mkdir(mode=0o700)
    return settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Store]:
    """Open the installation's store."""
    store = Store.open(
        settings.store_url,
        origin=settings.audit.origin,
        load_keys=lambda: Keys.load(settings.keys_folder),
    )
    try:
        yield store
    finally:
        await store.close()


async def fill(settings: Settings, people: int) -> int:
    """Make the tables and release an announcement to ``people``; returns its id."""
    async with opened(settings) as store:
        await upgrade(store.engine)
        keys = Keys.load(settings.keys_folder)
        return await world.released(store, keys, people, batch_size=settings.sending.batch_size)


def start(home: Path, *before: str) -> subprocess.Popen[bytes]:
    """Start the service as a user would; ``before`` are words that come before ``notifier``'s own."""
    with (home / "serve.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *(before or ("-m", "incidents")), "--home", str(home), "serve"],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )


def wait_for(condition: object, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait until ``condition()`` is true; false if the process ended first."""
    assert callable(condition)
    until = time.monotonic() + PATIENCE
    while not condition():
        if process is not None and process.poll() is not None:
            return False
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.001)
    return True


def kill(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> int:
    """Signal a process and wait for its end; returns its exit code."""
    process.send_signal(how)
    return process.wait(60)


@dataclass
class Findings:
    """What is true after everything has settled."""

    people: int
    states: dict[str, int]
    unaccounted: int
    open: int
    lost: int
    """People who were never handed a message."""
    duplicates: int
    """Copies beyond the first."""
    unexplained: int
    """Copies beyond those that attempts on record as unknown explain."""
    unknown_attempts: int
    verified: bool
    problems: Sequence[str] = field(default_factory=tuple)


async def open_deliveries(settings: Settings) -> int:
    """Return how many deliveries may still be handed over."""
    async with opened(settings) as store, store.read() as tx:
        return int(
            await tx.scalar(
                "SELECT count(*) FROM delivery WHERE state NOT IN ('accepted', 'delivered', 'rejected', "
                "'bounced', 'suppressed', 'cancelled', 'expired', 'held')"
            )
        )


async def inspect(settings: Settings, announcement: int, recipients: Sequence[str]) -> Findings:
    """Compare what the catcher accepted with what the store and the audit trail say."""
    async with opened(settings) as store:
        await build_sequencer(settings, store).drain()
        async with store.read() as tx:
            account = await reckon(tx, announcement)
            rows = await tx.rows(
                "SELECT c.number, d.state, "
                "(SELECT count(*) FROM attempt t WHERE t.delivery_id = d.id AND t.outcome = 'unknown') AS doubts "
                "FROM delivery d JOIN customer c ON c.id = d.customer_id"
            )
        signer = LogKey.load(settings.keys_folder, settings.audit.origin)
        report = await verify(
            store,
            signer.verifier,
            high_water=HighWater(settings.high_water_file, signer.verifier),
            memory=HighWater(settings.home / "seen", signer.verifier),
        )
    copies = Counter(recipients)
    seen = {row.number: copies[world.address(int(row.number[1:]))] for row in rows}
    return Findings(
        people=account.people,
        states=dict(account.deliveries),
        unaccounted=account.unaccounted,
        open=account.open,
        lost=sum(seen[row.number] == 0 for row in rows if row.state == "accepted"),
        duplicates=sum(count - 1 for count in seen.values() if count),
        unexplained=sum(max(0, seen[row.number] - 1 - row.doubts) for row in rows),
        unknown_attempts=sum(row.doubts for row in rows),
        verified=report.verified,
        problems=[str(one) for one in report.findings],
    )


async def settle(settings: Settings, home: Path) -> None:
    """Run the service until nothing waits, then stop it politely."""
    log = home / "serve.log"
    before = log.stat().st_size if log.exists() else 0
    process = start(home)
    try:
        assert wait_for(lambda: b"service.listening" in log.read_bytes()[before:], process)
        until = time.monotonic() + PATIENCE
        while await open_deliveries(settings):
            assert process.poll() is None, "the service ended by itself"
            assert time.monotonic() < until, "the service does not finish"
            await asyncio.sleep(0.1)
        assert kill(process, signal.SIGTERM) == 0
    finally:
        process.kill()
        process.wait()


def _reached(sink: Catcher, count: int) -> bool:
    return sink.count() >= count


async def kill_campaign(
    folder: Path,
    *,
    kills: int,
    people: int,
    seed: int,
    how: signal.Signals = signal.SIGKILL,
    more: str = "",
) -> Findings:
    """Kill the service at ``kills`` random moments under load, then let it finish, and look.

    ``more`` is added to the configuration.
    """
    draw = random.Random(seed)
    with catcher(folder) as sink:
        home = folder / "home"
        settings = make_home(home, sink.port, more)
        announcement = await fill(settings, people)
        per_kill = max(1, people // (kills + 1))
        for _ in range(kills):
            process = start(home)
            target = sink.count() + draw.randrange(1, 2 * per_kill)
            if not await asyncio.to_thread(wait_for, partial(_reached, sink, min(target, people)), process):
                raise AssertionError("the service ended by itself")
            time.sleep(draw.random() * 0.01)
            code = kill(process, how)
            assert code == (0 if how is signal.SIGTERM else -how)
            if sink.count() >= people:
                break
        await settle(settings, home)
        return await inspect(settings, announcement, sink.recipients())


__all__ = ["Catcher", "Findings", "catcher", "fill", "inspect", "kill_campaign", "make_home", "os", "settle"]
