"""Pace and circuit: how fast, and when not at all. Time is the event loop's, moved by hand."""

from __future__ import annotations

import asyncio

import pytest

from notifier.channels.circuit import Circuit
from notifier.channels.pace import Pace, Rate


class Moment:
    """A moment that moves only when told."""

    def __init__(self) -> None:
        self.value = 1000.0

    def __call__(self) -> float:
        """Return it."""
        return self.value


@pytest.fixture
async def now(monkeypatch: pytest.MonkeyPatch) -> Moment:
    """The running loop's clock, held still; sleeping moves it."""
    moment = Moment()

    async def sleep(seconds: float) -> None:
        moment.value += seconds

    monkeypatch.setattr(asyncio.get_running_loop(), "time", moment)
    monkeypatch.setattr("notifier.channels.pace.asyncio.sleep", sleep)
    return moment


async def sent_in(pace: Pace, now: Moment, key: str, seconds: float) -> int:
    """Count the messages that go to ``key`` in so many seconds."""
    end, count = now.value + seconds, 0
    while not await pace.permit((key,), end - now.value):
        count += 1
        if count > 10_000:
            break
    now.value = max(now.value, end)
    return count


async def test_a_rate_is_kept(now: Moment) -> None:
    """Over ten seconds no more than the rate allows, but for a short burst at the start."""
    pace = Pace({"relay:a": 50})
    assert 500 <= await sent_in(pace, now, "relay:a", 10) <= 505


async def test_a_message_may_count_for_several(now: Moment) -> None:
    """A text of three segments takes three places."""
    pace = Pace({"sender:a": 10})
    for _ in range(10):
        await pace.permit(("sender:a",), 60, 3)
    assert now.value == pytest.approx(1002.65)


async def test_what_has_no_rate_is_free(now: Moment) -> None:
    """Without a setting and without trouble nothing waits."""
    assert await sent_in(Pace({"relay:a": 50}), now, "relay:b", 0.1) > 10_000


async def test_the_star_is_for_all_other_sites(now: Moment) -> None:
    """``site:*`` limits each site that is not named, on its own."""
    pace = Pace({"site:*": 10, "site:big.test": 100})
    assert 10 <= await sent_in(pace, now, "site:x", 1) <= 12
    assert 100 <= await sent_in(pace, now, "site:big.test", 1) <= 106


async def test_being_told_to_slow_down_halves_and_recovers(now: Moment) -> None:
    """The rate halves at each telling and comes back by itself, never above the setting."""
    pace = Pace({"relay:a": 100})
    pace.slow("relay:a")
    pace.slow("relay:a")
    assert pace.rate("relay:a") == 25
    now.value += 60
    await pace.permit(("relay:a",), 0)
    assert pace.rate("relay:a") == 100


async def test_a_free_relay_slows_to_half_of_what_it_did(now: Moment) -> None:
    """Without a setting the measured rate counts, and the limit goes away after the recovery."""
    pace = Pace()
    pace.slow("relay:a", rate=1000)
    assert pace.rate("relay:a") == 500
    now.value += 60
    await pace.permit(("relay:a",), 0)
    assert pace.rate("relay:a") == 0


async def test_a_pause_is_kept_and_ends(now: Moment) -> None:
    """Nothing goes while the other side asked for silence; a refused wait uses nothing up."""
    pace = Pace()
    pace.slow("site:x", pause=40, rate=10)
    for _ in range(3):
        assert 39 < await pace.permit(("site:x",), 5) <= 40
    now.value += 41
    assert await pace.permit(("site:x",), 0) == 0


async def test_many_slowed_sites_are_forgotten_in_time(now: Moment) -> None:
    """Memory stays bounded however many destinations complain."""
    pace = Pace()
    for number in range(10_001):
        pace.slow(f"site:{number}", rate=1)
        now.value += 1
    assert len(pace._limits) < 100


def test_a_rate_is_measured() -> None:
    """Messages of the last second or so are counted."""
    now = Moment()
    rate = Rate(now)
    for _ in range(300):
        rate.count()
        now.value += 0.01
    assert rate.now() == pytest.approx(100, rel=0.05)
    now.value += 100
    assert rate.now() < 1


def test_a_circuit_waits_longer_each_time_and_closes_again() -> None:
    """1, 2, 4 … seconds up to a minute; one session that opens ends it."""
    now = Moment()
    circuit = Circuit(now)
    waits = []
    for _ in range(8):
        circuit.failed("relay-down", "")
        waits.append(circuit.remaining)
        now.value += circuit.remaining
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    circuit.connected()
    circuit.failed("relay-down", "")
    assert circuit.remaining == 1


def test_answers_about_us_first_slow_then_hold() -> None:
    """Three in a row are more than one reader's case, ten are everybody's; one acceptance starts anew."""
    circuit = Circuit(Moment())
    assert [circuit.against_us("") for _ in range(4)] == [False, False, True, True]
    circuit.accepted()
    assert [circuit.against_us("") for _ in range(2)] == [False, False]
    assert circuit.remaining == 0
    for _ in range(8):
        circuit.against_us("no")
    assert (circuit.remaining, circuit.reason) == (300, "about-us")
