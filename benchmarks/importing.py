"""How fast customers are imported: ``python -m benchmarks.importing --rows 1000000``.

Makes a seeded file, imports it into a fresh SQLite store in a temporary folder, imports it again, and
prints rows per second and the peak memory by stage. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from incidents.migrations import upgrade
from notifier.clock import SystemClock
from notifier.customers.importing import CustomerImport, Imported, Progress
from notifier.customers.mapping import map_columns
from notifier.customers.normalise.rows import Rules
from notifier.customers.reading import Options, open_table
from notifier.customers.sample import write_sample
from notifier.keys import Keys
from notifier.store import Store


@dataclass
class Stages:
    """When each stage began, and how much memory this process had used by then."""

    began: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, int] = field(default_factory=dict)

    def note(self, progress: Progress) -> None:
        """Note a stage at its first report, and the peak at each."""
        self.began.setdefault(progress.stage, time.perf_counter())
        self.peak_mb[progress.stage] = _peak_mb()

    def seconds(self, start: float) -> dict[str, float]:
        """Return how long each stage took."""
        names = list(self.began)
        ends = [self.began[name] for name in names[1:]] + [time.perf_counter()]
        begins = [start, *[self.began[name] for name in names[1:]]]
        return {name: round(end - begin, 2) for name, begin, end in zip(names, begins, ends, strict=True)}


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


async def run(rows: int, workers: int | None, seed: int) -> list[dict[str, object]]:
    """Import a sample twice and return one result each."""
    results: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="notifier-bench-") as folder:
        path = Path(folder) / "customers.csv"
        write_sample(path, rows, seed, messy=False)
        store = Store.open(f"sqlite+aiosqlite:///{folder}/store.db", origin="bench.example.com/audit")
        await upgrade(store.engine)
        keys = Keys.generate()
        for name in ("first import", "same file again"):
            stages, start, cpu = Stages(), time.perf_counter(), _cpu_seconds()
            table = open_table(path, Options())
            columns = map_columns(table.headers, given={}, selectable=["Plan"])
            rules = Rules(columns, SystemClock().now().date())
            done = await CustomerImport(
                store, keys, table, rules, on_progress=stages.note, workers=workers
            ).run()
            seconds = time.perf_counter() - start
            result = {
                "stage": name,
                "rows": rows,
                "seconds": round(seconds, 1),
                "rows_per_second": round(rows / seconds),
                "cpu_us_per_row": round((_cpu_seconds() - cpu) / rows * 1e6),
            }
            results.append(result | _details(stages, start, done))
        await store.close()
    return results


def _details(stages: Stages, start: float, done: Imported) -> dict[str, object]:
    return {
        "seconds_by_stage": stages.seconds(start),
        "peak_mb_by_stage": stages.peak_mb,
        "peak_mb_largest_worker": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "added": done.progress.added,
        "unchanged": done.progress.unchanged,
        "refused": done.report.refused,
        "possible_duplicates": done.duplicates.open,
    }


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    """Print one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument(
        "--workers", type=int, default=None, help="worker processes; as many as cores if not given"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for result in asyncio.run(run(options.rows, options.workers, options.seed)):
        print(json.dumps(result))


if __name__ == "__main__":
    main()
