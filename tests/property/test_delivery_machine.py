"""The life of a delivery: as a pure machine, and as the store's statements carry it out."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.deliveries import ENDS, Happening, State, after
from notifier.engine import batches, control, recovery
from notifier.engine.reckoning import reckon
from notifier.engine.spill import Spill
from notifier.errors import Conflict, NotFound
from notifier.keys import Keys
from notifier.receipts.matching import match_again
from notifier.receipts.taking import settle_pending, take
from notifier.store import Store
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.conftest import ORIGIN, _migrate
from tests.integration.test_audit_verify import checked
from tests.integration.test_sending import INLINE, QUARANTINE, run_next, start
from tests.logs import Log

OUTCOMES = st.sampled_from(
    [
        Outcome(OutcomeKind.ACCEPTED, code=250),
        Outcome(OutcomeKind.DEFERRED, code=451, reason="throttled"),
        Outcome(OutcomeKind.REJECTED, code=550, reason="address-dead"),
        Outcome(OutcomeKind.UNKNOWN, reason="connection-lost"),
        RuntimeError("a bug in a channel"),
    ]
)


def _refused(state: State, happening: Happening) -> bool:
    try:
        after(state, happening)
    except Conflict:
        return True
    return False


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


MOVES = {
    (str(state), str(after(state, happening)))
    for state in State
    for happening in Happening
    if not _refused(state, happening)
}
_SPY = (
    "CREATE TABLE spied (id INTEGER PRIMARY KEY, before TEXT, after TEXT)",
    "CREATE TRIGGER spy AFTER UPDATE OF state ON delivery WHEN old.state <> new.state "
    "BEGIN INSERT INTO spied (before, after) VALUES (old.state, new.state); END",
)


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
        self.reported: dict[int, set[str]] = {}
        self.keys_used = 0

    @initialize()
    def release(self) -> None:
        """Release an announcement to a few people."""
        if Sending.template is None:
            Sending.template = Path(tempfile.mkdtemp(prefix="machine-template-")) / "store.db"
            self.runner.run(_migrate(f"sqlite+aiosqlite:///{Sending.template}"))
        shutil.copy(Sending.template, self.folder / "store.db")
        self.store = Store.open(
            f"sqlite+aiosqlite:///{self.folder / 'store.db'}",
            origin=ORIGIN,
            clock=self.clock,
            load_keys=lambda: self.keys,
        )
        self.announcement = self.runner.run(world.released(self.store, self.keys, self.people, batch_size=3))
        self.runner.run(start(self.store))
        self.runner.run(self._spy())

    async def _spy(self) -> None:
        async with self.store.begin() as tx:
            for statement in _SPY:
                await tx.housekeep(statement)

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

    @rule(outcome=OUTCOMES.filter(lambda outcome: isinstance(outcome, Outcome)), late=st.booleans())
    def crash_after_the_answers(self, outcome: Outcome, late: bool) -> None:
        """A worker dies with answers spilled; they are found at once, or ``late``, after a takeover."""

        async def crash() -> None:
            lease = await batches.claim(
                self.store, worker="w", drill=False, lease_us=10_000_000, quarantine_us=QUARANTINE
            )
            if lease is None:
                return
            async with self.store.read() as tx:
                rows = await tx.rows(
                    "SELECT id, reference FROM delivery WHERE batch_id = :b AND state IN "
                    "('planned', 'deferred')",
                    b=lease.batch_id,
                )
            opening = [batches.Opening(row.id, row.reference, 1) for row in rows]
            await batches.flush(self.store, lease, [], opening, [])
            spill = Spill(self.folder / "spill")
            for row in rows:
                spill.note(lease.token, row.id, outcome)
            spill.abandon()
            if late:
                await recovery.void_leases(self.store, quarantine_seconds=60)
            await recovery.replay(self.store, self.folder / "spill", retry_us=1)
            await recovery.void_leases(self.store, quarantine_seconds=60)

        self.runner.run(crash())

    @rule(number=st.integers(0, people - 1))
    def stop_address(self, number: int) -> None:
        """An address must not be used any more."""

        async def act() -> None:
            async with self.store.begin() as tx:
                await tx.housekeep(
                    "UPDATE contact_point SET state = 'stopped' WHERE customer_id = "
                    "(SELECT id FROM customer WHERE number = :number)",
                    {"number": f"C{number}"},
                )

        self.runner.run(act())

    @rule()
    def decide(self) -> None:
        """An operator pauses, resumes or has a held delivery sent again; whatever is possible."""

        async def act() -> None:
            async with self.store.read() as tx:
                held = await tx.scalar("SELECT reference FROM delivery WHERE state = 'held' ORDER BY id")
            with suppress(Conflict, NotFound):
                async with self.store.begin() as tx:
                    await control.send_again(tx, held or "", operator="ben", dispatcher=INLINE)
            for pause in (True, False):
                with suppress(Conflict):
                    async with self.store.begin() as tx:
                        if pause:
                            await control.pause(tx, world.CODE, operator="ben", reason="test")
                        else:
                            await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)

        self.runner.run(act())

    @precondition(lambda self: not self.cancelled)
    @rule()
    def cancel(self) -> None:
        """An operator ends it."""

        async def act() -> None:
            async with self.store.begin() as tx:
                await control.cancel(tx, world.CODE, operator="ben", reason="test")

        self.runner.run(act())
        self.cancelled = True

    @precondition(lambda self: self.cancelled)
    @rule()
    def cancel_the_rest(self) -> None:
        """What was answered after the cancel is cancelled too."""

        async def act() -> None:
            async with self.store.begin() as tx:
                await control.cancel_rest(tx, self.announcement)

        self.runner.run(act())

    @rule(number=st.integers(0, people - 1), attempt=st.integers(1, 3), kind=st.sampled_from(ReceiptKind))
    def report(self, number: int, attempt: int, kind: ReceiptKind) -> None:
        """A server reports something, about a hand-over that was or one that never was, perhaps twice."""

        async def act() -> None:
            async with self.store.begin() as tx:
                row = await tx.row(
                    "SELECT d.id, d.reference, d.attempts FROM delivery d JOIN customer c ON"
                    " c.id = d.customer_id WHERE c.number = :number",
                    number=f"C{number}",
                )
                assert row is not None
                self.keys_used += 1
                receipt = Receipt(kind, str(self.keys_used), row.reference, attempt, reason="address-dead")
                taken = await take(tx, self.keys, "email", [receipt, receipt])
                assert (taken.taken, taken.parked) == ((1, 0) if attempt <= row.attempts else (0, 1))
                again = await take(tx, self.keys, "email", [receipt])
                assert (again.taken, again.parked, again.repeated) == (0, 0, 1)
            self.reported.setdefault(row.id, set()).update({"delivered", "bounced"})
            async with self.store.begin() as tx:
                await settle_pending(tx, self.keys)
                await match_again(tx, self.keys)

        self.runner.run(act())

    @invariant()
    def everybody_is_accounted_for(self) -> None:
        """I2: planned equals the sum over states, people equals the sum over groups; no end is undone."""
        if not hasattr(self, "store"):
            return

        async def look() -> None:
            async with self.store.read() as tx:
                account = await reckon(tx, self.announcement)
                rows = await tx.rows("SELECT id, state FROM delivery")
                moves = await tx.rows("SELECT before, after FROM spied")
            assert {tuple(move) for move in moves} <= MOVES
            assert account.unaccounted == 0
            assert len(rows) == self.people == sum(account.deliveries.values())
            for row in rows:
                if self.seen.get(row.id) in ENDS:
                    assert row.state in {self.seen[row.id], *self.reported.get(row.id, ())}
                self.seen[row.id] = row.state

        self.runner.run(look())

    def teardown(self) -> None:
        """The trail explains every state; then close and remove the store."""
        if hasattr(self, "store"):
            log = Log.of(self.store, self.folder)
            self.runner.run(log.sequencer().drain())
            assert self.runner.run(checked(log)).findings == []
            self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder, ignore_errors=True)


TestSending = Sending.TestCase
TestSending.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
