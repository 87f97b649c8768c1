"""How often one address may ask."""

from __future__ import annotations

from notifier.testing import FakeClock
from notifier.web.limits import Limiter


def test_a_client_gets_its_rate_and_no_more() -> None:
    """In ten minutes of asking without pause a client gets ten minutes' worth, and a few at once."""
    clock = FakeClock()
    limiter = Limiter(clock, per_minute=12)
    passed = 0
    for _ in range(600):
        passed += limiter.wait("192.0.2.1") == 0
        clock.advance(seconds=1)
    assert 120 <= passed <= 124


def test_the_wait_it_names_is_enough() -> None:
    """Whoever waits as long as told gets through."""
    clock = FakeClock()
    limiter = Limiter(clock, per_minute=7)
    while not (wait := limiter.wait("192.0.2.1")):
        pass
    clock.advance(seconds=wait)
    assert limiter.wait("192.0.2.1") == 0


def test_one_network_of_ipv6_is_one_client() -> None:
    """A household has a /64 of addresses; IPv4 addresses stand each for itself."""
    limiter = Limiter(FakeClock(), per_minute=1)
    assert limiter.wait("2001:db8::1") == 0
    assert limiter.wait("2001:db8::ffff:2") > 0
    assert limiter.wait("2001:db8:0:1::1") == 0
    assert [limiter.wait(f"::ffff:192.0.2.{host}") for host in (1, 2)] == [0, 0]


def test_the_table_does_not_grow_without_bound() -> None:
    """It forgets whoever has not asked for longest, and keeps the rest."""
    limiter = Limiter(FakeClock(), per_minute=1, most_clients=3)
    for host in (1, 2, 3, 4):
        assert limiter.wait(f"192.0.2.{host}") == 0
    assert limiter.wait("192.0.2.4") > 0
    assert limiter.wait("192.0.2.1") == 0
