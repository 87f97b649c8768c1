"""The breaker that counts refusals and lost answers: when it trips, and when it must not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.email.replies import Reply, classify
from notifier.engine.breaker import Breaker
from notifier.settings import SendingSettings

GOOD = Outcome(OutcomeKind.ACCEPTED, code=250)
LOST = Outcome(OutcomeKind.UNKNOWN, reason="connection-lost")
BAD = Outcome(OutcomeKind.REJECTED, code=550, reason="address-dead")
Hear = Callable[[Outcome, int], None]


@pytest.fixture
def now() -> list[float]:
    """A clock."""
    return [0.0]


@pytest.fixture
def breaker(now: list[float]) -> Breaker:
    """A breaker with the shipped settings."""
    return Breaker(SendingSettings(), lambda: now[0])


@pytest.fixture
def hear(breaker: Breaker, now: list[float]) -> Hear:
    """Let the breaker hear an outcome so many times, ten a second."""

    def act(outcome: Outcome, times: int) -> None:
        for _ in range(times):
            now[0] += 0.1
            breaker.heard(1, outcome)

    return act


def test_few_answers_prove_nothing(breaker: Breaker, hear: Hear) -> None:
    """Ninety-nine refusals in a row trip nothing; the hundredth does, for this announcement alone."""
    hear(BAD, 99)
    assert not breaker.tripped(1, "email")
    hear(BAD, 1)
    assert breaker.tripped(1, "email")
    assert not breaker.tripped(2, "email")


def test_a_usual_share_trips_nothing(breaker: Breaker, hear: Hear) -> None:
    """One dead address in five, for as long as it may be, is an old list."""
    for _ in range(400):
        hear(GOOD, 4)
        hear(BAD, 1)
    assert not breaker.tripped(1, "email")


def test_what_was_long_ago_does_not_count(breaker: Breaker, hear: Hear, now: list[float]) -> None:
    """Hours of acceptance do not hide that now all are refused."""
    hear(GOOD, 20_000)
    now[0] += 16 * 60
    hear(BAD, 100)
    assert breaker.tripped(1, "email")


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(OutcomeKind.DEFERRED, code=451),
        Outcome(OutcomeKind.REJECTED, reason="address-invalid", handed_over=False),
    ],
)
def test_only_answers_that_end_a_delivery_count(breaker: Breaker, hear: Hear, outcome: Outcome) -> None:
    """Not yet, or never handed over, is another matter."""
    hear(outcome, 500)
    assert not breaker.tripped(1, "email")


def test_an_answer_about_us_never_counts(breaker: Breaker, hear: Hear) -> None:
    """5.7.x slows the relay, whatever its text says of users."""
    verdict = classify("rcpt", Reply(550, "5.7.1 user unknown, access denied"))
    assert (verdict.reason, verdict.slows) == ("about-us", "relay")
    hear(Outcome(verdict.kind, code=550, enhanced=verdict.enhanced, reason=verdict.reason), 500)
    assert not breaker.tripped(1, "email")


def test_after_a_pause_only_a_grown_share_trips_again(breaker: Breaker, hear: Hear) -> None:
    """Whoever resumed knew of the share so far."""
    for good, bad, again in ((70, 30, True), (70, 30, False), (0, 100, True)):
        hear(GOOD, good)
        hear(BAD, bad)
        assert breaker.tripped(1, "email") == again
        if again:
            breaker.forget(1)


def test_a_series_of_lost_answers_trips_early(breaker: Breaker, hear: Hear) -> None:
    """Nineteen prove nothing, the twentieth does; deferrals are answers too."""
    hear(Outcome(OutcomeKind.DEFERRED, code=451), 40)
    hear(LOST, 19)
    assert not breaker.tripped(1, "email")
    hear(LOST, 1)
    assert breaker.tripped(1, "email")


def test_one_broken_line_among_many_answers_trips_nothing(breaker: Breaker, hear: Hear) -> None:
    """Connections break now and then."""
    for _ in range(5):
        hear(GOOD, 200)
        hear(LOST, 20)
    assert not breaker.tripped(1, "email")


def test_nobody_gets_used_to_lost_answers(breaker: Breaker, hear: Hear) -> None:
    """After a person's resume as few as before trip it again."""
    for _ in range(3):
        hear(LOST, 20)
        assert breaker.tripped(1, "email")
        breaker.forget(1)
        breaker.forget(1)  # A second batch of the same announcement.
        assert not breaker.tripped(1, "email")


@pytest.mark.parametrize("outcome", [BAD, LOST])
def test_zero_means_never(outcome: Outcome, now: list[float]) -> None:
    """Who wants no breaker has none."""
    breaker = Breaker(SendingSettings(refusals_pause_percent=0, lost_pause_percent=0), lambda: now[0])
    for _ in range(500):
        breaker.heard(1, outcome)
    assert not breaker.tripped(1, "email")
