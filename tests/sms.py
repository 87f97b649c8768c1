"""What tests of text messages share: settings, envelopes, the channel over a double, a server for reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from notifier.channels import Envelope
from notifier.channels.pace import Limiter
from notifier.channels.sms.double import ACCOUNT, AUTH_TOKEN, TwilioDouble
from notifier.channels.sms.double_http import HOST, Handler, serve
from notifier.channels.sms.double_scripts import SENDER, Script
from notifier.channels.sms.twilio import TwilioChannel
from notifier.settings import SmsSenderSettings, SmsSettings

BASE = "https://notify.example.com"
CALLBACK = f"{BASE}/sms/status/x-1-abc"
NUMBER = "+14155550100"
SERVICE = "MG" + "a" * 32


def sender(sender: str = SENDER, country: str = "*", **more: Any) -> SmsSenderSettings:
    """Return the settings of one sender."""
    return SmsSenderSettings(sender=sender, country=country, **more)


def settings(*senders: SmsSenderSettings, **more: Any) -> SmsSettings:
    """Return settings that sign in at a double."""
    given = {"account_sid": ACCOUNT, "auth_token": SecretStr(AUTH_TOKEN), "timeout": 5, **more}
    return SmsSettings(provider="twilio", senders=senders or (sender(),), **given)


def envelope(number: str = NUMBER, text: str = "Hello", callback: str = CALLBACK, **more: Any) -> Envelope:
    """Return an envelope to one number."""
    return Envelope(number, callback, text.encode(), **more)


class Unlimited:
    """A limiter that lets everything pass and notes whom it was told to slow."""

    def __init__(self) -> None:
        self.slowed: list[str] = []

    async def permit(self, _keys: Sequence[str], _longest: float, _cost: int = 1) -> float:
        """Let it pass."""
        return 0

    def slow(self, key: str, *, pause: float | None = None, rate: float = 0) -> None:
        """Note it."""
        self.slowed.append(key)


@asynccontextmanager
async def over_double(
    *scripts: Script,
    senders: Sequence[SmsSenderSettings] = (),
    limiter: Limiter | None = None,
    **more: Any,
) -> AsyncIterator[tuple[TwilioChannel, TwilioDouble]]:
    """Yield a channel and the double that it hands over to."""
    async with TwilioDouble(scripts=scripts, keep=True) as double:
        made = TwilioChannel(settings(*senders, **more), base_url=double.base_url, limiter=limiter)
        async with made as channel:
            yield channel, double


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[int]:
    """Yield the port of a small HTTP server on the loopback address."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(handler, reader, writer)

    running = await asyncio.start_server(connected, HOST, 0)
    async with running:
        yield int(running.sockets[0].getsockname()[1])
