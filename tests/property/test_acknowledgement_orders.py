"""Acknowledgements in any order and number, with bars among them, leave one state and verify."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.acknowledgements import ACKNOWLEDGED, acknowledge
from notifier.barring import bar
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests import world

ACTS: list[tuple[str, str]] = [
    ("page", ""),
    ("banner", ""),
    ("banner", "fresh-sign-in"),
    ("support", ""),
    ("support", "identified"),
    ("bar", ""),
]


async def state_after(acts: list[tuple[str, str]], keys: Keys, folder: Path) -> Any:
    """Do the acts to one handed-over notice; return what is on record and whether it counts."""
    url = f"sqlite+aiosqlite:///{folder / 'store.db'}"
    store = Store.open(url, origin="notices.example.com/audit", clock=FakeClock(), load_keys=lambda: keys)
    try:
        await world.released(store, keys, 1)
        async with store.begin() as tx:
            await tx.housekeep("UPDATE delivery SET state = 'accepted', attempts = 1")
            reference = str(await tx.scalar("SELECT reference FROM delivery"))
        for how, assurance in acts:
            async with store.begin() as tx:
                if how == "bar":
                    await bar(tx, subject="INC-2026-001", condition="1 = 1", params={}, actor="alice")
                    continue
                word = {"by": "alice", "reason": "called"} if how == "support" else {}
                await acknowledge(tx, keys, reference=reference, how=how, assurance=assurance, **word)  # type: ignore[arg-type]
        async with store.read() as tx:
            rows = await tx.rows("SELECT how, assurance FROM acknowledgement")
            counts = await tx.scalar(f"SELECT count(*) FROM audience_member m WHERE {ACKNOWLEDGED}")
            entries = await tx.scalar(
                "SELECT count(*) FROM audit_event WHERE action = 'acknowledgement:taken'"
            )
        return sorted(tuple(row) for row in rows), counts, entries
    finally:
        await store.close()


@settings(max_examples=15, deadline=None)
@given(acts=st.lists(st.sampled_from(ACTS), max_size=8), again=st.randoms(use_true_random=False))
def test_order_and_number_do_not_matter(
    sqlite_template: Path, acts: list[tuple[str, str]], again: Any
) -> None:
    """What is on record is what was said at least once; it counts as if all had been known at once."""
    keys = Keys(b"m" * 32, b"i" * 32, b"t" * 32)
    other = [*acts, *acts]
    again.shuffle(other)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        for folder in (first, second):
            shutil.copy(sqlite_template, Path(folder) / "store.db")
        left = asyncio.run(state_after(acts, keys, Path(first)))
        right = asyncio.run(state_after(other, keys, Path(second)))
    said = sorted(set(acts) - {("bar", "")})
    counts = int(any(sure for _, sure in said) or (bool(said) and ("bar", "") not in acts))
    assert left == right == (said, counts, len(said))
