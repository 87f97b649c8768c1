"""Debian's Postfix brings its own bounces to our listener: the whole way of a real delivery report."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes

import aiosmtplib
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


@contextmanager
def _running(**more: str) -> Iterator[Postfix]:
    """Run a Postfix; skipped where there is none, but never in CI."""
    try:
        with instance.postfix(BEHIND, **more) as running:
            yield running
    except LookupError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """A Postfix that hands everything to one server, and its bounces to ours."""
    with _running(
        more="transport_maps = texthash:{folder}/transport\n",
        transport=f"bounces.example.com smtp:[{HOST}]:{INBOUND}\n",
    ) as running:
        yield running


_IN_FRONT = """
relay_domains = bounces.example.com
transport_maps = inline:{{ {{ bounces.example.com = smtp:[127.0.0.1]:%d }} }}
smtpd_recipient_restrictions = reject_unauth_destination, reject_unverified_recipient
unverified_recipient_reject_code = 550
address_verify_poll_delay = 1s
"""


async def test_behind_postfix_nobody_gets_mail_that_bounces() -> None:
    """As the guide says: Postfix asks us about each address, and refuses what we would refuse."""
    keeper = Keeper()
    inbound = instance.free_ports(1)[0]
    unknown = "b+3f9a02bc77d1e04b-1-aaaaaaaaaaaaaaaa@bounces.example.com"
    with _running(more=_IN_FRONT % inbound) as front:
        sender = aiosmtplib.SMTP(hostname=HOST, port=front.ports["piped"], start_tls=False, timeout=60)
        async with listening(keeper, port=inbound), sender:
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as refused:
                await sender.sendmail("someone@example.net", [unknown], CONTENT)
            await sender.sendmail("", [PATH], CONTENT)
            await _until(keeper, 1)
    assert refused.value.recipients[0].code == 550
    assert [recipients for _message, recipients in keeper.kept] == [(PATH,)]


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
