"""Alerts: whoever should look is written to until somebody takes the hold, each on an account of their own."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.email import EmailChannel
from notifier.channels.email.alert import AlertMailer
from notifier.channels.email.sink import LoopbackSink
from notifier.engine import control
from notifier.engine.alerts import Alerts
from notifier.engine.holds import take_hold
from notifier.keys import Keys
from notifier.settings import AlertSettings, EmailSettings, RelaySettings
from notifier.store import Store
from notifier.testing import FakeClock, ScriptedChannel
from tests import world

TEAM = ("team@example.com", "night@example.com")
REFUSED = Outcome(OutcomeKind.REJECTED, code=550)


def _alerts(store: Store, channel: ScriptedChannel) -> Alerts:
    mailer = AlertMailer(channel, EmailSettings(), store.clock)

    async def mailboxes(handle: str) -> list[str]:
        return [f"{handle}@example.com"]

    return Alerts(store, AlertSettings(recipients=TEAM, every_minutes=10), mailer.post, mailboxes, str.lower)


@pytest.fixture
async def paused(store: Store, keys: Keys) -> Store:
    """A store in which something waits for a person."""
    await world.released(store, keys, 8)
    async with store.begin() as tx:
        await control.pause(tx, world.CODE, operator="anna", reason="a look at the text")
    return store


async def test_a_hold_alerts_until_somebody_takes_it(paused: Store, clock: FakeClock) -> None:
    """Its owner and the configured recipients are mailed, every ten minutes; taking it stops that."""
    channel = ScriptedChannel()
    alerts = _alerts(paused, channel)
    assert (await alerts.raise_due(), await alerts.raise_due()) == (3, 0)
    assert [one.recipient for one in channel.sent] == ["anna@example.com", *TEAM]
    assert b"Not told yet: 8 people." in channel.sent[0].content
    clock.advance(minutes=11)
    assert await alerts.raise_due() == 3
    async with paused.begin() as tx:
        await take_hold(tx, 1, operator="ben")
    clock.advance(minutes=11)
    assert await alerts.raise_due() == 0


async def test_one_address_that_fails_concerns_nobody_else(paused: Store, clock: FakeClock) -> None:
    """Who got the alert is left alone until the next is due, whoever did not is tried again at once."""
    channel = ScriptedChannel({TEAM[0]: [REFUSED, REFUSED]})
    alerts = _alerts(paused, channel)
    assert [await alerts.raise_due() for _ in range(4)] == [2, 0, 1, 0]
    assert [one.recipient for one in channel.sent].count(TEAM[0]) == 3
    assert len(channel.sent) == 5
    clock.advance(minutes=11)
    assert await alerts.raise_due() == 3


async def test_an_address_that_cannot_be_written_to_stops_no_other(paused: Store) -> None:
    """It counts as not taken; the others get theirs."""
    channel = ScriptedChannel()
    alerts = _alerts(paused, channel)

    async def mailboxes(_handle: str) -> list[str]:
        return ["no address"]

    alerts._mailboxes = mailboxes
    assert await alerts.raise_due() == 2


async def test_an_alert_arrives_whole_at_an_internationalised_domain(clock: FakeClock) -> None:
    """One To with the domain in ASCII, one From, and the text as it was written; no relay need take 8 bits."""
    async with LoopbackSink(keep=True) as sink:
        relay = RelaySettings(name="catcher", host="127.0.0.1", port=sink.port, tls="none")
        async with EmailChannel(EmailSettings(relays=(relay,))) as channel:
            mailer = AlertMailer(channel, EmailSettings(), clock)
            assert await mailer.post("ops@bücher.example", "A1 waits: pause", "Grund: Tippfehler im Gruß\n")
        (taken,) = sink.accepted
    message = message_from_bytes(taken.content, policy=policy.SMTP)
    assert list(taken.recipients) == ["ops@xn--bcher-kva.example"]
    assert message.get_all("To") == ["ops@xn--bcher-kva.example"]
    assert len(message.get_all("From", [])) == 1
    assert message["Subject"] == "[notifier] A1 waits: pause"
    assert message.get_content().strip() == "Grund: Tippfehler im Gruß"
    assert taken.content.isascii()
