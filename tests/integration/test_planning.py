"""Waves, canary and send windows are planned in the store, and fire once."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.channels import Outcome, OutcomeKind
from notifier.clock import to_instant
from notifier.engine import closing, control, schedule
from notifier.engine.holds import alerted, alerted_since, open_holds, take_hold
from notifier.engine.planning import plan
from notifier.engine.reckoning import reckon
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.integration.test_sending import DEAD, INLINE, run_next, start, states


async def _answer_canary(store: Store, channel: ScriptedChannel, count: int, outcome: Outcome) -> None:
    """Let the first ``count`` people of the canary be answered with ``outcome``."""
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT c.number FROM delivery d JOIN customer c ON c.id = d.customer_id "
            "JOIN send_batch b ON b.id = d.batch_id JOIN wave w ON w.id = b.wave_id WHERE w.number = 0"
        )
    for row in rows[:count]:
        channel.answer(world.address(int(row.number[1:])), outcome)


async def waves(store: Store) -> list[tuple[int, int, str]]:
    """Return number, people and state of each wave."""
    async with store.read() as tx:
        return [tuple(row) for row in await tx.rows("SELECT number, people, state FROM wave ORDER BY number")]


async def test_every_person_is_in_exactly_one_wave(store: Store, keys: Keys) -> None:
    """Canary and waves cut the audience without a gap or an overlap."""
    await world.released(store, keys, 53, batch_size=10, canary=5, waves=3)
    assert await waves(store) == [(0, 5, "planned"), (1, 16, "held"), (2, 16, "held"), (3, 16, "held")]
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT b.size, count(*) AS people FROM delivery d JOIN send_batch b ON b.id = d.batch_id "
            "GROUP BY b.id, b.size"
        )
        assert all(row.size == row.people for row in rows)
        assert sum(row.people for row in rows) == 53


async def test_planning_twice_is_refused(store: Store, keys: Keys) -> None:
    """An announcement is planned once."""
    announcement = await world.released(store, keys, 3)
    with pytest.raises(Conflict):
        async with store.begin() as tx:
            await plan(tx, announcement, batch_size=500)


async def test_the_waves_wait_for_a_person_after_the_canary(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Without a set time the rest waits in a hold with an owner until somebody resumes."""
    await world.released(store, keys, 20, canary=4)
    await start(store)
    channel = ScriptedChannel()
    while await run_next(store, keys, channel, tmp_path):
        pass
    assert len(channel.sent) == 4
    async with store.read() as tx:
        hold = await tx.row("SELECT kind, owner FROM hold WHERE ended_at IS NULL")
        assert hold is not None
        assert tuple(hold) == ("canary", "anna")
    async with store.begin() as tx:
        assert await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE) == 1
    while await run_next(store, keys, channel, tmp_path):
        pass
    assert await states(store) == {"accepted": 20}


@pytest.mark.parametrize(("dead", "expected"), [(0, 20), (3, 4)])
async def test_a_bad_canary_holds_the_rest(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, dead: int, expected: int
) -> None:
    """After the set time the waves go on by themselves only if the canary was accepted."""
    await world.released(store, keys, 20, canary=4, canary_hold_minutes=10)
    await start(store)
    channel = ScriptedChannel()
    await _answer_canary(store, channel, dead, DEAD)
    while await run_next(store, keys, channel, tmp_path):
        pass
    clock.advance(minutes=11)
    await start(store)
    while await run_next(store, keys, channel, tmp_path):
        pass
    assert len(channel.sent) == expected


async def test_nobody_is_written_to_at_night(store: Store, keys: Keys, clock: FakeClock) -> None:
    """Outside the window in the person's own zone, a delivery is due when the window opens there."""
    audience = await world.people(store, keys, 2, zone="America/Los_Angeles")
    window = {"from": "08:00", "to": "21:00"}
    announcement = await world.announcement(store, keys, audience, {"window": window})
    async with store.begin() as tx:
        await world.release(tx, announcement)
    async with store.read() as tx:
        due = await tx.scalar("SELECT min(due_at) FROM delivery")
    opening = clock.now().replace(hour=16, minute=0)  # 08:00 in Los Angeles, UTC-8 in March's first days.
    assert due == to_instant(opening)


async def test_two_schedulers_fire_once(store: Store, keys: Keys) -> None:
    """Whoever comes second finds the schedule spent."""
    await world.released(store, keys, 3)

    async def refuse(*_: object) -> None:
        raise AssertionError

    first = await schedule.fire_due(store, release=refuse, refused=refuse, dispatcher=INLINE)
    second = await schedule.fire_due(store, release=refuse, refused=refuse, dispatcher=INLINE)
    assert (len(first), len(second)) == (1, 0)


