"""The SMS channel over Twilio: a sender for each country, limits, and one outcome for each message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from notifier.channels import Envelope, Finding, Outcome, OutcomeKind, ignore
from notifier.channels.circuit import Trouble
from notifier.channels.pace import Limiter, Pace
from notifier.channels.sms.answers import judged, relay, too_late, unknown
from notifier.channels.sms.codes import Meaning
from notifier.channels.sms.health import Health
from notifier.channels.sms.segments import count
from notifier.channels.sms.senders import Sender, Senders, is_e164
from notifier.channels.under_way import UnderWay
from notifier.settings import SmsSettings

if TYPE_CHECKING:
    from notifier.channels.sms.client import Exchange, TwilioApi

LONGEST_TEXT = 1_600
"""Characters that Twilio takes (error 21617)."""
_LONGEST_URL = 2_000
_LONGEST_WAIT = 5.0
"""Seconds that ``send`` waits for its turn; beyond that the message is deferred."""


class TwilioChannel:
    """Hands texts over to Twilio: one message, one HTTP request, never a second.

    ``base_url`` replaces Twilio's address; a drill gives that of its own double, and settings that name no
    account. No connection is opened before the first message.
    """

    name = "sms"

    def __init__(self, settings: SmsSettings, *, base_url: str = "", limiter: Limiter | None = None) -> None:
        self._settings = settings
        self._base_url = base_url
        self._senders = Senders(settings.senders)
        self._health = Health(limiter or Pace(self._senders.rates))
        self._api: TwilioApi | None = None
        self._places = asyncio.Semaphore(settings.max_connections)
        self._under_way = UnderWay()

    async def __aenter__(self) -> Self:
        """Load Twilio's client, in a thread: its import takes a good part of a second."""
        client = await asyncio.to_thread(import_module, "notifier.channels.sms.client")
        self._api = client.TwilioApi(self._settings, self._base_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the hand-overs under way end, then close the connections."""
        await self._under_way.wait()
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    def usable(self) -> bool:
        """Say whether Twilio may be used now, or may be tried again."""
        return self._api is not None and not self._health.remaining

    def troubles(self) -> Sequence[Trouble]:
        """List what cannot be used at present: Twilio, or a sender to a country."""
        return self._health.troubles()

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        """List what cannot be carried: a wrong number, no sender for it, an odd or too long text."""
        return self._inspect(envelope)[1]

    def _inspect(self, envelope: Envelope) -> tuple[_Text, Sequence[Finding]]:
        """Return what is to be handed over, and what stands against it."""
        findings = []
        text, segments, sender = "", 0, None
        if not is_e164(envelope.recipient):
            findings.append(Finding("address-invalid", "The number is not in E.164."))
        elif (sender := self._senders.choose(envelope.recipient)) is None:
            findings.append(Finding("no-sender", "No sender is set up for the country of this number."))
        try:
            text = envelope.content.decode()
        except UnicodeDecodeError:
            findings.append(Finding("text-invalid", "The text is not UTF-8."))
        else:
            segments = count(text).segments
            findings += _of_text(text, segments, self._settings.segments_most)
        if not _is_url(envelope.return_path):
            findings.append(Finding("callback-invalid", "The status callback is no URL."))
        return _Text(envelope, text, segments, sender or Sender("", "")), findings

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        """Hand over once."""
        text, findings = self._inspect(envelope)
        if findings:
            outcome = Outcome(
                OutcomeKind.REJECTED, text=findings[0].detail, reason=findings[0].code, handed_over=False
            )
            settled(outcome)
            return outcome
        if self._api is None:
            raise RuntimeError("the SMS channel is not open")
        with self._under_way:
            held = self._health.held(text.sender) or await self._health.turn(
                text.sender, text.segments, _patience(envelope)
            )
            if held is None:
                async with self._places:
                    return await self._hand_over(self._api, text, settled)
            settled(held)
            return held

    async def _hand_over(self, api: TwilioApi, text: _Text, settled: Callable[[Outcome], None]) -> Outcome:
        """Make the one request, unless it must not begin any more; ``settled`` hears of it at once."""
        if held := _stale(text) or self._health.held(text.sender):
            settled(held)
            return held
        exchange = api.begin()
        try:
            outcome, means = await self._request(api, exchange, text)
        except asyncio.CancelledError:
            if exchange.begun:
                settled(unknown(relay(text.sender), "cancelled", "Cancelled before the answer came."))
            raise
        settled(outcome)
        if exchange.http:
            self._health.answered(text.sender, outcome, means)
        return outcome

    async def _request(
        self, api: TwilioApi, exchange: Exchange, text: _Text
    ) -> tuple[Outcome, Meaning | None]:
        number, callback = text.envelope.recipient, text.envelope.return_path
        try:
            async with asyncio.timeout(self._settings.timeout):
                answer = await api.create(
                    exchange, text.sender, number, text.text, callback, within=text.envelope.arrives_within
                )
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the message may have left
            # The client's texts may quote the request; the kind of the error says enough.
            what = type(error).__name__
            if not exchange.begun:
                return self._health.unreachable(text.sender, what), None
            reason = "bad-reply" if exchange.http else "no-answer"
            return unknown(relay(text.sender), reason, f"No answer could be read: {what}."), None
        return judged(relay(text.sender), answer)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text on its way, and whom it comes from."""

    envelope: Envelope
    text: str
    segments: int
    sender: Sender


def _patience(envelope: Envelope) -> float:
    if envelope.not_after is None:
        return _LONGEST_WAIT
    return max(0.0, min(_LONGEST_WAIT, envelope.not_after - asyncio.get_running_loop().time()))


def _stale(text: _Text) -> Outcome | None:
    """Return the outcome of a hand-over that must not begin any more: withdrawn, or past its time."""
    envelope = text.envelope
    late = envelope.not_after is not None and asyncio.get_running_loop().time() > envelope.not_after
    if late or (envelope.withdrawn is not None and envelope.withdrawn()):
        return too_late(relay(text.sender))
    return None


def _of_text(text: str, segments: int, most: int) -> list[Finding]:
    findings = []
    if not text.strip():
        findings.append(Finding("text-empty", "There is no text."))
    if any(char < " " and char != "\n" for char in text) or "\x7f" in text:
        findings.append(Finding("stray-control", "The text holds a control character."))
    if segments > most or len(text) > LONGEST_TEXT:
        findings.append(Finding("text-too-long", f"The text takes more than {most} segments."))
    return findings


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL
    return plain and parts.scheme in ("https", "http") and bool(parts.hostname)
