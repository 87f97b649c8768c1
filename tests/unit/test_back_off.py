"""How long a deferred notice waits."""

from __future__ import annotations

import random

import pytest

from notifier.channels import OutcomeKind
from notifier.channels.email.replies import Reply
from notifier.channels.email.transfer import answered
from notifier.engine.windows import SECOND, BackOff

NOW = 1_000_000 * SECOND


def waits(attempt: int = 1, *, deadline: int = 0, **asked: float | bool) -> list[float]:
    """Return the waits in seconds of a hundred notices that were deferred at once."""
    back_off, draw = BackOff(60, 3600), random.Random(1)
    due = [back_off.wait(attempt, now=NOW, deadline=deadline, draw=draw, **asked) for _ in range(100)]  # type: ignore[arg-type]  # asked and named
    return [(one - NOW) / SECOND for one in due]


def test_a_time_that_the_server_named_is_never_cut_short() -> None:
    """It is a floor, deadline or not, and those who heard the same do not all come back at once."""
    for deadline in (0, NOW + 600 * SECOND):
        found = waits(asked=900.0, named=True, deadline=deadline)
        assert 900 <= min(found) < max(found) <= 990
        assert len(set(found)) > 50


def test_a_usual_wait_is_spread() -> None:
    """What no server named is a base: between half and all of it."""
    found = waits(asked=900.0, named=False)
    assert 450 <= min(found) < 500
    assert 850 < max(found) <= 900


def test_a_usual_wait_leaves_time_before_the_deadline() -> None:
    """At most a third of what is left is waited."""
    assert max(waits(asked=3600.0, named=False, deadline=NOW + 600 * SECOND)) <= 200


def test_a_usual_wait_does_not_shorten_later_tries() -> None:
    """After many tries the doubled wait is longer than the usual one, and counts."""
    assert min(waits(7, asked=60.0, named=False)) >= 1800


@pytest.mark.parametrize(("text", "named"), [("4.2.2 full", False), ("full, try again in 2 hours", True)])
def test_an_outcome_tells_who_named_its_wait(text: str, named: bool) -> None:
    """The time of a rule is ours, the time in the answer the server's."""
    outcome, _ = answered("main", "rcpt", Reply(452, text + " mailbox full"))
    assert (outcome.kind, outcome.named) == (OutcomeKind.DEFERRED, named)
    assert outcome.retry_after
