"""Several relays, limits, connections: what the channel does when relays fail, refuse or are slow."""

from __future__ import annotations

import asyncio
import socket

import pytest

from notifier.channels import OutcomeKind
from notifier.channels.email import EmailChannel
from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import LoopbackSink
from notifier.settings import EmailSettings
from tests.relays import CONTENT, channel, envelope, relay

ACCEPTED, DEFERRED, REJECTED, UNKNOWN = OutcomeKind


@pytest.fixture
def closed_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_the_next_relay_takes_over_from_one_that_is_down(closed_port: int) -> None:
    """A relay that cannot be reached is passed over, and the outcome names the one that took it."""
    async with (
        LoopbackSink() as sink,
        channel(relay(closed_port, "first"), relay(sink.port, "second")) as ready,
    ):
        outcomes = await asyncio.gather(*(ready.send(envelope(number)) for number in range(10)))
    assert {(outcome.kind, outcome.relay) for outcome in outcomes} == {(ACCEPTED, "second")}


async def test_without_any_relay_nothing_has_left(closed_port: int) -> None:
    """All relays down is deferred, at no cost to the reader, with the time to wait."""
    async with channel(relay(closed_port)) as ready:
        outcomes = [await ready.send(envelope(number)) for number in range(3)]
    assert {(outcome.kind, outcome.reason, outcome.handed_over) for outcome in outcomes} == {
        (DEFERRED, "relay-down", False)
    }
    assert all(outcome.retry_after for outcome in outcomes)
    assert "@" not in "".join(outcome.text for outcome in outcomes)


async def test_a_channel_knows_when_no_relay_can_be_used(closed_port: int) -> None:
    """Before the first try it may be; after a failure it may not for a while."""
    async with channel() as none, channel(relay(closed_port)) as ready:
        assert (none.usable(), ready.usable()) == (False, True)
        await ready.send(envelope())
        assert not ready.usable()


async def test_nobody_waits_for_the_limit_of_a_relay_that_is_down(closed_port: int) -> None:
    """Its place in the queue is not worth waiting for."""
    slow = relay(closed_port, "first", per_second=0.1)
    async with LoopbackSink() as sink, channel(slow, relay(sink.port, "second")) as ready:
        outcomes = [await ready.send(envelope(number)) for number in range(5)]
    assert {(outcome.kind, outcome.relay) for outcome in outcomes} == {(ACCEPTED, "second")}


async def test_a_setting_that_no_session_can_be_made_with_defers() -> None:
    """A name to greet with that is none is trouble with the relay, not a message that waits for ever."""
    async with LoopbackSink() as sink:
        settings = EmailSettings(helo_name="two words", relays=(relay(sink.port),))
        async with EmailChannel(settings) as ready:
            outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (DEFERRED, "relay-down", False)


async def test_the_number_of_messages_a_relay_takes_is_learnt_once() -> None:
    """Ten messages, three a connection: one connection learns it, none is turned away again."""
    async with LoopbackSink(messages_per_connection=3) as sink:
        sink.transcript = []
        async with channel(relay(sink.port)) as ready:
            outcomes = [await ready.send(envelope(number)) for number in range(10)]
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert sink.connections == 4
    assert b"".join(sink.transcript).count(b"MAIL FROM") == 11


async def test_a_channel_without_relays_defers() -> None:
    """No relay in the settings is no relay that works."""
    async with channel() as ready:
        assert (await ready.send(envelope())).reason == "relay-down"


async def test_a_relay_that_refuses_us_is_left_alone() -> None:
    """Ten readers in a row are refused over us, none is suppressed, and then the next relay takes over."""
    script = Script("*", reply="550 5.7.1 blocked")
    first, second = LoopbackSink(scripts=[script]), LoopbackSink()
    async with first, second, channel(relay(first.port, "first"), relay(second.port, "second")) as ready:
        outcomes = [await ready.send(envelope(number)) for number in range(10)]
        after = await ready.send(envelope(11))
    assert {(outcome.kind, outcome.reason) for outcome in outcomes} == {(DEFERRED, "about-us")}
    assert (after.kind, after.relay) == (ACCEPTED, "second")


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    "script",
    [
        Script("*", stage="mail", reply="451 4.3.2 not accepting mail"),
        Script("*", stage="mail", reply="452 4.3.1 out of room"),
        Script("*", stage="mail", reply="421 4.3.2 shutting down"),
        Script("*", stage="mail", drop="before"),
        Script("*", stage="mail", wait=60),
    ],
)
async def test_a_relay_that_takes_no_sender_is_passed_over(script: Script, pipelining: bool) -> None:
    """No hand-over had begun, so the next relay gets it at once, and soon gets everything."""
    first, second = LoopbackSink(scripts=[script], pipelining=pipelining), LoopbackSink()
    async with first, second:
        broken = relay(first.port, "first", timeout=0.1)
        async with channel(broken, relay(second.port, "second")) as ready:
            outcomes = [await ready.send(envelope(number)) for number in range(8)]
            assert ready._pools[0].unusable()
    assert {(outcome.kind, outcome.relay) for outcome in outcomes} == {(ACCEPTED, "second")}
    assert first.connections <= 3


async def test_the_last_relay_s_words_are_kept_where_none_takes_a_message() -> None:
    """Deferred with the answer to MAIL, at no cost to the reader."""
    script = Script("*", stage="mail", reply="451 4.3.2 try again in 90 seconds")
    first, second = LoopbackSink(scripts=[script]), LoopbackSink(scripts=[script])
    async with first, second, channel(relay(first.port, "first"), relay(second.port, "second")) as ready:
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.code, outcome.relay) == (DEFERRED, 451, "second")
    assert (outcome.reason, outcome.retry_after, outcome.handed_over) == ("relay-trouble", 90, False)


