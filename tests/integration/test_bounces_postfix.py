"""Reports that Debian's Postfix writes to our return path, read as they come in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from email.message import EmailMessage

import aiosmtplib
import pytest

from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import LoopbackSink
from notifier.channels.email.sink_session import Accepted
from notifier.channels.receipts import Receipt
from tests import postfix as instance
from tests.bounces import PATHS, READER
from tests.postfix import HOST, Postfix

pytestmark = pytest.mark.servers
BEHIND = instance.free_ports(1)[0]
REFUSALS = {
    "dead": ("550 5.1.1 no such user here", "rcpt"),
    "plain": ("550 No such user here", "rcpt"),
    "full": ("552 5.2.2 mailbox full", "rcpt"),
    "policy": ("550 5.7.26 user unknown, or your mail is not authenticated", "rcpt"),
    "content": ("554 5.6.0 not in this form", "body"),
}


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


def message(reader: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "security@example.com", reader, "A security notice"
    made.set_content("Hello")
    return made


async def report_on(postfix: Postfix, reader: str, sender: str, **options: list[str]) -> Accepted:
    """Send one message through Postfix, and return what it writes to the sender's return path."""
    came_back: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()

    def note(taken: Accepted) -> None:
        if sender in taken.recipients and not came_back.done():
            came_back.set_result(taken)

    scripts = [
        Script(f"{name}-*@example.org", stage=stage, reply=reply) for name, (reply, stage) in REFUSALS.items()
    ]
    async with LoopbackSink(port=BEHIND, on_accepted=note, scripts=scripts):
        await aiosmtplib.send(
            message(reader), sender=sender, recipients=[reader], hostname=HOST, port=postfix.ports["piped"],
            start_tls=False, **options,
        )  # fmt: skip
        return await asyncio.wait_for(came_back, 60)


def read(report: Accepted) -> Receipt:
    reading = READER.read(report.content, report.recipients)
    assert (reading.kind, reading.understood) == ("bounce", True)
    [receipt] = reading.receipts
    assert READER.read(report.content).receipts == (receipt,)  # A mailbox knows no envelope.
    return receipt


@pytest.mark.parametrize(
    ("reader", "code", "enhanced", "reason"),
    [
        ("dead", 550, "5.1.1", "address-dead"),
        ("plain", 550, "5.0.0", "address-dead"),
        ("full", 552, "5.2.2", "mailbox-full"),
        ("policy", 550, "5.7.26", "about-us"),
        ("content", 554, "5.6.0", "content-refused"),
    ],
)
async def test_postfix_bounces_to_the_delivery_and_attempt(
    postfix: Postfix, reader: str, code: int, enhanced: str, reason: str
) -> None:
    """Who refused, with which code, for which attempt; the moment is the report's."""
    address = f"{reader}-{code}@example.org"
    receipt = read(await report_on(postfix, address, PATHS.make("7F00AA", code)))
    assert (receipt.kind, receipt.reference, receipt.attempt) == ("bounced", "7F00AA", code)
    assert (receipt.address, receipt.code, receipt.enhanced, receipt.reason) == (
        address,
        code,
        enhanced,
        reason,
    )
    assert receipt.occurred_at is not None
    assert str(code) in receipt.text


async def test_postfix_reports_that_it_has_passed_a_message_on(postfix: Postfix) -> None:
    """*Relayed* says nothing certain: the next server speaks no DSN."""
    report = await report_on(
        postfix, "somebody@example.org", PATHS.make("7F00AB", 1), rcpt_options=["NOTIFY=SUCCESS"]
    )
    assert b"Action: relayed" in report.content
    assert READER.read(report.content, report.recipients).receipts == ()
