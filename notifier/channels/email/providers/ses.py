"""Amazon SES, reporting through Amazon SNS; the knowledge about its codes is in ``ses.toml``.

SES puts a Message-ID of its own into what it sends. A report is about the hand-over whose return path it
names as the message's source; where that is not ours, it is matched by SES's own id of the message, which
is what it answered to the hand-over.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from notifier.channels.email.providers import Delivered, Refusal, sns
from notifier.channels.email.providers.fields import (
    Json,
    Words,
    identifier,
    moment,
    parse,
    part,
    parts,
    receipt_key,
    text,
    texts,
)
from notifier.channels.email.providers.sns import SnsMessages
from notifier.channels.email.return_path import ReturnPaths
from notifier.channels.receipts import Receipt, ReceiptKind

_MOST_BYTES = 524_288  # SNS carries 256 KiB, before JSON escapes it.
_SUPPRESSED = "OnAccountSuppressionList"


@cache
def _table() -> dict[str, dict[tuple[str, str], Mapping[str, Any]]]:
    data = tomllib.loads(files(__package__).joinpath("ses.toml").read_text(encoding="utf-8"))
    return {name: {(row["type"], row.get("subtype", "")): row for row in rows} for name, rows in data.items()}


@dataclass(frozen=True, slots=True)
class _Mail:
    """The message a report is about."""

    reference: str
    attempt: int
    carrier_id: str
    destination: str
    identity: str
    """What it is told apart by: SES's id of the message, or else that of the report itself."""


class AmazonSes:
    """Reads notifications and published events, in SNS messages whose origin ``messages`` checks."""

    name = "ses"

    def __init__(self, messages: SnsMessages, return_paths: ReturnPaths) -> None:
        self._messages, self._return_paths = messages, return_paths

    async def read(self, headers: Mapping[str, str], body: bytes) -> Delivered:  # noqa: ARG002 - the body is signed
        """Return what an SNS message brings; a subscription to one of our topics is confirmed."""
        if len(body) > _MOST_BYTES:
            return Delivered(refusal=Refusal.TOO_BIG)
        message = parse(body)
        refusal = Refusal.MALFORMED if message is None else await self._messages.check(message)
        if message is None or refusal is not None:
            return Delivered(refusal=refusal)
        match message["Type"]:
            case sns.NOTIFICATION:
                # What is no JSON is no report: SNS's own test of a topic, for instance.
                event = parse(message["Message"]) or {}
                return Delivered(tuple(self._receipts(event, message["MessageId"])))
            case sns.SUBSCRIPTION:
                refusal = await self._messages.confirm(message)
                return Delivered(refusal=refusal, note="" if refusal else "subscription confirmed")
            case _:
                # Its link would subscribe again: that is for a person to decide.
                return Delivered(note="subscription ended")

    def _receipts(self, event: Json, message_id: str) -> Iterator[Receipt]:
        mail = self._mail(part(event, "mail"), message_id)
        match text(event, "eventType") or text(event, "notificationType"):
            case "Bounce":
                yield from _bounced(part(event, "bounce"), mail)
            case "Complaint":
                yield from _complained(part(event, "complaint"), mail)
            case "Delivery":
                yield from _delivered(part(event, "delivery"), mail)
            case "DeliveryDelay":
                yield from _delayed(part(event, "deliveryDelay"), mail)
            case "Reject":
                yield from _rejected(part(event, "reject"), mail)
            case _:
                return  # Send, Open, Click, Subscription and others say nothing about arrival.

    def _mail(self, mail: Json, message_id: str) -> _Mail:
        source = text(mail, "source", 400)
        bracketed = source.rpartition("<")[2].partition(">")[0]  # "Name <address>" or the address alone.
        known = self._return_paths.read(bracketed if "<" in source else source)
        reference, attempt = known or ("", 0)
        destination = texts(mail, "destination")
        only = destination[0] if len(destination) == 1 else ""
        carrier_id = identifier(mail, "messageId")
        return _Mail(reference, attempt, carrier_id, only[:320], carrier_id or message_id)


def _receipt(kind: str, mail: _Mail, *identity: str, address: str = "", **more: Any) -> Receipt:
    return Receipt(
        ReceiptKind(kind),
        receipt_key("ses", kind, mail.identity, *identity),
        reference=mail.reference,
        attempt=mail.attempt,
        carrier_id=mail.carrier_id,
        address=address or mail.destination,
        **more,
    )


def _words(recipient: Json) -> Words:
    return Words(
        text(recipient, "diagnosticCode").removeprefix("smtp;").strip(), text(recipient, "status", 12)
    )


def _bounced(bounce: Json, mail: _Mail) -> Iterator[Receipt]:
    table = _table()["bounce"]
    rule = table.get((text(bounce, "bounceType"), text(bounce, "bounceSubType"))) or table["*", "*"]
    for number, recipient in enumerate(parts(bounce, "bouncedRecipients")):
        words = _words(recipient)
        decides = words.about_us or (rule.get("general") and words.reason)
        yield _receipt(
            rule["kind"],
            mail,
            identifier(bounce, "feedbackId"),
            str(number),
            address=text(recipient, "emailAddress", 320),
            occurred_at=moment(bounce, "timestamp"),
            code=words.code,
            enhanced=words.enhanced,
            reason=words.reason if decides else rule["reason"],
            text=words.text,
        )


def _complained(complaint: Json, mail: _Mail) -> Iterator[Receipt]:
    table = _table()["complaint"]
    rule = table.get((text(complaint, "complaintFeedbackType"), "")) or table["*", ""]
    kind, reason = rule["kind"], ""
    if text(complaint, "complaintSubType") == _SUPPRESSED:
        kind, reason = "bounced", "carrier-suppressed"  # SES did not try; the complaint is an older one.
    if kind == "ignored":
        return
    for number, recipient in enumerate(parts(complaint, "complainedRecipients")):
        yield _receipt(
            kind,
            mail,
            identifier(complaint, "feedbackId"),
            str(number),
            address=text(recipient, "emailAddress", 320),
            occurred_at=moment(complaint, "timestamp"),
            reason=reason,
        )


def _delivered(delivery: Json, mail: _Mail) -> Iterator[Receipt]:
    words = Words(text(delivery, "smtpResponse"))
    for number, address in enumerate(texts(delivery, "recipients")):
        yield _receipt(
            "delivered",
            mail,
            str(number),
            address=address[:320],
            occurred_at=moment(delivery, "timestamp"),
            code=words.code,
            enhanced=words.enhanced,
            text=words.text,
        )


def _delayed(delay: Json, mail: _Mail) -> Iterator[Receipt]:
    table = _table()["delay"]
    rule = table.get((text(delay, "delayType"), "")) or table["*", ""]
    for number, recipient in enumerate(parts(delay, "delayedRecipients")):
        words = _words(recipient)
        yield _receipt(
            "delayed",
            mail,
            text(delay, "timestamp", 40),
            str(number),
            address=text(recipient, "emailAddress", 320),
            occurred_at=moment(delay, "timestamp"),
            code=words.code,
            enhanced=words.enhanced,
            reason=words.reason or rule["reason"],
            text=words.text,
        )


def _rejected(reject: Json, mail: _Mail) -> Iterator[Receipt]:
    yield _receipt("bounced", mail, "reject", reason="content-refused", text=text(reject, "reason"))
