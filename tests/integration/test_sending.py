"""A batch from its lease to its last answer, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from notifier.channels import Outcome, OutcomeKind
from notifier.clock import to_instant
from notifier.deliveries import State
from notifier.engine import batches, control, recovery, schedule
from notifier.engine.attempts import Settled
from notifier.engine.dispatch import InlineDispatcher
from notifier.engine.flow import Flow
from notifier.engine.loading import Loader, Policy
from notifier.engine.reckoning import reckon
from notifier.engine.sending import BatchResult, BatchRun
from notifier.engine.spill import Spill
from notifier.errors import LostLease, Refused
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.testing import FakeClock, ScriptedChannel
from tests import world

QUARANTINE = 60_000_000
INLINE = InlineDispatcher(workers=0)
DEFERRED = Outcome(
    OutcomeKind.DEFERRED, code=451, enhanced="4.7.1", text="later", reason="throttled", retry_after=90
)
DEAD = Outcome(OutcomeKind.REJECTED, code=550, enhanced="5.1.1", text="no such user", reason="address-dead")
LOST = Outcome(OutcomeKind.UNKNOWN, reason="connection-lost")
RELAY_DOWN = Outcome(OutcomeKind.DEFERRED, reason="relay-down", handed_over=False)


async def _no_release(_tx: object, _announcement: int) -> None:
    raise Refused


async def start(store: Store) -> None:
    """Fire what is due."""
    await schedule.fire_due(store, release=_no_release, refused=_no_release, dispatcher=INLINE)


async def claim(store: Store, lease_us: int = 15_000_000) -> batches.Lease | None:
    """Lease the next batch."""
    return await batches.claim(
        store,
        worker="w1",
        drill=False,
        lease_us=lease_us,
        quarantine_us=QUARANTINE,
        channels=("email", "sms"),
    )


async def run_next(
    store: Store,
    keys: Keys,
    channel: ScriptedChannel,
    folder: Path,
    settings: SendingSettings | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> BatchResult | None:
    """Claim the next batch and run it."""
    lease = await claim(store)
    if lease is None:
        return None
    spill = Spill(folder)
    chosen = settings or SendingSettings(concurrency=10)
    policy = Policy(chosen.unknown_policy == "hold", chosen.unknown_most)
    loader = Loader(store, keys, world.PlainFinisher(), policy)
    run = BatchRun(
        store=store,
        lease=lease,
        loader=loader,
        channel=channel,
        spill=spill,
        settings=chosen,
        flow=Flow(chosen.concurrency),
        dispatcher=INLINE,
        stop=stop,
    )
    result = await run.run()
    spill.close()
    return result


async def states(store: Store) -> dict[str, int]:
    """Count deliveries per state."""
    async with store.read() as tx:
        rows = await tx.rows("SELECT state, count(*) AS people FROM delivery GROUP BY state")
    return {row.state: row.people for row in rows}


async def test_everybody_gets_exactly_one_notice(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Each person of the audience is handed one message, and each attempt is on record."""
    announcement = await world.released(store, keys, 57, batch_size=20)
    await start(store)
    channel = ScriptedChannel()
    while await run_next(store, keys, channel, tmp_path):
        pass
    assert sorted(one.recipient for one in channel.sent) == sorted(world.address(n) for n in range(57))
    assert await states(store) == {"accepted": 57}
    async with store.read() as tx:
        account = await reckon(tx, announcement)
        assert (account.notified, account.unaccounted) == (57, 0)
        assert await tx.scalar("SELECT count(*) FROM attempt WHERE outcome = 'accepted'") == 57
        assert (
            await tx.scalar("SELECT count(*) FROM audit_event WHERE action = 'delivery:attempt:accepted'")
            == 57
        )


