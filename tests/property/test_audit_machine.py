"""The log through crashes, restores and competing sequencers: it grows, or it stands still, but never forks."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from notifier.audit.high_water import HighWater
from notifier.audit.verify import verify
from notifier.errors import AuditError
from notifier.store import Store
from tests.conftest import ORIGIN
from tests.logs import Log


class Machine(RuleBasedStateMachine):
    """One store on SQLite; between steps its file can be copied and put back."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="notifier-machine-"))
        self.published: list[bytes] = []

    @initialize()
    def start(self) -> None:
        """Begin with an empty store, which is also the oldest backup."""
        shutil.copy(self.template, self.folder / "store.db")
        self.newest = self.expected = 0
        self.back_up()
        self.backup_size = 0

    def teardown(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self.folder)

    def run(self, act: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end."""
        return asyncio.run(act)

    async def with_log(self, act: Any) -> Any:
        """Act on the log, as a process of its own would."""
        log = Log.of(
            Store.open(f"sqlite+aiosqlite:///{self.folder / 'store.db'}", origin=ORIGIN), self.folder
        )
        try:
            return await act(log)
        finally:
            await log.store.close()

    async def size(self, log: Log) -> int:
        """Return the stored tree's size."""
        async with log.store.read() as tx:
            return await tx.scalar("SELECT coalesce(max(size), 0) FROM log_state")

    def high_water(self) -> int:
        """Return the size remembered outside."""
        path = self.folder / "outside" / "high_water"
        return int(path.read_text().split("\n")[1]) if path.exists() else 0

    @rule(count=st.integers(1, 300))
    def record(self, count: int) -> None:
        """Entries are recorded and wait."""
        self.run(self.with_log(lambda log: log.record(count)))

    @rule(batch=st.integers(1, 200), crash=st.booleans(), rivals=st.integers(1, 2))
    def sequence(self, batch: int, crash: bool, rivals: int) -> None:
        """Sequencers take a batch each; power may fail between commit and publishing."""

        async def act(log: Log) -> None:
            old = await self.size(log)
            before = self.high_water()
            if crash:
                log.high_water.raise_to = lambda _: (_ for _ in ()).throw(OSError)  # type: ignore[method-assign]
            steps = [log.sequencer(batch=batch).step() for _ in range(rivals)]
            results = await asyncio.gather(*steps, return_exceptions=True)
            if old < before:
                assert all(isinstance(one, AuditError) for one in results)
                assert await self.size(log) == old
            assert not any(isinstance(one, AuditError) for one in results) or old < before

        self.run(self.with_log(act))

    @rule()
    def back_up(self) -> None:
        """Copy the store, as it is at rest."""
        shutil.copy(self.folder / "store.db", self.folder / "backup.db")

    @rule()
    def restore(self) -> None:
        """Put the copy back."""
        shutil.copy(self.folder / "backup.db", self.folder / "store.db")

    @invariant()
    def published_checkpoints_never_disagree(self) -> None:
        """What was published once stays true: a verification passes, or names the rollback and nothing else."""
        if not (self.folder / "store.db").exists():
            return

        async def act(log: Log) -> None:
            memory = HighWater(self.folder / "outside" / "seen", log.key.verifier)
            report = await verify(log.store, log.key.verifier, high_water=log.high_water, memory=memory)
            behind = await self.size(log) < max(self.high_water(), _size(memory))
            assert set(report.counts) <= ({"rolled-back"} if behind else set())
            assert report.verified != behind

        self.run(self.with_log(act))


def _size(memory: HighWater) -> int:
    known = memory.read()
    return known.size if known else 0


def test_the_log_grows_or_stands_still_but_never_forks(sqlite_template: Path) -> None:
    """Whatever order of records, batches, crashes, rivals, backups and restores: one history."""
    Machine.template = sqlite_template
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=15, stateful_step_count=12, deadline=None)
    )
