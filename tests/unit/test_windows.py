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


@given(instant=INSTANTS, zone=ZONES, opens=TIMES, closes=TIMES)
def test_the_next_opening_is_never_in_the_past(instant: int, zone: str, opens: time, closes: time) -> None:
    """Whatever the clocks do, nobody is told to wait for a moment that has been."""
    assert Window(opens, closes).next(instant, zone) >= instant
