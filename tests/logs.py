"""Audit logs for tests: entries, a sequencer with its key, and the stored tree read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from notifier.audit.entry import Event
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.sequencer import Sequencer
from notifier.store import Store


@dataclass
class Log:
    """A store's log with its key and its memory outside."""

    store: Store
    key: LogKey
    high_water: HighWater

    @classmethod
    def of(cls, store: Store, folder: Path) -> Log:
        """Return the log of ``store``, its outside memory in ``folder``."""
        key = LogKey(store.origin, b"\x01" * 32)
        return cls(store, key, HighWater(folder / "outside" / "high_water", key.verifier))

    def sequencer(self, batch: int = 10_000) -> Sequencer:
        """Return a new sequencer, as after a restart."""
        return Sequencer(self.store, self.key, self.high_water, batch=batch)

    async def record(self, count: int, start: int = 0) -> list[str]:
        """Record numbered entries, which then wait."""
        async with self.store.begin() as tx:
            return tx.record(
                *(Event("test:done", {"number": number}) for number in range(start, start + count))
            )

    async def grow(self, count: int, start: int = 0) -> None:
        """Record numbered entries and give them their places."""
        await self.record(count, start)
        await self.sequencer().drain()

    async def entries(self) -> list[bytes]:
        """Return the log's entries in their order."""
        async with self.store.read() as tx:
            return [
                bytes(row.entry)
                for row in await tx.rows(
                    "SELECT e.entry FROM log_leaf l JOIN audit_event e ON e.id = l.event_id ORDER BY l.leaf_index"
                )
            ]