async def test_a_deferred_notice_is_the_same_message_later(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """After the time the server asked for, the same bytes go again under a new attempt."""
    await world.released(store, keys, 3)
    await start(store)
    channel = ScriptedChannel({world.address(1): [DEFERRED]})
    await run_next(store, keys, channel, tmp_path)
    assert await states(store) == {"accepted": 2, "deferred": 1}
    clock.advance(seconds=89)
    assert await run_next(store, keys, channel, tmp_path) is None
    clock.advance(seconds=11)
    await run_next(store, keys, channel, tmp_path)
    first, second = [one for one in channel.sent if one.recipient == world.address(1)]
    assert first.content == second.content
    assert (first.return_path, second.return_path) != (first.return_path, first.return_path)
    assert await states(store) == {"accepted": 3}


async def test_a_dead_address_is_never_used_again(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A refusal that names the mailbox ends the delivery and marks the contact point."""
    announcement = await world.released(store, keys, 2)
    await start(store)
    await run_next(store, keys, ScriptedChannel({world.address(0): [DEAD]}), tmp_path)
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM contact_point WHERE state = 'dead'") == 1
        assert (await reckon(tx, announcement)).unreachable == 1


async def test_a_lost_answer_waits_in_quarantine(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """It is unknown, not retried at once; after the quarantine it goes again, after three it is held."""
    await world.released(store, keys, 1)
    await start(store)
    channel = ScriptedChannel({world.address(0): [LOST] * 5})
    for _ in range(3):
        await run_next(store, keys, channel, tmp_path)
        assert await states(store) == {"unknown": 1}
        assert await run_next(store, keys, channel, tmp_path) is None
        clock.advance(seconds=61)
    await run_next(store, keys, channel, tmp_path)
    assert await states(store) == {"held": 1}
    assert len(channel.sent) == 3


async def test_a_broken_channel_leaves_doubt_not_silence(store: Store, keys: Keys, tmp_path: Path) -> None:
    """An unexpected exception makes that delivery unknown; the others go on."""
    await world.released(store, keys, 5)
    await start(store)
    await run_next(store, keys, ScriptedChannel({world.address(2): [RuntimeError("bug")]}), tmp_path)
    assert await states(store) == {"accepted": 4, "unknown": 1}


async def test_relay_trouble_burns_nobody(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> None:
    """With the relay down only what was open is deferred; the rest stays planned and goes later."""
    await world.released(store, keys, 40)
    await start(store)
    channel = ScriptedChannel({world.address(n): [RELAY_DOWN] for n in range(40)})
    result = await run_next(store, keys, channel, tmp_path, SendingSettings(concurrency=4))
    assert result is not None
    assert result.relay_trouble == "relay-down"
    assert (await states(store))["planned"] >= 30
    clock.advance(minutes=10)
    channel = ScriptedChannel()
    while await run_next(store, keys, channel, tmp_path):
        pass
    assert await states(store) == {"accepted": 40}


async def test_nothing_is_opened_while_no_relay_can_be_used(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The run asks the channel first: nobody is touched, nothing goes on record, and all go once it can."""
    await world.released(store, keys, 40)
    await start(store)
    channel = ScriptedChannel()
    channel.down = True
    result = await run_next(store, keys, channel, tmp_path)
    assert result == BatchResult(0, "relay-down")
    assert (channel.sent, await states(store)) == ([], {"planned": 40})
    async with store.read() as tx:
        assert not await tx.scalar(
            "SELECT count(*) FROM audit_event WHERE action = 'delivery:attempts:opened'"
        )
    channel.down = False
    clock.advance(seconds=15)
    await run_next(store, keys, channel, tmp_path)
    assert await states(store) == {"accepted": 40}


async def _again(store: Store, clock: FakeClock) -> float:
    """Return in how many seconds the one delivery is due again; negative if it is due already."""
    async with store.read() as tx:
        due = await tx.scalar("SELECT due_at FROM delivery")
    return (int(due or 0) - to_instant(clock.now())) / 1_000_000


async def test_an_outage_lengthens_nobody_s_back_off(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Only the batch waits for the relay; the first answer that counts is followed by the first pause."""
    await world.released(store, keys, 1)
    await start(store)
    busy = Outcome(OutcomeKind.DEFERRED, code=451)
    channel = ScriptedChannel({world.address(0): [*[RELAY_DOWN] * 8, busy]})
    for _ in range(8):
        assert await run_next(store, keys, channel, tmp_path) is not None
        assert await _again(store, clock) <= 0
        clock.advance(seconds=15)
    await run_next(store, keys, channel, tmp_path)
    assert 30 <= await _again(store, clock) <= 60


async def test_an_outage_lets_nobody_s_time_run_out(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The days that a delivery is tried begin with the first try of a relay that could be used."""
    await world.released(store, keys, 1)
    await start(store)
    busy = Outcome(OutcomeKind.DEFERRED, code=451)
    channel = ScriptedChannel({world.address(0): [RELAY_DOWN, RELAY_DOWN, busy, RELAY_DOWN, busy]})
    for expected in ("deferred", "deferred", "deferred", "deferred", "expired"):
        assert await run_next(store, keys, channel, tmp_path) is not None
        assert await states(store) == {expected: 1}
        clock.advance(hours=97)


async def test_a_worker_that_lost_its_lease_changes_nothing(
    store: Store, keys: Keys, clock: FakeClock
) -> None:
    """After a takeover the first worker's flush is refused, and what it had open is unknown."""
    await world.released(store, keys, 4)
    await start(store)
    first = await claim(store, lease_us=1)
    assert first is not None
    loader = Loader(store, keys, world.PlainFinisher(), Policy(hold_unknown=False, unknown_most=3))
    now = int(clock.now().timestamp() * 1_000_000)
    prepared = (await loader.prepare(await loader.due(first, now), now)).prepared
    await batches.flush(store, first, [], [one.opening() for one in prepared], [])
    clock.advance(seconds=20)
    if store.dialect == "postgresql":
        async with store.begin() as tx:
            await tx.housekeep("UPDATE send_batch SET lease_until = 0")
    assert await claim(store) is not None
    with pytest.raises(LostLease):
        await batches.flush(store, first, [], [], [])
    assert await states(store) == {"unknown": 4}


async def test_a_spilled_answer_settles_what_a_crash_left_open(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """What the server answered before the kill holds after the restart, for the address too; the rest is in
    doubt.
    """
    await world.released(store, keys, 3)
    await start(store)
    lease = await claim(store)
    assert lease is not None
    loader = Loader(store, keys, world.PlainFinisher(), Policy(hold_unknown=False, unknown_most=3))
    now = int(clock.now().timestamp() * 1_000_000)
    prepared = (await loader.prepare(await loader.due(lease, now), now)).prepared
    await batches.flush(store, lease, [], [one.opening() for one in prepared], [])
    spill = Spill(tmp_path)
    spill.note(
        lease.token, prepared[0].delivery_id, Outcome(OutcomeKind.ACCEPTED, code=250, enhanced="2.0.0")
    )
    spill.note(lease.token, prepared[1].delivery_id, DEAD)
    spill.abandon()
    assert await recovery.replay(store, tmp_path, retry_us=1) == 2
    assert await recovery.void_leases(store, quarantine_seconds=60) == 1
    assert await states(store) == {"accepted": 1, "rejected": 1, "unknown": 1}
    async with store.read() as tx:
        assert await tx.scalar("SELECT reason FROM attempt WHERE outcome = 'rejected'") == "address-dead"
        assert await tx.scalar("SELECT count(*) FROM contact_point WHERE state = 'dead'") == 1
    assert await recovery.replay(store, tmp_path, retry_us=1) == 0


async def test_stopping_opens_nothing_new(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What is open is finished and committed; the rest stays planned and is picked up later."""
    await world.released(store, keys, 50)
    await start(store)
    channel = ScriptedChannel()
    await run_next(
        store, keys, channel, tmp_path, SendingSettings(concurrency=4), lambda: len(channel.sent) >= 8
    )
    counted = await states(store)
    assert counted["accepted"] == len(channel.sent) < 50
    assert counted["planned"] == 50 - counted["accepted"]
    while await run_next(store, keys, channel, tmp_path):
        pass
    assert len({one.recipient for one in channel.sent}) == len(channel.sent) == 50


@pytest.mark.parametrize("state", ["planned", "unknown"])
async def test_what_was_cancelled_meanwhile_has_not_ended_otherwise(
    store: Store, keys: Keys, state: str
) -> None:
    """A cancel between loading and flushing stands: nothing else goes on record, and nobody is asked."""
    await world.released(store, keys, 2)
    await start(store)
    lease = await claim(store)
    assert lease is not None
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = :state", {"state": state})
        await control.cancel(tx, world.CODE, operator="ben", reason="test")
    cancelled = await states(store)
    async with store.read() as tx:
        first, second = await tx.rows("SELECT id, reference FROM delivery ORDER BY id")
    endings = [
        batches.Ending(first.id, first.reference, "m", State.HELD, "answer-lost"),
        batches.Ending(second.id, second.reference, "m", State.SUPPRESSED, "unreadable"),
    ]
    await batches.flush(store, lease, [], [], endings)
    assert await states(store) == cancelled
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM hold WHERE ended_at IS NULL") == 0
        said = "action IN ('delivery:held', 'delivery:suppressed')"
        assert await tx.scalar(f"SELECT count(*) FROM audit_event WHERE {said}") == 0


async def test_an_answer_that_closes_nothing_marks_no_address(store: Store, keys: Keys) -> None:
    """Only an attempt that is open, and ours, says anything about the address it went to."""
    await world.released(store, keys, 1)
    await start(store)
    lease = await claim(store)
    assert lease is not None
    async with store.read() as tx:
        row = await tx.row("SELECT id, reference FROM delivery")
    assert row is not None
    late = Settled(row.id, row.reference, 1, 0, "m", world.CODE, DEAD, State.REJECTED, 0)
    await batches.flush(store, lease, [late], [], [])
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM attempt") == 0
        assert await tx.scalar("SELECT state FROM contact_point") == "usable"
