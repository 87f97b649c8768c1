"""Every commit of a whole sending fails once, unkept and kept: nobody is lost, no doubt is hidden."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from notifier.channels import Outcome, OutcomeKind
from notifier.engine import recovery
from notifier.engine.reckoning import reckon
from notifier.errors import StoreError
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.testing import FakeClock, FaultyStore, ScriptedChannel
from notifier.testing.store import Failure
from tests import world
from tests.conftest import ORIGIN
from tests.integration.test_sending import run_next, start, states

PEOPLE = 12
SETTINGS = SendingSettings(concurrency=4, quarantine_seconds=1, retry_first_seconds=1, lease_seconds=2)
COMMITS = range(1, 21)


async def _carry_on(
    store: Store, keys: Keys, channel: ScriptedChannel, clock: FakeClock, folder: Path
) -> None:
    """Work until nothing is left, as a worker does: after a failure look again, settle, go on."""
    quiet = 0
    while quiet < 3:
        try:
            await start(store)
            await recovery.replay(store, folder, retry_us=1)
            busy = await run_next(store, keys, channel, folder, SETTINGS)
        except (OperationalError, StoreError):
            busy = None
        quiet = 0 if busy else quiet + 1
        clock.advance(seconds=20)


@pytest.mark.parametrize("failure", ["unkept", "kept"])
@pytest.mark.parametrize("number", COMMITS)
async def test_a_failed_commit_loses_nobody(
    sqlite_url: str, keys: Keys, clock: FakeClock, tmp_path: Path, number: int, failure: Failure
) -> None:
    """Whichever commit fails, and whether or not it was kept, everybody is told and every copy explained."""
    store = FaultyStore.open(sqlite_url, origin=ORIGIN, clock=clock)
    assert isinstance(store, FaultyStore)
    announcement = await world.released(store, keys, PEOPLE, batch_size=6)
    store.commits = 0
    store.plan = lambda commit: failure if commit == number else ""
    deferred = Outcome(OutcomeKind.DEFERRED, code=450, reason="throttled")
    channel = ScriptedChannel({world.address(3): [deferred]})
    await _carry_on(store, keys, channel, clock, tmp_path / "spill")
    assert await states(store) == {"accepted": PEOPLE}
    copies = Counter(one.recipient for one in channel.sent)
    copies[world.address(3)] -= 1
    async with store.read() as tx:
        account = await reckon(tx, announcement)
        doubtful = await tx.scalar("SELECT count(*) FROM attempt WHERE outcome = 'unknown'")
        unrecorded = await tx.scalar(
            "SELECT count(*) FROM attempt t LEFT JOIN audit_event e ON e.id = t.event_id WHERE e.id IS NULL"
        )
    assert (account.unaccounted, account.open, unrecorded) == (0, 0, 0)
    assert all(copies.values())
    assert sum(copies.values()) - PEOPLE <= doubtful
    await store.close()
