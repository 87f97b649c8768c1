"""What the audit trail costs: entries with disclosures recorded, sequenced and verified.

``python -m benchmarks.audit`` measures SQLite in a scratch folder, and PostgreSQL where ``DATABASE_URL``
names a scratch database (its schema is made and left behind).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from incidents.migrations import upgrade
from notifier.audit.entry import Disclosure, Event
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.sequencer import Sequencer
from notifier.audit.verify import verify
from notifier.keys import SubjectKey
from notifier.store import Store

ORIGIN = "bench.example.com/audit"


@dataclass(frozen=True)
class Cost:
    """One stage: how many entries, in how many seconds of wall clock and of this process's CPU."""

    stage: str
    events: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Entries per second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU per entry, the database driver's threads included."""
        return self.cpu_seconds / self.events * 1e6


def attempts(count: int) -> list[Event]:
    """Return entries as the engine writes one per hand-over: codes in the clear, two disclosures."""
    return [
        Event(
            "bench:attempt:accepted",  # As long as the real one; no delivery stands behind it.
            {
                "announcement": "INC-2026-001/1",
                "delivery": f"{number:016X}",
                "member": f"{number:032x}",
                "channel": "email",
                "attempt": 1,
                "code": 250,
                "enhanced": "2.0.0",
                "relay": "relay.example.com",
                "reason": "",
            },
            (
                Disclosure(
                    "recipient",
                    {
                        "address": f"person{number}@example.com",
                        "customer": f"C{number:07d}",
                        "digest": f"{number:064x}",
                    },
                ),
                Disclosure("response", {"text": f"2.0.0 Ok: queued as {number:012X}"}),
            ),
            SubjectKey(number.to_bytes(32, "big")),
        )
        for number in range(count)
    ]


async def _timed(stage: str, events: int, act: Callable[[], Awaitable[object]]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    await act()
    return Cost(stage, events, time.perf_counter() - wall, time.process_time() - cpu)


async def measure(url: str, folder: Path, *, events: int = 100_000, commit: int = 1000) -> list[Cost]:
    """Record ``events`` entries, ``commit`` a transaction; sequence and verify them; return the costs."""
    store = Store.open(url, origin=ORIGIN)
    await upgrade(store.engine)
    key = LogKey.generate(ORIGIN)
    high_water = HighWater(folder / "high_water", key.verifier)
    sequencer = Sequencer(store, key, high_water)
    made = attempts(commit)

    async def record() -> None:
        for _ in range(events // commit):
            async with store.begin() as tx:
                tx.record(*made)

    async def check() -> None:
        memory = HighWater(folder / "seen", key.verifier)
        report = await verify(store, key.verifier, high_water=high_water, memory=memory)
        if set(report.counts) - {"attempt-lost"}:  # There are no attempts behind these entries.
            raise RuntimeError(report.findings)

    try:
        return [
            await _timed("record", events, record),
            await _timed("sequence", events, sequencer.drain),
            await _timed("verify", events, check),
        ]
    finally:
        await store.close()


def _print(name: str, costs: list[Cost]) -> None:
    both = Cost(
        "record + sequence",
        costs[0].events,
        sum(cost.seconds for cost in costs[:2]),
        sum(cost.cpu_seconds for cost in costs[:2]),
    )
    print(f"{name:<12} {'stage':<18} {'entries/s':>10} {'CPU us/entry':>13}")
    for cost in (*costs, both):
        print(f"{'':<12} {cost.stage:<18} {cost.per_second:>10,.0f} {cost.cpu_us:>13.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--commit", type=int, default=1000)
    given = parser.parse_args()
    urls = {
        "PostgreSQL": os.environ.get("DATABASE_URL", "").replace("postgresql://", "postgresql+psycopg://")
    }
    with tempfile.TemporaryDirectory() as scratch:
        urls = {"SQLite": f"sqlite+aiosqlite:///{scratch}/store.db"} | urls
        for name, url in urls.items():
            if url:
                folder = Path(scratch) / name
                _print(name, asyncio.run(measure(url, folder, events=given.events, commit=given.commit)))


if __name__ == "__main__":
    main()
