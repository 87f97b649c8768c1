"""Closing commits to every outcome, however many there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from notifier.audit.merkle import root
from notifier.engine import control
from notifier.keys import Keys
from notifier.store import Store, Transaction
from tests import world


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of the answer to the closing's one long query."""

    reference: str
    state: str


async def _close(store: Store) -> dict[str, Any]:
    async with store.begin() as tx:
        await tx.write("UPDATE delivery SET state = 'accepted'")
        await control.close(tx, world.CODE, operator="anna")
    async with store.read() as tx:
        entry = await tx.scalar("SELECT entry FROM audit_event WHERE action = 'announcement:closed'")
    facts: dict[str, Any] = orjson.loads(entry)["data"]
    return facts


async def test_the_root_is_that_of_all_outcomes_in_order(store: Store, keys: Keys) -> None:
    """RFC 6962 over the lines of reference and state, sorted."""
    await world.released(store, keys, 21)
    facts = await _close(store)
    async with store.read() as tx:
        rows = await tx.rows("SELECT reference FROM delivery")
    lines = sorted(f"{row.reference} accepted".encode() for row in rows)
    assert (facts["outcomes"], facts["root"]) == (21, root(lines).hex())


async def test_memory_stays_flat_whatever_the_audience(
    store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 100,000 outcomes it holds no more than a part of them at a time."""

    async def stream(_tx: Transaction, _sql: str, **_given: Any) -> AsyncIterator[Sequence[Outcome]]:
        for part in range(100):
            yield [Outcome(f"{part:03}{one:013}", "accepted") for one in range(1000)]

    await world.released(store, keys, 1)
    monkeypatch.setattr(Transaction, "stream", stream)
    tracemalloc.start()
    try:
        facts = await _close(store)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert facts["outcomes"] == 100_000
    assert peak < 3_000_000
