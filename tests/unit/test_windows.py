"""When a person may be written to."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from notifier.clock import from_instant, to_instant
from notifier.engine.windows import Window

ZONES = st.sampled_from(
    ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Etc/UTC"]
)
FIRST, LAST = (to_instant(datetime(year, 1, 1, tzinfo=UTC)) for year in (2026, 2028))
INSTANTS = st.integers(FIRST, LAST)
TIMES = st.times().map(lambda one: one.replace(second=0, microsecond=0))


def test_an_hour_that_comes_twice_opens_in_the_future() -> None:
    """In the second pass of the repeated hour the next opening is that of the second pass."""
    window = Window(time(1, 30), time(5, 0))
    moment = datetime(2026, 11, 1, 1, 10, fold=1, tzinfo=ZoneInfo("America/New_York"))
    opening = from_instant(window.next(to_instant(moment), "America/New_York"))
    assert opening == moment.replace(minute=30).astimezone(UTC)


@given(instant=INSTANTS, opens=TIMES, closes=TIMES)
def test_a_window_is_open_until_it_closes(instant: int, opens: time, closes: time) -> None:
    """Whatever is left of it lies in it; where clocks never change that is exact."""
    window = Window(opens, closes)
    at = window.next(instant, "Etc/UTC")
    end = window.closing(at, "Etc/UTC")
    assert window.next(end - 1, "Etc/UTC") == end - 1
    assert from_instant(end).time() == closes


@given(instant=INSTANTS, zone=ZONES, opens=TIMES, closes=TIMES)
def test_every_window_closes_within_a_day(instant: int, zone: str, opens: time, closes: time) -> None:
    """And an hour, where the clocks are put back; never in the past."""
    assert 0 < Window(opens, closes).closing(instant, zone) - instant <= 25 * 3_600_000_000


@given(instant=INSTANTS, zone=ZONES, opens=TIMES, closes=TIMES)
def test_the_next_opening_is_never_in_the_past(instant: int, zone: str, opens: time, closes: time) -> None:
    """Whatever the clocks do, nobody is told to wait for a moment that has been."""
    assert Window(opens, closes).next(instant, zone) >= instant


@given(instant=INSTANTS, zones=st.lists(ZONES, min_size=1, max_size=5), opens=TIMES, closes=TIMES)
def test_who_may_live_in_several_zones_is_never_told_to_wait_for_the_past(
    instant: int, zones: list[str], opens: time, closes: time
) -> None:
    """Whether or not there is an hour that fits in all of them."""
    assert Window(opens, closes).next_in_all(instant, zones) >= instant


@given(instant=INSTANTS, zones=st.lists(ZONES, min_size=1, max_size=2))
def test_who_may_live_in_several_zones_is_told_when_it_fits_in_all(instant: int, zones: list[str]) -> None:
    """Sixteen hours of the day of two zones always have some in common."""
    day = Window(time(5), time(21))
    at = day.next_in_all(instant, zones)
    assert all(day.next(at, zone) == at for zone in zones)


def test_where_no_hour_fits_everywhere_one_zone_counts() -> None:
    """An hour that is never the same in both is no reason to wait for ever."""
    window = Window(time(12), time(13))
    noon = to_instant(datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("Asia/Kolkata")))
    assert window.next_in_all(noon, ["America/New_York", "Asia/Kolkata"]) == noon
