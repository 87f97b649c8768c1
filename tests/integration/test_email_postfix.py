"""Hand-over to Debian's Postfix: the outcomes a real server causes, over every kind of session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from notifier.channels import OutcomeKind
from notifier.channels.email.sink import LoopbackSink
from notifier.channels.email.sink_session import Accepted
from tests import postfix as instance
from tests.postfix import HOST, PASSWORD, USER, Postfix
from tests.relays import CONTENT, channel, envelope, relay

pytestmark = pytest.mark.servers
ACCEPTED, DEFERRED, REJECTED, UNKNOWN = OutcomeKind
BEHIND = instance.free_ports(1)[0]


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """A running Postfix; skipped where there is none, but never in CI."""
    try:
        with instance.postfix(BEHIND) as running:
            yield running
    except LookupError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.mark.parametrize("way", ["piped", "plain"])
async def test_postfix_takes_each_message_once_for_one_reader(postfix: Postfix, way: str) -> None:
    """What Postfix passes on has one recipient, one To and no copies, and nothing is missing (I4)."""
    readers = {f"{way}-{number}@example.com" for number in range(30)}
    passed_on: list[Accepted] = []
    all_there = asyncio.Event()

    def note(message: Accepted) -> None:
        if set(message.recipients) & readers:  # Others are left over from other tests.
            passed_on.append(message)
        if len(passed_on) == len(readers):
            all_there.set()

    async with LoopbackSink(port=BEHIND, on_accepted=note), channel(relay(postfix.ports[way])) as ready:
        outcomes = await asyncio.gather(*(ready.send(envelope(recipient=reader)) for reader in readers))
        await asyncio.wait_for(all_there.wait(), 60)
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert sorted(message.recipients for message in passed_on) == sorted((reader,) for reader in readers)
    for message in passed_on:
        assert message.content.endswith(CONTENT.partition(b"\r\n\r\n")[2])
        assert message.content.lower().count(b"\r\nto:") == 1
        assert b"\r\ncc:" not in message.content.lower()


@pytest.mark.parametrize("way", ["piped", "plain"])
@pytest.mark.parametrize(
    ("reader", "kind", "code", "enhanced", "reason"),
    [
        ("dead", REJECTED, 550, "5.1.1", "address-dead"),
        ("full", DEFERRED, 450, "4.2.2", "mailbox-full"),
        ("policy", DEFERRED, 554, "5.7.1", "about-us"),
    ],
)
async def test_postfix_refuses_one_reader_and_takes_the_others(
    postfix: Postfix, way: str, reader: str, kind: OutcomeKind, code: int, enhanced: str, reason: str
) -> None:
    """A refused RCPT in the middle of a pipeline concerns nobody else."""
    readers = ["a", reader, "b", "c"]
    async with channel(relay(postfix.ports[way])) as ready:
        outcomes = await asyncio.gather(
            *(ready.send(envelope(recipient=f"{name}@example.com")) for name in readers)
        )
    refused = outcomes.pop(1)
    assert (refused.kind, refused.code, refused.enhanced, refused.reason) == (kind, code, enhanced, reason)
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}


@pytest.mark.parametrize("way", ["piped", "plain"])
async def test_postfix_refuses_a_body(postfix: Postfix, way: str) -> None:
    """A header check answers the final dot with 5xx; the next message is taken."""
    refused = envelope(content=CONTENT.replace(b"Subject: s", b"Subject: refuse me"))
    async with channel(relay(postfix.ports[way])) as ready:
        first, second = await asyncio.gather(ready.send(refused), ready.send(envelope()))
    assert (first.kind, first.enhanced, first.reason) == (REJECTED, "5.6.0", "content-refused")
    assert second.kind is ACCEPTED


async def test_postfix_tells_its_limit_and_gets_nothing_beyond_it(postfix: Postfix) -> None:
    """SIZE is honoured without sending a byte."""
    big = envelope(content=CONTENT + b"x\r\n" * 40_000)
    async with channel(relay(postfix.ports["piped"])) as ready:
        outcome = await ready.send(big)
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (REJECTED, "too-big", False)


async def test_a_slow_postfix_gets_several_connections(postfix: Postfix) -> None:
    """Where each reader takes it a second, they do not wait for each other."""
    before = postfix.log.read_text().count(": connect from")
    async with channel(relay(postfix.ports["slow"], max_connections=8)) as ready:
        outcomes = await asyncio.gather(*(ready.send(envelope(number)) for number in range(8)))
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert postfix.log.read_text().count(": connect from") - before > 2


async def test_a_postfix_slower_than_our_patience_has_no_message(postfix: Postfix) -> None:
    """Giving up before the body is no doubt."""
    async with channel(relay(postfix.ports["slow"], timeout=0.3)) as ready:
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (DEFERRED, "relay-trouble", False)


@pytest.mark.parametrize("way", ["starttls", "implicit"])
async def test_tls_with_a_known_authority(postfix: Postfix, way: Any) -> None:
    """Pipelined hand-over goes on under TLS, from the first byte or after STARTTLS."""
    trusted = relay(postfix.ports[way], tls=way, ca_file=str(postfix.certificates.authority))
    async with channel(trusted) as ready:
        outcomes = await asyncio.gather(*(ready.send(envelope(number)) for number in range(10)))
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}


@pytest.mark.parametrize("way", ["starttls", "implicit"])
async def test_tls_with_an_unknown_authority_is_not_used(postfix: Postfix, way: Any) -> None:
    """A certificate nobody vouches for is refused by default, and the outcome says why."""
    async with channel(relay(postfix.ports[way], tls=way)) as ready:
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (DEFERRED, "relay-down", False)
    assert "certificate" in outcome.text


@pytest.mark.parametrize("way", ["starttls", "implicit"])
async def test_certificate_checks_can_be_turned_off(postfix: Postfix, way: Any) -> None:
    """Only a setting makes an unknown certificate good enough."""
    async with channel(relay(postfix.ports[way], tls=way, verify=False)) as ready:
        assert (await ready.send(envelope())).kind is ACCEPTED


async def test_a_certificate_for_another_name_is_not_used(postfix: Postfix) -> None:
    """The name we connect to must be the one in the certificate."""
    other = relay(
        postfix.ports["implicit"],
        tls="implicit",
        host="localhost",
        ca_file=str(postfix.certificates.authority),
    )
    async with channel(other) as ready:
        outcome = await ready.send(envelope())
    assert outcome.kind is DEFERRED
    assert "localhost" in outcome.text


async def test_without_tls_a_postfix_that_wants_it_refuses_us(postfix: Postfix) -> None:
    """530 before anything else is about us, and nothing has left."""
    async with channel(relay(postfix.ports["starttls"])) as ready:
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.code, outcome.reason) == (DEFERRED, 530, "about-us")
    assert not outcome.handed_over


@pytest.mark.parametrize(("password", "kind"), [(PASSWORD, ACCEPTED), ("wrong", DEFERRED), ("", DEFERRED)])
async def test_login(postfix: Postfix, password: str, kind: OutcomeKind) -> None:
    """With the right password Postfix relays for us; with a wrong one the relay counts as down."""
    with_login = relay(
        postfix.ports["login"],
        tls="starttls",
        ca_file=str(postfix.certificates.authority),
        username=USER,
        password=password,
    )
    async with channel(with_login) as ready:
        outcome = await ready.send(envelope())
    assert outcome.kind is kind
    assert outcome.kind is ACCEPTED or "login" in outcome.text
    assert "wrong" not in outcome.text


async def test_without_login_postfix_does_not_relay(postfix: Postfix) -> None:
    """554 5.7.1 at RCPT is about us, not the reader."""
    bare = relay(postfix.ports["login"], tls="starttls", ca_file=str(postfix.certificates.authority))
    async with channel(bare) as ready:
        outcome = await ready.send(envelope())
    assert (outcome.kind, outcome.reason) == (DEFERRED, "about-us")


@asynccontextmanager
async def cut_line(port: int, *, after: bytes) -> AsyncIterator[int]:
    """A port that passes everything to ``port`` and cuts both sides when we have sent ``after``."""

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, stop: bytes) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                head, found, _ = data.partition(stop) if stop else (data, b"", b"")
                target.write(head)
                await target.drain()
                if found:
                    return

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other_reader, other_writer = await asyncio.open_connection(HOST, port)
        ways = [pump(reader, other_writer, after), pump(other_reader, writer, b"")]
        pumps = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for one in (writer, other_writer):
            one.close()
        await asyncio.wait(pumps)

    passing: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passing.add(asyncio.create_task(connected(reader, writer)))

    server = await asyncio.start_server(accepted, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*passing)


@pytest.mark.parametrize("way", ["piped", "plain"])
async def test_a_line_cut_in_the_middle_of_the_body_is_doubt(postfix: Postfix, way: str) -> None:
    """Postfix drops what has no final dot; we cannot know that, and say so."""
    content = CONTENT + b"cut here\r\n"
    async with cut_line(postfix.ports[way], after=b"cut here") as port, channel(relay(port)) as ready:
        outcome = await ready.send(envelope(content=content))
        assert (await ready.send(envelope())).kind is ACCEPTED
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "connection-lost")


@pytest.mark.parametrize("way", ["piped", "plain"])
async def test_a_line_cut_before_the_body_is_no_doubt(postfix: Postfix, way: str) -> None:
    """Without a byte of the body nothing can have been accepted."""
    async with cut_line(postfix.ports[way], after=b"RCPT TO:<cut@") as port, channel(relay(port)) as ready:
        outcome = await ready.send(envelope(recipient="cut@example.com"))
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (DEFERRED, "relay-trouble", False)
