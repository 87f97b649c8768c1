"""Closing commits to every outcome, however many there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from notifier.acknowledgements import acknowledge
from notifier.audit.merkle import root
from notifier.engine import closing
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.store import Store, Transaction
from notifier.testing import FakeClock
from tests import world
from tests.audiences import Someone
from tests.integration.test_acknowledgements import reference_of
from tests.journeys import journey

ANNA = Someone("Anna Albrecht", "anna@mail.test", street="Weg 1")
BRUNO = Someone("Bruno Castellano", "bruno@mail.test")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of the answer to the closing's one long query."""

    reference: str
    state: str


async def _close(store: Store) -> dict[str, Any]:
    async with store.begin() as tx:
        await tx.write("UPDATE delivery SET state = 'accepted'")
        await closing.close(tx, world.CODE, operator="anna")
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


async def test_what_may_come_back_is_waited_for(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Its reader would be gone on with. Somebody can decide not to wait, with a reason that is on record."""
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO], "letter:unreached")
    await made.send()
    async with store.begin() as tx:
        await acknowledge(tx, keys, reference=await reference_of(made, BRUNO), how="page")
    with pytest.raises(Conflict, match="come back from 1 person"):
        await _close_journey(store, settled_hours=72)
    clock.advance(hours=73)
    await _close_journey(store, settled_hours=72)
    (entry,) = await made.entries("announcement:closed")
    assert "unsettled" not in entry


async def test_who_closes_early_says_why(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> None:
    """How many were not waited for is on record."""
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO], "letter:unreached")
    await made.send()
    await _close_journey(store, settled_hours=72, early="the court ordered it")
    (entry,) = await made.entries("announcement:closed")
    assert (entry["unsettled"], "court" in str(entry)) == (2, False)


async def _close_journey(store: Store, **how: Any) -> None:
    async with store.begin() as tx:
        code = str(await tx.scalar("SELECT code FROM announcement"))
        await closing.close(tx, code, operator="anna", **how)
