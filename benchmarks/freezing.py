"""Choosing and freezing a million people: seconds and rows per second by stage.

python -m benchmarks.freezing [people] [DATABASE_URL]
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from incidents import records, store
from incidents.affected.criteria import Exposure, by_criteria
from incidents.freeze import freeze
from incidents.lifecycle import Step
from incidents.migrations import upgrade
from incidents.selection import Selection
from notifier.audit.entry import Event
from notifier.keys import Keys
from notifier.store import Store, Transaction

COUNTRIES = ("DE", "FR", "IN", "US", "ES", "SA")
LOCALES = ("de", "fr", "hi", "en", "es", "ar")
RECORD = b"title: Benchmark\ndata_categories: [email, password-hash]\n"


async def fill(tx: Transaction, people: int) -> None:
    """Make customers with one address each; sealed values are random bytes, since nobody opens them."""
    noise = os.urandom(120)
    chunk = 20_000
    for start in range(1, people + 1, chunk):
        numbers = range(start, min(start + chunk, people + 1))
        await tx.insert_many(
            "customer",
            (
                *("id", "uid", "number", "locale", "time_zone", "country", "region", "data_held", "marks"),
                *("attributes", "sealed", "fingerprint", "created_at", "changed_at", "origin"),
            ),
            (
                (
                    *(n, f"{n:032x}", f"C-{n}", LOCALES[n % 6], "Etc/UTC", COUNTRIES[n % 6], ""),
                    *(
                        " password-hash email name " if n % 3 else " email name ",
                        "",
                        "{}",
                        noise,
                        b"",
                        0,
                        0,
                        "import",
                    ),
                )
                for n in numbers
            ),
        )
        await tx.insert_many(
            "contact_point",
            (
                "customer_id",
                "channel",
                "rank",
                "sealed",
                "value_index",
                "folded_index",
                "site",
                "state",
                "state_reason",
            ),
            (
                (
                    n,
                    "email",
                    0,
                    noise,
                    (index := n.to_bytes(16, "big")),
                    index,
                    "",
                    "dead" if n % 50 == 0 else "usable",
                    "",
                )
                for n in numbers
            ),
        )
    tx.record(Event("customers:imported", {"rows": people}))


async def main(people: int, url: str) -> None:
    """Fill a store, then time choosing, freezing and topping up."""
    opened = Store.open(url, origin="bench.example/audit")
    await upgrade(opened.engine)
    keys = Keys.generate()
    async with opened.begin() as tx:
        await fill(tx, people)
    async with opened.begin() as tx:
        code = await store.declare(tx, records.read(RECORD), actor="bench")
        for step in (Step.ASSESS, Step.DECLARE):
            await store.take_step(tx, code, step, actor="bench")
        incident = await store.find(tx, code)

    async def choose(where: str, exposed: str) -> int:
        async with opened.begin() as tx:
            exposure = Exposure.read(exposed, incident)
            done = await by_criteria(
                tx, incident, Selection.read(where), exposure, basis="log", actor="bench"
            )
            return done.added + done.grown

    async def snapshot() -> int:
        async with opened.begin() as tx:
            return (await freeze(tx, keys, incident, actor="bench")).people

    stages = (
        ("choose", lambda: choose("everybody", "")),
        ("freeze", snapshot),
        ("choose more", lambda: choose("country = IN", "name")),
        ("top-up", snapshot),
        ("choose all", lambda: choose("everybody", "name")),
        ("top-up of all", snapshot),
    )
    for name, stage in stages:
        begin, cpu = time.perf_counter(), time.process_time()
        rows = await stage()
        took = time.perf_counter() - begin
        used = time.process_time() - cpu
        print(f"{name:13} {rows:>9} rows {took:7.2f} s {rows / took:>10.0f} rows/s {used:7.2f} s CPU")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    await opened.close()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(
            main(count, sys.argv[2] if len(sys.argv) > 2 else f"sqlite+aiosqlite:///{Path(folder)}/bench.db")
        )
