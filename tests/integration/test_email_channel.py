"""Hand-over to a relay, with and without pipelining: the same outcomes either way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.email import EmailChannel
from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import LoopbackSink
from tests.relays import CONTENT, channel, envelope, relay

ACCEPTED, DEFERRED, REJECTED, UNKNOWN = OutcomeKind
Line = Callable[..., AbstractAsyncContextManager[tuple[EmailChannel, LoopbackSink]]]


@pytest.fixture(params=[True, False], ids=["pipelined", "plain"])
def line(request: pytest.FixtureRequest) -> Line:
    """Opens a channel to a sink that does or does not offer pipelining."""

    @asynccontextmanager
    async def opened(*scripts: Script, timeout: float = 5, **sink: Any) -> AsyncIterator[Any]:
        server = LoopbackSink(keep=True, scripts=scripts, pipelining=request.param, **sink)
        async with server, channel(relay(server.port, timeout=timeout)) as ready:
            yield ready, server

    return opened


async def send_all(ready: EmailChannel, count: int, **more: Any) -> list[Outcome]:
    return await asyncio.gather(*(ready.send(envelope(number, **more)) for number in range(count)))


async def test_many_messages_are_accepted_each_once(line: Line) -> None:
    """Every message arrives whole, under its own envelope, dots and all."""
    async with line() as (ready, sink):
        outcomes = await send_all(ready, 50)
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert sorted(message.recipients for message in sink.accepted) == sorted(
        (f"reader-{number}@example.com",) for number in range(50)
    )
    assert {message.content for message in sink.accepted} == {CONTENT}


async def test_an_outcome_carries_the_answer(line: Line) -> None:
    """Code, status, text and relay of the answer are kept."""
    async with line() as (ready, _):
        outcome = await ready.send(envelope())
    assert (outcome.code, outcome.enhanced, outcome.text) == (250, "2.0.0", "2.0.0 kept")
    assert (outcome.relay, outcome.handed_over) == ("main", True)


async def test_an_answer_in_another_encoding_is_still_text(line: Line) -> None:
    """Bytes that are no UTF-8 become replacement characters; the acceptance counts."""
    async with line(Script("*", stage="body", reply="250 2.0.0 angenommen f\udcfcr Sie")) as (ready, _):
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.text) == (ACCEPTED, "2.0.0 angenommen f\ufffdr Sie")


async def test_a_refusal_in_another_encoding_is_still_text(line: Line) -> None:
    """At RCPT too, whichever way the session reads it."""
    async with line(Script("*", reply="450 4.2.2 Postfach \udcfcberf\udcfcllt")) as (ready, _):
        outcome = await ready.send(envelope())
    assert (outcome.reason, outcome.text) == ("mailbox-full", "4.2.2 Postfach \ufffdberf\ufffdllt")


async def test_the_caller_hears_the_outcome_before_anything_else(line: Line) -> None:
    """``settled`` is called exactly once, with what ``send`` then returns."""
    notes: list[Outcome] = []
    async with line() as (ready, _):
        outcome = await ready.send(envelope(), notes.append)
    assert notes == [outcome]


@pytest.mark.parametrize(
    ("stage", "match", "reply", "kind", "reason", "handed_over"),
    [
        ("mail", "b+1@*", "451 4.3.0 later", DEFERRED, "relay-trouble", False),
        ("mail", "b+1@*", "550 5.1.8 sender", DEFERRED, "about-us", False),
        ("rcpt", "reader-1@*", "550 5.1.1 unknown", REJECTED, "address-dead", True),
        ("rcpt", "reader-1@*", "450-4.2.2 box\n450 4.2.2 full", DEFERRED, "mailbox-full", True),
        ("rcpt", "reader-1@*", "554 5.7.1 denied", DEFERRED, "about-us", True),
        ("rcpt", "reader-1@*", "421 4.7.0 slow down", DEFERRED, "throttled", True),
        ("data", "reader-1@*", "451 4.3.2 no", DEFERRED, "relay-trouble", True),
        ("data", "reader-1@*", "554 5.6.0 no", REJECTED, "content-refused", True),
        ("body", "reader-1@*", "554 5.6.0 no", REJECTED, "content-refused", True),
        ("body", "reader-1@*", "452 4.2.2 full", DEFERRED, "mailbox-full", True),
        ("body", "reader-1@*", "421 4.3.2 closing", DEFERRED, "throttled", True),
    ],
)  # fmt: skip
async def test_one_refusal_concerns_one_message(
    line: Line, stage: Any, match: str, reply: str, kind: OutcomeKind, reason: str, handed_over: bool
) -> None:
    """Whatever a relay refuses at whatever stage, the messages around it are accepted."""
    async with line(Script(match, stage=stage, reply=reply)) as (ready, sink):
        outcomes = await send_all(ready, 8)
    refused = outcomes.pop(1)
    assert (refused.kind, refused.reason, refused.handed_over) == (kind, reason, handed_over)
    assert refused.code == int(reply[:3])
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert len(sink.accepted) == 7


@pytest.mark.parametrize(("drop", "taken"), [("before", 0), ("after", 1)])
async def test_silence_after_the_body_is_unknown(line: Line, drop: Any, taken: int) -> None:
    """A connection lost after the final dot leaves one message in doubt and no other."""
    async with line(Script("reader-1@*", stage="body", drop=drop)) as (ready, sink):
        outcomes = await send_all(ready, 8)
    assert [outcome.kind for outcome in outcomes] == [ACCEPTED, UNKNOWN, *[ACCEPTED] * 6]
    assert (outcomes[1].reason, outcomes[1].handed_over) == ("connection-lost", True)
    assert len(sink.accepted) == 7 + taken


async def test_a_connection_lost_before_the_body_is_no_doubt(line: Line) -> None:
    """What was never begun goes again; a relay that always hangs up at one reader defers that one."""
    async with line(Script("reader-1@*", stage="rcpt", drop="before")) as (ready, sink):
        outcomes = await send_all(ready, 8)
    lost = outcomes.pop(1)
    assert (lost.kind, lost.reason, lost.handed_over) == (DEFERRED, "relay-trouble", False)
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert len(sink.accepted) == 7


async def test_a_hang_up_that_does_not_last_is_not_noticed(line: Line) -> None:
    """One dropped connection before the body costs a reconnection, not an outcome."""
    async with line(Script("*", stage="rcpt", drop="before", times=1)) as (ready, sink):
        assert (await ready.send(envelope())).kind is ACCEPTED
    assert sink.connections == 2


async def test_no_answer_in_time_is_unknown(line: Line) -> None:
    """After the body, a relay that stays silent leaves the message in doubt."""
    async with line(Script("*", stage="body", wait=60), timeout=0.1) as (ready, _):
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "no-answer")


async def test_no_answer_before_the_body_defers(line: Line) -> None:
    """A relay that stays silent at RCPT certainly has no message."""
    async with line(Script("*", stage="rcpt", wait=60), timeout=0.1) as (ready, sink):
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (DEFERRED, "relay-trouble", False)
    assert not sink.accepted


@pytest.mark.parametrize(
    "garbage", ["hello there", "2x0 fine", "x" * 50_000, "250-" + "y" * 3000 + "\n250-y" * 20_000]
)
async def test_an_answer_that_is_none_leaves_doubt(line: Line, garbage: str) -> None:
    """Garbage after the body is ``unknown``, and the next message gets a fresh connection."""
    async with line(Script("reader-0@*", stage="body", reply=garbage)) as (ready, _):
        doubtful = await ready.send(envelope(0))
        assert (await ready.send(envelope(1))).kind is ACCEPTED
    assert (doubtful.kind, doubtful.reason) == (UNKNOWN, "bad-reply")


async def test_a_relay_that_takes_few_messages_per_connection_gets_few(line: Line) -> None:
    """Its limit is learnt, and nothing is lost or deferred over it."""
    async with line(messages_per_connection=3) as (ready, sink):
        outcomes = await send_all(ready, 12)
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert len(sink.accepted) == 12
    assert sink.connections >= 4


async def test_a_hand_over_past_its_time_is_not_begun(line: Line) -> None:
    """``not_after`` is checked before the body is written."""
    now = asyncio.get_running_loop().time()
    async with line() as (ready, sink):
        late = await ready.send(envelope(not_after=now - 1))
        assert (await ready.send(envelope(not_after=now + 60))).kind is ACCEPTED
    assert (late.kind, late.reason, late.handed_over) == (DEFERRED, "too-late", False)
    assert len(sink.accepted) == 1


async def test_time_that_runs_out_between_envelope_and_body_stops_the_body(line: Line) -> None:
    """A slow answer to RCPT can use the lease up; the relay then gets no message, not even an empty one."""
    now = asyncio.get_running_loop().time()
    async with line(Script("*", stage="rcpt", wait=0.15)) as (ready, sink):
        late = await ready.send(envelope(not_after=now + 0.1))
    assert (late.kind, late.handed_over) == (DEFERRED, False)
    assert not sink.accepted


async def test_cancelling_before_the_body_leaves_nothing(line: Line) -> None:
    """Neither a message nor an outcome."""
    notes: list[Outcome] = []
    async with line(Script("reader-0@*", stage="rcpt", wait=0.1)) as (ready, sink):
        waiting = asyncio.create_task(ready.send(envelope(0), notes.append))
        while not sink.connections:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert (await ready.send(envelope(1))).kind is ACCEPTED
    assert not notes
    assert [message.recipients for message in sink.accepted] == [("reader-1@example.com",)]


async def test_cancelling_after_the_body_is_unknown(line: Line) -> None:
    """The message may have been accepted, and the caller hears so at once."""
    notes: list[Outcome] = []
    begun = asyncio.Event()
    async with line(Script("*", stage="body", wait=0.1), on_accepted=lambda _: begun.set()) as (ready, _):
        waiting = asyncio.create_task(ready.send(envelope(), notes.append))
        await begun.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert [outcome.kind for outcome in notes] == [UNKNOWN]


async def test_a_caller_that_cannot_note_the_outcome_hears_its_own_error(line: Line) -> None:
    """An exception in ``settled`` comes out of ``send``; the connection goes on."""

    def full(outcome: Outcome) -> None:
        raise OSError("disk full")

    async with line() as (ready, _):
        with pytest.raises(OSError, match="disk full"):
            await ready.send(envelope(0), full)
        assert (await ready.send(envelope(1))).kind is ACCEPTED


async def test_one_recipient_on_the_wire(line: Line) -> None:
    """Each transaction that leaves has exactly one RCPT and one To, never a copy (I4)."""
    async with line(Script("reader-3@*", reply="550 5.1.1 no")) as (ready, sink):
        sink.transcript = []
        await send_all(ready, 20)
    wire = b"".join(sink.transcript)
    assert wire.count(b"MAIL FROM:") == wire.count(b"RCPT TO:") == 20
    for message in sink.accepted:
        assert len(message.recipients) == 1
        assert message.content.lower().count(b"\r\nto:") == 1
        assert b"cc:" not in message.content.lower()


async def test_an_international_mailbox_needs_a_relay_that_speaks_it(line: Line) -> None:
    """Where SMTPUTF8 is offered the address goes as it is; where not, the reader goes to another channel."""
    content = CONTENT.replace(b"reader@", "पाठक@".encode())
    for offered, kind in ((True, ACCEPTED), (False, REJECTED)):
        async with line(smtputf8=offered) as (ready, _):
            first = await ready.send(envelope(recipient="पाठक@example.com", content=content))
            again = await ready.send(envelope(recipient="पाठक@example.com", content=content))
        assert first.kind is again.kind is kind
        assert offered or (first.reason, first.handed_over) == ("needs-smtputf8", False)


async def test_a_message_beyond_the_relay_s_size_is_not_sent(line: Line) -> None:
    """SIZE is honoured before a byte of the body leaves."""
    async with line(size=50) as (ready, sink):
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (REJECTED, "too-big", False)
    assert not sink.replies


async def test_a_stray_answer_is_never_taken_for_another(line: Line) -> None:
    """A relay that answers twice loses its connection before answers can be confused."""
    async with line(Script("reader-0@*", stage="body", reply="250 ok\n250 ok"), timeout=0.2) as (ready, sink):
        outcomes = await send_all(ready, 4)
    assert outcomes[0].kind is ACCEPTED
    assert all(outcome.kind in (ACCEPTED, UNKNOWN, DEFERRED) for outcome in outcomes)
    accepted = sum(outcome.kind is ACCEPTED for outcome in outcomes)
    assert accepted <= len(sink.accepted)


async def test_an_answer_that_comes_before_the_body_is_no_acceptance() -> None:
    """A 250 in one breath with the 354 cannot mean a body that had not left yet."""
    sink = LoopbackSink(scripts=[Script("*", stage="data", reply="354 go\n250 ok")])
    async with sink, channel(relay(sink.port)) as ready:
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "bad-reply")


@pytest.mark.parametrize(
    ("stage", "reply"), [("mail", "354 go"), ("rcpt", "354 go"), ("data", "250 ok"), ("rcpt", "199 hm")]
)
async def test_an_answer_that_fits_no_question_makes_no_message(line: Line, stage: Any, reply: str) -> None:
    """Not even an empty one: the connection is cut, and the reader goes again later."""
    match = "b+0@*" if stage == "mail" else "reader-0@*"
    async with line(Script(match, stage=stage, reply=reply), timeout=0.3) as (ready, sink):
        outcome = await ready.send(envelope(0))
        assert (await ready.send(envelope(1))).kind is ACCEPTED
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (DEFERRED, "relay-trouble", False)
    assert len(sink.accepted) == 1
