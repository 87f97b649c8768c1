"""Held deliveries: who they are, what they cost, and one decision about all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.engine import closing, control, doubt
from notifier.engine.alerts import describe
from notifier.engine.doubt import Decision
from notifier.engine.forecasting import Forecast, forecast
from notifier.errors import BadInput, Conflict
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.integration.test_sending import INLINE, LOST, run_next, start, states

HOLDING = SendingSettings(unknown_policy="hold", quarantine_seconds=1)


@pytest.fixture
async def channel(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> ScriptedChannel:
    """Five people are told, three are held."""
    await world.released(store, keys, 8)
    await start(store)
    made = ScriptedChannel({world.address(number): [LOST] for number in range(3)})
    for _ in range(2):
        await run_next(store, keys, made, tmp_path, HOLDING)
        clock.advance(minutes=1)
    assert await states(store) == {"accepted": 5, "held": 3}
    return made


async def _decide(store: Store, decision: Decision, people: int = 3, reason: str = "the log says so") -> int:
    async with store.begin() as tx:
        announcement = await control.find(tx, world.CODE)
        return await doubt.decide(
            tx, announcement, decision, people=people, reason=reason, operator="ben", dispatcher=INLINE
        )


async def _ahead(store: Store) -> Forecast:
    async with store.read() as tx:
        return await forecast(tx, 1)


@pytest.mark.usefixtures("channel")
async def test_held_people_are_still_to_be_told(store: Store) -> None:
    """They count in the forecast and in the alert, which stand still until somebody decides."""
    ahead = await _ahead(store)
    assert (ahead.remaining, ahead.undecided, ahead.stopped, ahead.finish_at) == (3, 3, True, None)
    assert ahead.finish_if_resumed is not None
    said = describe(world.CODE, "in-doubt: decide", 0, ahead, 0)
    assert "Not told yet: 3 people; of them, 3 wait for a decision" in said


async def test_all_are_sent_again_by_one_decision(
    store: Store, keys: Keys, channel: ScriptedChannel, tmp_path: Path
) -> None:
    """Each goes once more, the hold ends, and the trail says who decided, for how many and for each."""
    assert await _decide(store, Decision.SEND_AGAIN) == 3
    await run_next(store, keys, channel, tmp_path)
    assert await states(store) == {"accepted": 8}
    async with store.read() as tx:
        hold = await tx.row("SELECT reason, ended_by FROM hold WHERE kind = 'in-doubt'")
        assert tuple(hold or ()) == ("send-again: the log says so", "operator:ben")
        entries = await tx.rows(
            "SELECT action FROM audit_event WHERE action IN ('delivery:again', 'delivery:decided')"
        )
    assert sorted(row.action for row in entries) == ["delivery:again"] * 3 + ["delivery:decided"]


@pytest.mark.usefixtures("channel")
async def test_all_are_left_as_they_are_by_one_decision(store: Store) -> None:
    """They stay held on record, cost nothing any more, and the announcement can be closed."""
    async with store.begin() as tx:
        with pytest.raises(Conflict, match="still open"):
            await closing.close(tx, world.CODE, operator="ben")
    assert await _decide(store, Decision.LEAVE) == 3
    assert (await _ahead(store)).remaining == 0
    async with store.read() as tx:
        assert [row.undecided for row in await doubt.held(tx, 1)] == [0, 0, 0]
    async with store.begin() as tx:
        assert await closing.close(tx, world.CODE, operator="ben") == {"accepted": 5, "held": 3}


async def test_whoever_is_held_later_needs_a_decision_of_their_own(
    store: Store, keys: Keys, clock: FakeClock, channel: ScriptedChannel, tmp_path: Path
) -> None:
    """What was left before stays decided; one of them may still be sent again by itself."""
    await _decide(store, Decision.LEAVE)
    clock.advance(minutes=1)
    async with store.begin() as tx:
        reference = (await doubt.held(tx, 1))[0].reference
        await control.send_again(tx, reference, operator="ben", dispatcher=INLINE)
    for number in range(3):
        channel.answer(world.address(number), LOST)
    for _ in range(2):
        await run_next(store, keys, channel, tmp_path, HOLDING)
        clock.advance(minutes=1)
    async with store.read() as tx:
        assert await doubt.undecided(tx, 1) == 1
    assert await _decide(store, Decision.LEAVE, people=1) == 1


@pytest.mark.usefixtures("channel")
@pytest.mark.parametrize(("people", "reason"), [(2, "the log says so"), (3, " ")])
async def test_a_wrong_number_or_no_reason_decides_nothing(store: Store, people: int, reason: str) -> None:
    """Nobody is sent anything again by a slip."""
    with pytest.raises(BadInput):
        await _decide(store, Decision.SEND_AGAIN, people, reason)
    assert (await states(store))["held"] == 3


@pytest.mark.usefixtures("channel")
async def test_nothing_to_decide_is_said(store: Store) -> None:
    """A second decision finds nobody."""
    await _decide(store, Decision.LEAVE)
    with pytest.raises(Conflict, match="nobody"):
        await _decide(store, Decision.SEND_AGAIN)


@pytest.mark.usefixtures("channel")
async def test_a_decision_is_about_those_it_counted_whatever_the_clock_says(store: Store) -> None:
    """Whoever is held afterwards by a worker whose clock is behind was not left by it."""
    await _decide(store, Decision.LEAVE)
    async with store.begin() as tx:
        reference = (await doubt.held(tx, 1))[0].reference
        await control.send_again(tx, reference, operator="ben", dispatcher=INLINE)
    async with store.begin() as tx:
        await tx.housekeep(
            "UPDATE delivery SET state = 'held', changed_at = changed_at - 60000000 WHERE reference = :one",
            {"one": reference},
        )
    async with store.read() as tx:
        assert await doubt.undecided(tx, 1) == 1
        assert sorted(row.undecided for row in await doubt.held(tx, 1)) == [0, 0, 1]
