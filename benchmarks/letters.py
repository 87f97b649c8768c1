"""What letters cost: a print batch beside making each letter by itself.

``python -m benchmarks.letters`` prints the table that stands in docs/reference/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from incidents.migrations import upgrade
from notifier.channels.letter import Letter, LetterRenderer, Sender
from notifier.channels.letter.batch import write_batch
from notifier.customers.values import PostalAddress
from notifier.notices import Person
from notifier.store import Store
from tests.audiences import Someone
from tests.mailhouse import waiting_desk

FACTS = json.loads((Path(__file__).parents[1] / "tests" / "data" / "notice-facts.json").read_text())
SENDER = Sender("Example Company", PostalAddress("1 Example Road", "50667", "Köln", "", "DE"))
ADDRESSES = (
    PostalAddress("Musterstraße 12", "50667", "Köln", "", "DE"),
    PostalAddress("1 Main Street\nApt 4", "62701", "Springfield", "US-IL", "US"),
    PostalAddress("12 Example Road", "560001", "Bengaluru", "Karnataka", "IN"),
)
LOCALES = ("de", "en", "hi", "fr", "es", "ar")


@dataclass(frozen=True)
class Figure:
    """One measurement."""

    name: str
    letters: int
    seconds: float
    cpu: float
    megabytes: float

    def row(self) -> str:
        """Return it as a row of the table."""
        per = 1000 / self.letters
        return (
            f"| {self.name} | {self.letters:,} | {self.seconds:.1f} | {self.seconds * per:.1f} "
            f"| {self.cpu * per:.1f} | {self.seconds * per:.1f} | {self.megabytes:.0f} |"
        )


def letters(count: int) -> Iterator[Letter]:
    """Yield letters to different people in six languages."""
    for number in range(count):
        person = Person(
            f"Mia Muster {number}", categories=("email", "password"), details={"records": [f"R-{number}"]}
        )
        yield Letter(
            notice="breach-notice",
            locale=LOCALES[number % len(LOCALES)],
            facts=FACTS,
            person=person,
            reference=f"{number:016X}",
            address=ADDRESSES[number % len(ADDRESSES)],
            dated=date(2026, 3, 6),
        )


def measure(name: str, count: int, act: Callable[[], None]) -> Figure:
    """Run ``act`` once and say what it took; CPU includes processes that have ended."""
    before, begun = _cpu(), time.perf_counter()
    act()
    taken = time.perf_counter() - begun
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Figure(name, count, taken, _cpu() - before, peak / 1024)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def naive(count: int) -> None:
    """Make letters one by one; fonts, words and templates are read anew for each."""
    for one in letters(count):
        LetterRenderer(SENDER).make(one)


def batch(count: int, processes: int) -> Callable[[], None]:
    """Return an act that writes a whole batch."""

    def act() -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = write_batch(
                Path(folder) / "batch.zip",
                letters(count),
                LetterRenderer(SENDER),
                name="benchmark",
                processes=processes,
            )
            if made.set_aside:
                raise SystemExit(f"{len(made.set_aside)} letters could not be printed")

    return act


def command(count: int) -> Callable[[Path], Callable[[], None]]:
    """Return what prepares an installation whose letters wait, and then the act of printing them all with
    ``notifier letters batch``: leases, attempts, pages, archive, trail.
    """
    people = [
        Someone(f"Mia Muster {number}", f"p{number}@mail.test", locale="en", street=f"Musterstraße {number}")
        for number in range(count)
    ]

    def prepare(folder: Path) -> Callable[[], None]:
        url = f"sqlite+aiosqlite:///{folder}/store.db"
        asyncio.run(_tables(url))
        desk, code = waiting_desk(url, folder, people)
        words = ["--home", str(desk.home), "letters", "batch", code, "--operator", "alice"]

        def act() -> None:
            subprocess.run(
                [sys.executable, "-m", "incidents", *words, "--out", str(folder / "batch.zip")],
                env={**os.environ, "NOTIFIER_STORE__URL": url},
                stdout=subprocess.DEVNULL,
                check=True,
            )

        return act

    return prepare


async def _tables(url: str) -> None:
    store = Store.open(url, origin="notices.example.com/audit")
    await upgrade(store.engine)
    await store.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--letters", type=int, default=1000)
    count = parser.parse_args().letters
    few = max(20, count // 10)
    figures = [
        measure("one by one, nothing kept", few, lambda: naive(few)),
        measure("batch, this process", count, batch(count, 0)),
        measure("batch, 2 processes", count, batch(count, 2)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        act = command(count)(Path(folder))
        figures.append(measure("`notifier letters batch`, the whole command", count, act))
    cores = os.cpu_count()
    print(
        f"{count:,} letters of two pages, six languages, Python {platform.python_version()}, {cores} cores\n"
    )
    print("| way | letters | seconds | ms a letter | CPU ms a letter | seconds for 1,000 | peak memory, MB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    print("\n".join(figure.row() for figure in figures))


if __name__ == "__main__":
    main()
