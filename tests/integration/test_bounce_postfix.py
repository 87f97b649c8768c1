"""Debian's Postfix brings its own bounces to our listener: the whole way of a real delivery report."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from email import message_from_bytes

import pytest

from notifier.channels import OutcomeKind
from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import LoopbackSink
from tests import postfix as instance
from tests.inlets import PATH, PATHS, REFERENCE, Keeper, listening
from tests.postfix import HOST, Postfix
from tests.relays import CONTENT, channel, envelope, relay

pytestmark = pytest.mark.servers
BEHIND, INBOUND = instance.free_ports(2)


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """A Postfix that hands everything to one server, and its bounces to ours; skipped where there is none."""
    bounces = "transport_maps = texthash:{folder}/transport\n"
    try:
        with instance.postfix(
            BEHIND, more=bounces, transport=f"bounces.example.com smtp:[{HOST}]:{INBOUND}\n"
        ) as running:
            yield running
    except LookupError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


async def _until(keeper: Keeper, count: int) -> None:
    async with asyncio.timeout(60):
        while len(keeper.kept) < count:
            keeper.arrived.clear()
            await keeper.arrived.wait()


async def _bounced(postfix: Postfix, keeper: Keeper, *paths: str) -> None:
    """Send one message for each return path to a reader whom the server behind refuses."""
    refusing = [Script(stage="rcpt", match="gone@example.com", reply="550 5.1.1 no such reader")]
    async with LoopbackSink(port=BEHIND, scripts=refusing), channel(relay(postfix.ports["piped"])) as ready:
        for path in paths:
            message = envelope(recipient="gone@example.com", content=CONTENT)
            sent = await ready.send(type(message)(message.recipient, path, message.content))
            assert sent.kind is OutcomeKind.ACCEPTED
        await _until(keeper, len(paths))


async def test_a_real_bounce_comes_back(postfix: Postfix) -> None:
    """The report arrives at the return path of its attempt, as multipart/report, with the status in it."""
    keeper = Keeper()
    async with listening(keeper, port=INBOUND):
        await _bounced(postfix, keeper, PATH)
    message, recipients = keeper.kept[0]
    assert [PATHS.read(one) for one in recipients] == [(REFERENCE, 1)]
    assert message_from_bytes(message).get_content_type() == "multipart/report"
    assert b"5.1.1" in message


async def test_postfix_keeps_a_bounce_that_we_could_not_record(postfix: Postfix) -> None:
    """After 451 Postfix comes again, until it is taken: no report is lost to a store that is ill."""
    keeper = Keeper()
    keeper.failing = RuntimeError
    path = PATHS.make(REFERENCE, 2)

    async def get_well() -> None:
        await keeper.arrived.wait()
        keeper.failing = None

    async with listening(keeper, port=INBOUND) as listener:
        well = asyncio.create_task(get_well())
        await _bounced(postfix, keeper, path)
        await well
    assert listener.counts["failed"] >= 1
    assert listener.counts["taken"] == 1
    assert keeper.kept[0][1] == (path,)


async def test_many_bounces_over_few_connections(postfix: Postfix) -> None:
    """Each attempt's bounce is delivered once, though Postfix may use a connection again."""
    keeper = Keeper()
    paths = [PATHS.make(REFERENCE, number) for number in range(10, 60)]
    async with listening(keeper, port=INBOUND):
        await _bounced(postfix, keeper, *paths)
    assert sorted(recipients for _message, recipients in keeper.kept) == sorted((path,) for path in paths)
