"""``python -m benchmarks.million``: import, choose, freeze and plan for a million people.

The notices that planning needs are put in as rows of random bytes: rendering a million of them is the whole
path's business, and its cost per person does not depend on how many there are.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.whole_path import Stage, WholePath
from incidents.migrations import upgrade
from notifier.audit.entry import Event
from notifier.customers.sample import write_sample
from notifier.engine.planning import plan

TARGETS = {"import": 120, "freeze": 10, "plan": 20}


class Million(WholePath):
    """The stages that work on sets."""

    async def run(self) -> None:
        """Run them one after the other."""
        await upgrade(self.store.engine)
        file = self._folder / "customers.csv"
        write_sample(file, self._people, messy=False)
        try:
            await self._stage("import", lambda: self._import(file))
            incident = await self._declare()
            await self._stage("choose", lambda: self._choose(incident))
            code = await self._stage("freeze", lambda: self._freeze(incident))
            announcement_id = await self._draft(incident, code)
            await self._add_notices(announcement_id)
            await self._stage("plan", lambda: self._plan(announcement_id))
        finally:
            await self.store.close()

    async def _add_notices(self, announcement_id: int) -> None:
        async with self.store.begin() as tx:
            (kept,) = await tx.write_returning(
                "INSERT INTO notice_dictionary (announcement_id, locale, variant, content) "
                "VALUES (:id, 'en', 'person', :content) RETURNING id",
                {"id": announcement_id, "content": b""},
            )
            await tx.write(
                "INSERT INTO notice (reference, announcement_id, member_id, channel, occasion, locale, "
                "dictionary_id, digest, size, sealed) "
                "SELECT hex(randomblob(8)), :id, m.id, 'email', 'first', 'en', :dictionary, "
                "randomblob(32), 7000, randomblob(220) FROM audience_member m WHERE m.state = 'due'",
                {"id": announcement_id, "dictionary": kept.id},
            )
            tx.record(Event("bench:notices"))

    async def _plan(self, announcement_id: int) -> None:
        async with self.store.begin() as tx:
            await plan(tx, announcement_id, batch_size=self.settings.sending.batch_size)
            tx.record(Event("bench:planned"))


def main() -> None:
    """Measure and print a line a stage, with the goal beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    given = parser.parse_args()

    def say(stage: Stage) -> None:
        print(f"  {stage.name}: {stage.seconds:.1f} s", file=sys.stderr)

    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as scratch:
        path = Million(Path(scratch).absolute() / "home", given.people, 25, say)
        asyncio.run(path.run())
    print(f"{given.people:,} people, {os.cpu_count()} cores\n")
    print("| stage | seconds | goal, s | rows/s | CPU per row, µs | peak memory, MB |")
    print("|---|---:|---:|---:|---:|---:|")
    for stage in path.stages:
        goal = TARGETS.get(stage.name, "")
        print(
            f"| {stage.name} | {stage.seconds:.1f} | {goal} | {stage.per_second:,.0f} | {stage.cpu_us:.0f} "
            f"| {stage.peak_mb} |"
        )


if __name__ == "__main__":
    main()
