"""A relay that cannot be reached is left alone for longer each time, however many tried at once."""

from __future__ import annotations

from notifier.channels.email.circuit import Circuit


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