async def test_a_wave_can_be_started_before_its_time(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """It goes out at once, and its own time does not start it again."""
    await world.released(store, keys, 20, waves=2, wave_every_minutes=30)
    await start(store)
    channel = ScriptedChannel()
    while await run_next(store, keys, channel, tmp_path):
        pass
    async with store.begin() as tx:
        assert await control.next_wave(tx, world.CODE, operator="ben", dispatcher=INLINE) == 10
    while await run_next(store, keys, channel, tmp_path):
        pass
    clock.advance(minutes=31)
    await start(store)
    assert await run_next(store, keys, channel, tmp_path) is None
    assert await states(store) == {"accepted": 20}


async def test_cancel_hands_nothing_more_over(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What waits is cancelled, what was accepted stays so, and everybody is still accounted for."""
    announcement = await world.released(store, keys, 10, canary=4)
    await start(store)
    channel = ScriptedChannel()
    await run_next(store, keys, channel, tmp_path)
    async with store.begin() as tx:
        assert await control.cancel(tx, world.CODE, operator="ben", reason="wrong text") == 6
    assert await run_next(store, keys, channel, tmp_path) is None
    assert await states(store) == {"accepted": 4, "cancelled": 6}
    async with store.read() as tx:
        assert (await reckon(tx, announcement)).unaccounted == 0


async def test_closing_needs_nothing_open_and_commits_to_all_outcomes(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Open deliveries refuse it; afterwards the entry carries the counts."""
    await world.released(store, keys, 5)
    with pytest.raises(Conflict):
        async with store.begin() as tx:
            await closing.close(tx, world.CODE, operator="ben")
    await start(store)
    await run_next(store, keys, ScriptedChannel(), tmp_path)
    async with store.begin() as tx:
        assert await closing.close(tx, world.CODE, operator="ben") == {"accepted": 5}


async def _work(store: Store, keys: Keys, channel: ScriptedChannel, folder: Path) -> None:
    while await run_next(store, keys, channel, folder):
        pass


async def test_a_canary_that_recovers_lets_every_wave_go(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """While canary deliveries are open it is judged again and again, and no wave overtakes a held one."""
    await world.released(store, keys, 40, canary=10, canary_hold_minutes=10, waves=2, wave_every_minutes=10)
    await start(store)
    later = Outcome(OutcomeKind.DEFERRED, code=451, reason="throttled", retry_after=800)
    channel = ScriptedChannel()
    await _answer_canary(store, channel, 4, later)
    for _ in range(40):
        await start(store)
        await _work(store, keys, channel, tmp_path)
        held = [state for _, _, state in await waves(store)]
        assert held != ["ready", "held", "ready"]
        clock.advance(minutes=1)
    assert await states(store) == {"accepted": 40}
    async with store.read() as tx:
        assert not await tx.scalar("SELECT count(*) FROM hold WHERE ended_at IS NULL")


async def test_a_canary_that_stays_bad_says_so_and_can_be_resumed(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The hold tells what happened and alerts anew; a person can still let the waves go."""
    await world.released(store, keys, 20, canary=4, canary_hold_minutes=10)
    await start(store)
    channel = ScriptedChannel()
    await _answer_canary(store, channel, 3, DEAD)
    await _work(store, keys, channel, tmp_path)
    async with store.begin() as tx:
        await alerted(tx, 1, "somebody")
        await take_hold(tx, 1, operator="ben")
    clock.advance(minutes=11)
    await start(store)
    async with store.read() as tx:
        (hold,) = await open_holds(tx)
        assert "1 of 4" in hold.reason
        assert hold.taken_by == ""
        assert await alerted_since(tx, hold.id, 0) == set()
    async with store.begin() as tx:
        assert await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE) == 1
    await _work(store, keys, channel, tmp_path)
    assert len(channel.sent) == 20


async def test_the_window_holds_at_the_hand_over_too(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Whatever delayed the sending, nobody is written to outside their hours."""
    await world.released(store, keys, 5, window={"from": "08:00", "to": "09:30"})
    await start(store)
    clock.advance(hours=6)
    channel = ScriptedChannel()
    await _work(store, keys, channel, tmp_path)
    assert channel.sent == []
    clock.advance(hours=17, minutes=5)
    await _work(store, keys, channel, tmp_path)
    assert await states(store) == {"accepted": 5}


async def test_a_held_delivery_has_an_owner(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """What waits for a decision opens a hold, and the decision ends it."""
    await world.released(store, keys, 1)
    await start(store)
    channel = ScriptedChannel({world.address(0): [Outcome(OutcomeKind.UNKNOWN, reason="lost")]})
    settings = SendingSettings(unknown_policy="hold", quarantine_seconds=1)
    await run_next(store, keys, channel, tmp_path, settings)
    clock.advance(minutes=1)
    await run_next(store, keys, channel, tmp_path, settings)
    async with store.begin() as tx:
        hold = await tx.row("SELECT kind, owner FROM hold WHERE ended_at IS NULL")
        assert hold is not None
        assert tuple(hold) == ("in-doubt", "anna")
        reference = await tx.scalar("SELECT reference FROM delivery")
        await control.send_again(tx, reference, operator="ben", dispatcher=INLINE)
    async with store.read() as tx:
        assert not await tx.scalar("SELECT count(*) FROM hold WHERE ended_at IS NULL")
