"""From a hand-over to its receipt: the double reports, over HTTP, to whoever listens on this machine."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifier.channels import OutcomeKind
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.channels.sms import Callbacks, CallbackUrls, parse_form
from notifier.channels.sms.double import AUTH_TOKEN, TwilioDouble
from notifier.channels.sms.double_http import Request, Response
from notifier.channels.sms.double_scripts import Script
from notifier.channels.sms.drill import DrillSmsChannel
from notifier.channels.sms.signature import HEADER
from notifier.channels.sms.twilio import TwilioChannel
from notifier.keys import Keys
from tests.sms import BASE, NUMBER, envelope, server, settings

REFERENCE = "3F9A02BC77D1E04B"


class Inlet:
    """What a web server does with reports, and nothing else."""

    def __init__(self, keys: Keys, tokens=(AUTH_TOKEN,)) -> None:
        self.urls = CallbackUrls(keys, BASE)
        self._callbacks = Callbacks(self.urls, tokens)
        self.receipts: list[Receipt | None] = []
        self.hosts: set[str] = set()
        self.port = 0

    async def __call__(self, request: Request) -> Response:
        """Answer a report as the web server would, and keep what it says."""
        form = parse_form(request.body)
        signature = request.headers.get(HEADER.lower(), "")
        if form is None or not self._callbacks.genuine(request.target, form, signature):
            return Response(403)
        self.hosts.add(request.headers["host"])
        self.receipts.append(self._callbacks.read(request.target, form, signature))
        return Response(204)


@pytest.fixture
async def inlet(keys: Keys) -> AsyncIterator[Inlet]:
    made = Inlet(keys)
    async with server(made) as made.port:
        yield made


async def test_a_drill_goes_from_hand_over_to_receipt(inlet: Inlet) -> None:
    """Reports have the public address in what was signed, and come to this machine all the same."""
    async with DrillSmsChannel(callback_port=inlet.port) as channel:
        outcome = await channel.send(envelope(callback=inlet.urls.make(REFERENCE, 2)))
        await channel.double.reported()
        assert channel.double.answers == {204: 2}
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert [(one.kind, one.reference, one.attempt) for one in inlet.receipts] == [
        (ReceiptKind.ACCEPTED, REFERENCE, 2),
        (ReceiptKind.DELIVERED, REFERENCE, 2),
    ]
    assert inlet.receipts[1].carrier_id in outcome.text
    assert inlet.hosts == {"notify.example.com"}


async def test_a_report_heals_a_lost_answer(inlet: Inlet) -> None:
    """The outcome is unknown, and what is reported names the very attempt."""
    scripts = [Script("*", lose="answer", reports=(("undelivered", 30005),))]
    async with DrillSmsChannel(callback_port=inlet.port, scripts=scripts) as channel:
        outcome = await channel.send(envelope(callback=inlet.urls.make(REFERENCE, 1)))
        await channel.double.reported()
    (receipt,) = inlet.receipts
    assert outcome.kind is OutcomeKind.UNKNOWN
    assert (receipt.kind, receipt.reason, receipt.reference) == (
        ReceiptKind.BOUNCED,
        "address-dead",
        REFERENCE,
    )


async def test_a_stop_comes_in_and_later_messages_are_refused(inlet: Inlet) -> None:
    """As at Twilio: 21610 until the reader sends START."""
    async with DrillSmsChannel(callback_port=inlet.port) as channel:
        await channel.double.inbound(BASE, NUMBER, "Stop")
        outcome = await channel.send(envelope())
    (receipt,) = inlet.receipts
    assert (receipt.kind, receipt.address) == (ReceiptKind.STOPPED, NUMBER)
    assert (outcome.kind, outcome.code, outcome.reason) == (OutcomeKind.REJECTED, 21610, "stopped")


async def test_reports_signed_with_another_token_are_turned_away(inlet: Inlet) -> None:
    """The inlet answers 403 and records nothing."""
    async with DrillSmsChannel(callback_port=inlet.port, auth_token="another") as channel:
        await channel.send(envelope(callback=inlet.urls.make(REFERENCE, 1)))
        await channel.double.reported()
        assert channel.double.answers == {403: 2}
    assert inlet.receipts == []


async def test_a_drill_reaches_its_own_double_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection that it opens goes to the loopback address, whatever the callback names."""
    loop, opened = asyncio.get_running_loop(), []
    real = loop.sock_connect

    async def noting(sock, address) -> None:
        opened.append(address[0])
        await real(sock, address)

    monkeypatch.setattr(loop, "sock_connect", noting)
    async with DrillSmsChannel(keep=True) as channel:
        assert channel.usable()
        assert channel.check(envelope()) == []
        await channel.send(envelope(callback="https://customer.example.com/sms/status/x"))
        await channel.double.reported()
        (taken,), reports = channel.double.taken, channel.double.reports
    assert set(opened) == {"127.0.0.1"}
    assert taken.number == NUMBER
    assert len(reports) == 2


async def test_a_drill_that_is_not_open_sends_nothing() -> None:
    """It still says what it could not carry."""
    channel = DrillSmsChannel()
    assert not channel.usable()
    assert [one.code for one in channel.check(envelope("x"))] == ["address-invalid"]
    with pytest.raises(RuntimeError):
        await channel.send(envelope())


async def test_each_message_is_noted_before_it_is_answered(tmp_path: Path) -> None:
    """As a process of its own the double leaves a line for every message that it took."""
    log = tmp_path / "taken.jsonl"
    arguments = ("-m", "notifier.channels.sms.double", "--log", str(log))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    address = (await process.stdout.readline()).decode().strip()
    async with TwilioChannel(settings(), base_url=f"http://{address}") as channel:
        outcomes = [await channel.send(envelope(f"+1415555010{place}")) for place in range(3)]
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    noted = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["sid"] for one in noted] == [one.text.split()[0] for one in outcomes]


async def test_the_double_takes_nothing_that_twilio_would_not() -> None:
    """A wrong login, another account's path, bytes that are no HTTP: answered or cut, never a crash."""
    async with TwilioDouble() as double:
        for sent in (
            b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"x" * 99_999,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", double.port)
            writer.write(sent)
            writer.write_eof()
            assert not await reader.read() or sent.startswith(b"GET")
            writer.close()
        async with TwilioChannel(settings(account_sid="AC" + "9" * 32), base_url=double.base_url) as channel:
            assert (await channel.send(envelope())).code == 20003
