"""The life of a delivery: as a pure machine, and as the store's statements carry it out."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notifier.channels import Outcome, OutcomeKind
from notifier.deliveries import ENDS, Happening, State, after
from notifier.engine import batches, control, recovery
from notifier.engine.reckoning import reckon
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.conftest import ORIGIN, _migrate
from tests.integration.test_sending import QUARANTINE, run_next, start

OUTCOMES = st.sampled_from(
    [
        Outcome(OutcomeKind.ACCEPTED, code=250),
        Outcome(OutcomeKind.DEFERRED, code=451, reason="throttled"),
        Outcome(OutcomeKind.REJECTED, code=550, reason="address-dead"),
        Outcome(OutcomeKind.UNKNOWN, reason="connection-lost"),
        RuntimeError("a bug in a channel"),
    ]
)


@given(st.lists(st.sampled_from(Happening)))
def test_no_sequence_of_happenings_revives_an_end(happenings: list[Happening]) -> None:
    """Once a delivery has ended, only a receipt changes it, and never back to an open state."""
    state = State.PLANNED
    for happening in happenings:
        before = state
        try:
            state = after(state, happening)
        except Conflict:
            continue
        assert before not in ENDS or state in {State.DELIVERED, State.BOUNCED}


@pytest.mark.parametrize("state", [State.ACCEPTED, State.DELIVERED, State.REJECTED, State.CANCELLED])
def test_what_has_ended_is_never_handed_over_again(state: State) -> None:
    """Opening an attempt is possible only where something waits."""
    with pytest.raises(Conflict):
        after(state, Happening.OPEN)


class Sending(RuleBasedStateMachine):
    """Claims, answers, crashes, restarts, time and operators in any order."""

    people = 6
    template: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.clock = FakeClock()
        self.keys = Keys.generate()
        self.channel = ScriptedChannel()
        self.seen: dict[int, str] = {}
        self.cancelled = False

    @initialize()
    def release(self) -> None:
        """Release an announcement to a few people."""
        if Sending.template is None:
            Sending.template = Path(tempfile.mkdtemp(prefix="machine-template-")) / "store.db"
            self.runner.run(_migrate(f"sqlite+aiosqlite:///{Sending.template}"))
        shutil.copy(Sending.template, self.folder / "store.db")
        self.store = Store.open(
            f"sqlite+aiosqlite:///{self.folder / 'store.db'}", origin=ORIGIN, clock=self.clock
        )
        self.announcement = self.runner.run(world.released(self.store, self.keys, self.people, batch_size=3))
        self.runner.run(start(self.store))

    @rule(number=st.integers(0, people - 1), outcome=OUTCOMES)
    def script(self, number: int, outcome: Outcome | Exception) -> None:
        """Decide how a server will answer."""
        self.channel.answer(world.address(number), outcome)

    @rule()
    def work(self) -> None:
        """Run the next batch."""
        self.runner.run(run_next(self.store, self.keys, self.channel, self.folder / "spill"))

    @rule()
    def crash_after_opening(self) -> None:
        """A worker dies with attempts open; its successor voids the lease."""

        async def crash() -> None:
            lease = await batches.claim(
                self.store, worker="w", drill=False, lease_us=10_000_000, quarantine_us=QUARANTINE
            )
            if lease is not None:
                async with self.store.read() as tx:
                    rows = await tx.rows(
                        "SELECT id, reference FROM delivery WHERE batch_id = :b AND due_at <= :now "
                        "AND state IN ('planned', 'deferred', 'unknown')",
                        b=lease.batch_id,
                        now=tx.now_us(),
                    )
                opening = [batches.Opening(row.id, row.reference, 1) for row in rows]
                await batches.flush(self.store, lease, [], opening, [])
            await recovery.void_leases(self.store, quarantine_seconds=60)

        self.runner.run(crash())

    @rule(minutes=st.integers(1, 300))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.clock.advance(minutes=minutes)

    @precondition(lambda self: not self.cancelled)
    @rule()
    def cancel(self) -> None:
        """An operator ends it."""

        async def act() -> None:
            async with self.store.begin() as tx:
                await control.cancel(tx, world.CODE, operator="ben", reason="test")

        self.runner.run(act())
        self.cancelled = True

    @invariant()
    def everybody_is_accounted_for(self) -> None:
        """I2: planned equals the sum over states, people equals the sum over groups; no end is undone."""
        if not hasattr(self, "store"):
            return

        async def look() -> None:
            async with self.store.read() as tx:
                account = await reckon(tx, self.announcement)
                rows = await tx.rows("SELECT id, state FROM delivery")
            assert account.unaccounted == 0
            assert len(rows) == self.people == sum(account.deliveries.values())
            for row in rows:
                if self.seen.get(row.id) in ENDS:
                    assert row.state == self.seen[row.id]
                self.seen[row.id] = row.state

        self.runner.run(look())

    def teardown(self) -> None:
        """Close and remove the store."""
        if hasattr(self, "store"):
            self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TestSending = Sending.TestCase
TestSending.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
