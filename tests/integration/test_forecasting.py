"""The forecast while it is sent: waves, windows, the canary, limits, and what a hold costs."""

from __future__ import annotations

import pytest

from notifier.clock import to_instant
from notifier.engine import control
from notifier.engine.alerts import describe
from notifier.engine.forecasting import Forecast, forecast
from notifier.engine.holds import open_hold
from notifier.forecasts import ASSUMED_RATE, allowed_rate
from notifier.keys import Keys
from notifier.settings import RelaySettings
from notifier.store import Store
from notifier.testing.clock import START
from tests import world
from tests.integration.test_sending import INLINE, start

NOW = to_instant(START)
MINUTE = 60_000_000
HOUR = 60 * MINUTE


async def _ahead(store: Store, limit: float = 10) -> Forecast:
    async with store.read() as tx:
        return await forecast(tx, 1, limit=limit)


async def _hold(store: Store, kind: str) -> None:
    async with store.begin() as tx:
        await open_hold(tx, 1, kind=kind, reason="a reason", owner="anna")


async def _attempts(store: Store, count: int, seconds: int) -> None:
    """Put ``count`` answers on record, evenly over the last ``seconds``."""
    async with store.begin() as tx:
        await tx.housekeep_many(
            "attempt",
            ("delivery_id", "number", "opened_at", "closed_at", "outcome", "code", "enhanced", "relay",
             "reason", "event_id", "carrier_id"),
            [
                (1, count + one, 0, NOW + (one - count) * seconds * 1_000_000 // count, "deferred", 451, "", "", "", "", "")
                for one in range(1, count + 1)
            ],
        )  # fmt: skip


async def test_waves_count(store: Store, keys: Keys) -> None:
    """It is not done before the last wave has started and gone."""
    await world.released(store, keys, 30, waves=3, wave_every_minutes=60)
    await start(store)
    ahead = await _ahead(store, limit=1)
    assert ahead.finish_at is not None
    assert 2 * HOUR < ahead.finish_at - NOW < 2 * HOUR + MINUTE
    assert (ahead.remaining, ahead.stopped, ahead.go_on_by) == (30, False, None)


async def test_each_reader_s_window_counts(store: Store, keys: Keys) -> None:
    """At nine UTC it is two at night in Denver: those people's morning is six hours away."""
    audience = await world.people(store, keys, 5, zone="America/Denver")
    made = await world.announcement(store, keys, audience, {"window": {"from": "08:00", "to": "21:00"}})
    async with store.begin() as tx:
        await world.release(tx, made)
    await start(store)
    ahead = await _ahead(store)
    assert ahead.finish_at is not None
    assert 6 * HOUR <= ahead.finish_at - NOW <= 6 * HOUR + 10 * MINUTE


async def test_a_canary_that_goes_on_by_itself_has_a_finish(store: Store, keys: Keys) -> None:
    """Its pause counts, and so do the waves behind it."""
    await world.released(store, keys, 30, canary=3, canary_hold_minutes=30, waves=2, wave_every_minutes=60)
    await start(store)
    ahead = await _ahead(store)
    assert not ahead.stopped
    assert ahead.finish_at is not None
    assert 90 * MINUTE < ahead.finish_at - NOW < 91 * MINUTE


async def test_a_canary_that_waits_for_a_person_tells_until_when(store: Store, keys: Keys) -> None:
    """Twenty-seven people in two waves an hour apart: to be done in five hours, resume within four."""
    await world.released(store, keys, 30, canary=3, waves=2, wave_every_minutes=60, deadline=NOW + 5 * HOUR)
    await start(store)
    ahead = await _ahead(store)
    assert (ahead.stopped, ahead.finish_at, ahead.late) == (True, None, False)
    assert ahead.finish_if_resumed is not None
    assert ahead.go_on_by is not None
    assert HOUR < ahead.finish_if_resumed - NOW < HOUR + MINUTE
    assert 4 * HOUR - 3 * MINUTE < ahead.go_on_by - NOW < 4 * HOUR
    assert "it must go on by 2026-03-02 12:5" in describe(world.CODE, "canary: look", 0, ahead, NOW)


@pytest.mark.parametrize("kind", ["order", "relay", "refusals", "trail"])
async def test_whatever_holds_it_up_has_a_cost(store: Store, keys: Keys, kind: str) -> None:
    """Nothing goes out, so the latest moment to go on is said."""
    await world.released(store, keys, 36, deadline=NOW + 2 * HOUR)
    await start(store)
    await _hold(store, kind)
    ahead = await _ahead(store, limit=0.01)
    assert (ahead.stopped, ahead.finish_if_resumed) == (True, NOW + HOUR)
    assert ahead.go_on_by is not None
    assert HOUR - MINUTE <= ahead.go_on_by - NOW <= HOUR


async def test_too_late_already_is_said(store: Store, keys: Keys) -> None:
    """No moment is left at which going on would meet the deadline."""
    await world.released(store, keys, 36, deadline=NOW + 30 * MINUTE)
    await start(store)
    async with store.begin() as tx:
        await control.pause(tx, world.CODE, operator="anna", reason="a wrong word")
    ahead = await _ahead(store, limit=0.01)
    assert (ahead.late, ahead.go_on_by) == (True, None)
    assert "That is 0:30:00 after the deadline." in describe(world.CODE, "pause", 0, ahead, NOW)
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="anna", dispatcher=INLINE)
    ahead = await _ahead(store, limit=0.01)
    assert (ahead.stopped, ahead.finish_at, ahead.late) == (False, NOW + HOUR, True)


async def test_a_warning_holds_nothing_up(store: Store, keys: Keys) -> None:
    """The forecast goes on as if it were not there."""
    await world.released(store, keys, 5)
    await start(store)
    await _hold(store, "refusals-warning")
    assert not (await _ahead(store)).stopped


async def test_the_rate_is_measured_where_enough_was_sent(store: Store, keys: Keys) -> None:
    """A canary of a few tells none; a minute of sending does, and a pause does not make it nothing."""
    await world.released(store, keys, 5)
    assert (await _ahead(store, limit=0)).rate_per_second == ASSUMED_RATE
    await _attempts(store, 20, 1)
    assert (await _ahead(store, limit=7)).rate_per_second == 7
    await _attempts(store, 300, 50)
    assert 5.5 < (await _ahead(store, limit=7)).rate_per_second < 7
    assert (await _ahead(store, limit=2)).rate_per_second == 2


def test_the_first_relay_s_limit_is_what_is_allowed() -> None:
    """The others stand by for when it fails, not for when it is busy."""
    relays = [RelaySettings(name=name, host="mail.example.com", per_second=5) for name in ("one", "two")]
    assert (allowed_rate(relays), allowed_rate([])) == (5, 0)
