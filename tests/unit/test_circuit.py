"""A relay that cannot be reached is left alone for longer each time, however many tried at once."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from notifier.channels.circuit import Circuit


def test_connections_that_fail_together_count_once() -> None:
    """Twenty attempts that were under way when it went away are one failure."""
    now = 100.0
    circuit = Circuit(lambda: now)
    for _ in range(20):
        circuit.failed("relay-down", "refused")
    assert circuit.remaining == 1.0


def test_each_further_failure_doubles_the_pause() -> None:
    """After the pause one more try decides; a session ends the count."""
    now = 100.0
    circuit = Circuit(lambda: now)
    pauses = []
    for _ in range(8):
        circuit.failed("relay-down", "refused")
        pauses.append(circuit.remaining)
        now += circuit.remaining
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    circuit.connected()
    circuit.failed("relay-down", "refused")
    assert circuit.remaining == 1.0


def test_a_relay_that_takes_no_sender_is_left_alone_from_the_third_time() -> None:
    """A new session says nothing of it; only an acceptance does."""
    now = 100.0
    circuit = Circuit(lambda: now)
    pauses = []
    for _ in range(5):
        circuit.connected()
        circuit.refused("relay-trouble", "no")
        pauses.append(circuit.remaining)
        now += circuit.remaining
    assert pauses == [0, 0, 1, 2, 4]
    circuit.accepted()
    circuit.refused("relay-trouble", "no")
    assert circuit.remaining == 0


def test_a_relay_that_was_left_alone_is_on_trial_until_it_does_well() -> None:
    """After the pause a session decides; while the pause lasts, and once it is well, there is no trial."""
    now = 100.0
    circuit = Circuit(lambda: now)
    assert (circuit.troubled, circuit.on_trial, circuit.troubled_for) == (False, False, 0)
    circuit.failed("relay-down", "silent")
    assert (circuit.troubled, circuit.on_trial, circuit.unreachable) == (True, False, True)
    now += 1
    assert (circuit.on_trial, circuit.troubled_for) == (True, 1)
    circuit.connected()
    assert (circuit.troubled, circuit.on_trial, circuit.troubled_for) == (False, False, 0)


@pytest.mark.parametrize("trouble", ["refused", "against_us"])
def test_where_sessions_are_had_only_an_acceptance_ends_the_trial(trouble: str) -> None:
    """A relay that refused everything has to take one message first."""
    now = 100.0
    circuit = Circuit(lambda: now)
    for _ in range(10):
        circuit.refused("relay-trouble", "no") if trouble == "refused" else circuit.against_us("no")
    now += circuit.remaining
    circuit.connected()
    assert (circuit.on_trial, circuit.unreachable) == (True, False)
    circuit.accepted()
    assert (circuit.troubled, circuit.on_trial) == (False, False)


def test_trouble_is_logged_when_it_begins_goes_on_and_ends() -> None:
    """Each pause once, with relay and reason; and the end of it."""
    now = 100.0
    circuit = Circuit(lambda: now, "first")
    with capture_logs() as logs:
        for _ in range(2):
            circuit.failed("relay-down", "silent")
            circuit.failed("relay-down", "silent")
            now += circuit.remaining
        circuit.connected()
        circuit.accepted()
    assert [(one["event"], one["relay"]) for one in logs] == [
        ("relay left alone", "first"),
        ("relay left alone", "first"),
        ("relay well again", "first"),
    ]
    assert (logs[0]["reason"], logs[0]["why"], logs[1]["seconds"]) == ("relay-down", "silent", 2)