async def test_a_hang_up_before_the_sender_is_retried_where_there_is_one_relay() -> None:
    """With nowhere else to go, a new connection is worth a try."""
    script = Script("*", stage="mail", drop="before", times=1)
    async with LoopbackSink(scripts=[script]) as sink, channel(relay(sink.port)) as ready:
        assert (await ready.send(envelope())).kind is ACCEPTED


async def test_one_reader_s_policy_slows_nobody_else() -> None:
    """Single 5.7.x answers between acceptances neither hold nor slow the relay."""
    script = Script("reader-*0@*", reply="550 5.7.133 members only")
    async with LoopbackSink(scripts=[script]) as sink, channel(relay(sink.port)) as ready:
        outcomes = await asyncio.gather(*(ready.send(envelope(number)) for number in range(200)))
    assert sum(outcome.kind is ACCEPTED for outcome in outcomes) == 180
    assert {outcome.reason for outcome in outcomes} == {"", "about-us"}


async def test_a_relay_that_answers_at_once_gets_one_connection() -> None:
    """Fewer connections, fewer messages in doubt."""
    async with LoopbackSink() as sink, channel(relay(sink.port)) as ready:
        await asyncio.gather(*(ready.send(envelope(number)) for number in range(300)))
    assert sink.connections == 1


async def test_a_slow_relay_gets_more_connections_up_to_the_limit() -> None:
    """Where the relay's answers take time, waiting is shared out."""
    async with LoopbackSink(wait=0.02) as sink, channel(relay(sink.port, max_connections=4)) as ready:
        await asyncio.gather(*(ready.send(envelope(number)) for number in range(60)))
        assert 1 < sink.connections <= 4


async def test_connections_are_closed_with_quit() -> None:
    """The channel says goodbye when it is closed."""
    async with LoopbackSink() as sink:
        sink.transcript = []
        async with channel(relay(sink.port)) as ready:
            await ready.send(envelope())
        assert sink.transcript[-1] == b"QUIT\r\n"


async def test_closing_waits_for_what_is_under_way() -> None:
    """No hand-over is cut off by leaving the channel."""
    async with LoopbackSink(wait=0.05) as sink:
        async with channel(relay(sink.port)) as ready:
            under_way = asyncio.create_task(ready.send(envelope()))
            await asyncio.sleep(0)
        assert under_way.done()
    assert under_way.result().kind is ACCEPTED


async def test_a_limit_of_ours_defers_what_would_wait_too_long() -> None:
    """Beyond a few seconds of waiting a message goes back, unused, with the time to wait."""
    async with LoopbackSink() as sink, channel(relay(sink.port, per_second=0.1)) as ready:
        first, second = [await ready.send(envelope(number)) for number in range(2)]
    assert first.kind is ACCEPTED
    assert (second.kind, second.reason, second.handed_over) == (DEFERRED, "throttled", False)
    assert 5 < (second.retry_after or 0) <= 10


async def test_each_destination_has_its_own_limit() -> None:
    """A slow destination holds nobody else back."""
    rates = {"slow.test": 0.1}
    async with LoopbackSink() as sink, channel(relay(sink.port), site_per_second=rates) as ready:
        outcomes = [
            await ready.send(envelope(recipient=f"{name}@{domain}"))
            for name, domain in (("a", "slow.test"), ("b", "SLOW.test"), ("c", "fast.test"))
        ]
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, DEFERRED, ACCEPTED]


async def test_being_told_to_slow_down_pauses_the_destination() -> None:
    """After a 4.7.x at RCPT the same destination waits as long as it asked, others do not."""
    script = Script("a@busy.test", reply="450 4.7.1 too fast, try again in 90 seconds")
    async with LoopbackSink(scripts=[script]) as sink, channel(relay(sink.port)) as ready:
        told = await ready.send(envelope(recipient="a@busy.test"))
        same = await ready.send(envelope(recipient="b@busy.test"))
        other = await ready.send(envelope(recipient="c@free.test"))
    assert (told.kind, told.retry_after) == (DEFERRED, 90)
    assert (same.kind, same.handed_over) == (DEFERRED, False)
    assert other.kind is ACCEPTED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"recipient": "no address"}, "address-invalid"),
        ({"content": CONTENT + b"lone\n"}, "stray-line-end"),
        ({"content": CONTENT + b"lone\r"}, "stray-line-end"),
        ({"content": CONTENT.replace(b"\r\n\r\n", b"\r\nCc: b@example.com\r\n\r\n")}, "not-one-reader"),
        ({"content": CONTENT.replace(b"To: ", b"To: a@example.com\r\nTo: ")}, "not-one-reader"),
        ({"content": CONTENT.replace(b"To: ", b"X: ")}, "not-one-reader"),
        ({"content": CONTENT + b"\0\r\n"}, "stray-nul"),
    ],
)
async def test_what_cannot_be_carried_is_refused_without_a_connection(change, code: str) -> None:
    """A wrong envelope is refused before any relay hears of it."""
    async with LoopbackSink() as sink, channel(relay(sink.port)) as ready:
        outcome = await ready.send(envelope(**change))
        assert [finding.code for finding in ready.check(envelope(**change))] == [code]
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (REJECTED, code, False)
    assert sink.connections == 0
