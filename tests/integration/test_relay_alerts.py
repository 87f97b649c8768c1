"""Alerts about relays: who should look is told while sending goes on over the next relay."""

from __future__ import annotations

from pathlib import Path

from incidents.building import build_worker
from notifier.audit.log_key import LogKey
from notifier.channels.circuit import Circuit, Trouble
from notifier.channels.email.relay_alerts import RelayAlerts
from notifier.channels.email.sink import LoopbackSink
from notifier.keys import Keys
from notifier.settings import AlertSettings, Settings
from notifier.store import Store
from tests.relays import channel, relay, silence

TEAM = AlertSettings(recipients=("team@example.com", "night@example.com"))
AWAY = Trouble("first", "it said nothing", 90, "second")


class Posts:
    """Notes what is posted; refuses as many as it is told to."""

    def __init__(self, refused: int = 0) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.refused = refused

    async def post(self, *alert: str) -> bool:
        """Take one alert, or not."""
        if self.refused:
            self.refused -= 1
            return False
        self.taken.append((alert[0], alert[1], alert[2]))
        return True


async def test_a_relay_that_stays_away_is_said_once_to_each() -> None:
    """Not again while it lasts; again when it goes away another time."""
    posts, troubles = Posts(), [AWAY]
    alerts = RelayAlerts(lambda: troubles, TEAM, posts.post)
    assert [await alerts.raise_due() for _ in range(2)] == [2, 0]
    assert posts.taken[0] == (
        "team@example.com",
        "relay first cannot be used",
        "Notices have been going over relay second for 1 minute, because relay first cannot be used:\n"
        "it said nothing\n\nIt is looked after, and used again once it is well. "
        "Try it:  notifier email test\n",
    )
    troubles.clear()
    assert await alerts.raise_due() == 0
    troubles.append(AWAY)
    assert await alerts.raise_due() == 2


async def test_a_short_absence_or_one_of_all_relays_is_no_alert_of_its_own() -> None:
    """The first may be a restart; of the second the hold tells that waits for any relay."""
    posts = Posts()
    short, everywhere = Trouble("first", "", 59, "second"), Trouble("first", "", 90, "")
    assert await RelayAlerts(lambda: [short, everywhere], TEAM, posts.post).raise_due() == 0
    assert not posts.taken


async def test_an_alert_that_was_not_taken_comes_again() -> None:
    """Only to whom it did not reach."""
    posts = Posts(refused=1)
    alerts = RelayAlerts(lambda: [AWAY], TEAM, posts.post)
    assert [await alerts.raise_due() for _ in range(3)] == [1, 1, 0]
    assert [alert[0] for alert in posts.taken] == ["night@example.com", "team@example.com"]


async def test_the_worker_alerts_over_the_next_relay(tmp_path: Path, store: Store, keys: Keys) -> None:
    """The channel knows which relay is away and which one stands in, and carries the mail itself."""
    settings = Settings(home=tmp_path, alerts=TEAM)
    LogKey.generate(settings.audit.origin).save(settings.keys_folder)
    with silence() as silent:
        first = relay(silent.port, "first", timeout=30)
        async with LoopbackSink(keep=True) as sink, channel(first, relay(sink.port, "second")) as ready:
            now = 100.0
            ready._pools[0].circuit = Circuit(lambda: now)
            ready._pools[0].circuit.failed("relay-down", "it said nothing")
            now += 120
            worker = build_worker(settings, keys, store, ready)
            assert await worker._parts.raise_alerts() == 2
    assert [one.recipients for one in sink.accepted] == [("team@example.com",), ("night@example.com",)]
    assert b"over relay second for 2 minutes" in sink.accepted[0].content
