"""The estimate of when an announcement will be done."""

from __future__ import annotations

from notifier.clock import to_instant
from notifier.forecasts import outlook
from notifier.plans import SendPlan
from notifier.testing.clock import START

NOW = to_instant(START)
HOUR = 3_600_000_000


def test_people_by_rate_is_the_time_it_takes() -> None:
    """3,600 people at two a second take half an hour, whatever their zones."""
    ahead = outlook(SendPlan(), {"Etc/UTC": 1800, "Asia/Kolkata": 1800}, now=NOW, per_second=2)
    assert ahead.finish_at == NOW + HOUR // 2
    assert [wave.people for wave in ahead.waves] == [3600]


def test_canary_and_waves_push_the_finish() -> None:
    """The canary's pause and the waves' distance count, and everybody is in one of them."""
    plan = SendPlan(
        canary=100, canary_hold_minutes=30, waves=3, wave_every_minutes=60, deadline=NOW + 2 * HOUR
    )
    ahead = outlook(plan, {"Etc/UTC": 1000}, now=NOW, per_second=1000)
    assert [(wave.number, wave.people) for wave in ahead.waves] == [(0, 100), (1, 300), (2, 300), (3, 300)]
    assert ahead.finish_at is not None
    assert 2.5 * HOUR <= ahead.finish_at - NOW <= 2.6 * HOUR
    assert ahead.late


def test_a_send_window_waits_for_the_readers_morning() -> None:
    """At nine in the morning UTC it is two at night in Denver: those people wait until eight."""
    plan = SendPlan.read({"window": {"from": "08:00", "to": "21:00"}})
    ahead = outlook(plan, {"America/Denver": 10}, now=NOW, per_second=10)
    assert ahead.finish_at is not None
    assert 6 * HOUR <= ahead.finish_at - NOW <= 6.1 * HOUR


def test_a_hopeless_rate_says_so() -> None:
    """What would take years has no finish, and any deadline is missed."""
    ahead = outlook(SendPlan(deadline=NOW + HOUR), {"Etc/UTC": 10_000_000}, now=NOW, per_second=0.01)
    assert ahead.finish_at is None
    assert ahead.late


def test_nobody_is_done_at_once() -> None:
    """An audience without anybody due needs no time."""
    assert outlook(SendPlan(), {}, now=NOW, per_second=1).finish_at == NOW
