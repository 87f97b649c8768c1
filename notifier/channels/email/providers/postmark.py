"""Postmark; the knowledge about its codes is in ``postmark.toml``.

Postmark uses an envelope sender of its own, so our return path does not come back. What does is metadata: a
field ``X-PM-Metadata-…`` of the message becomes a value in each report about it, and is taken out before the
message goes on; a name has at most 20 characters, a value 80. Ours is the return path's local part, which
proves itself. Source: https://postmarkapp.com/support/article/1125-custom-metadata-faq
"""

from __future__ import annotations

import binascii
import hmac
import tomllib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from notifier.channels.email.providers import Delivered, Refusal
from notifier.channels.email.providers.fields import (
    Json,
    Words,
    identifier,
    moment,
    parse,
    part,
    receipt_key,
    text,
)
from notifier.channels.email.return_path import ReturnPaths
from notifier.channels.receipts import Receipt, ReceiptKind

SECRET_FIELD = "x-notifier-secret"  # noqa: S105 - the field's name
_METADATA = "notifier-attempt"
"""Its header field is ``X-PM-Metadata-notifier-attempt``: the setting ``email.report_field``."""
_MOST_BYTES = 2_097_152  # A report may hold the whole bounce.


@cache
def _table() -> dict[str, dict[str, Mapping[str, Any]]]:
    data = tomllib.loads(files(__package__).joinpath("postmark.toml").read_text(encoding="utf-8"))
    return {name: {row["type"]: row for row in rows} for name, rows in data.items()}


class Postmark:
    """Reads Postmark's webhooks. With a ``user``, they sign in by HTTP Basic authentication; without one,
    ``password`` comes in the field ``X-Notifier-Secret``. Without a password everything is refused.
    """

    name = "postmark"

    def __init__(self, return_paths: ReturnPaths, *, user: str, password: str) -> None:
        self._return_paths, self._user, self._password = return_paths, user, password

    async def read(self, headers: Mapping[str, str], body: bytes) -> Delivered:
        """Return what a webhook brings."""
        if not self._genuine({name.lower(): value for name, value in headers.items()}):
            return Delivered(refusal=Refusal.NOT_AUTHENTIC)
        if len(body) > _MOST_BYTES:
            return Delivered(refusal=Refusal.TOO_BIG)
        event = parse(body)
        if event is None:
            return Delivered(refusal=Refusal.MALFORMED)
        # Each report names its message; one that did not would be known again by its bytes alone.
        message = identifier(event, "MessageID") or receipt_key(body.decode("latin-1"))
        return Delivered(tuple(self._receipts(event, message)))

    def _genuine(self, headers: Mapping[str, str]) -> bool:
        said = headers.get(SECRET_FIELD, "").encode("utf-8", "replace")
        expected = self._password.encode()
        if self._user:
            expected = f"{self._user}:{self._password}".encode()
            scheme, _, encoded = headers.get("authorization", "").partition(" ")
            try:
                said = b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
            except (binascii.Error, ValueError):
                said = b""
        # compare_digest takes the same time wherever the two differ.
        return hmac.compare_digest(said, expected) and bool(self._password)

    def _receipts(self, event: Json, message: str) -> Iterator[Receipt]:
        match text(event, "RecordType"):
            case "Bounce" | "SpamComplaint":
                yield from self._bounced(event, message)
            case "Delivery":
                said = Words(text(event, "Details"))
                key = ("delivery", message, text(event, "DeliveredAt", 40))
                yield self._receipt("delivered", event, "DeliveredAt", key, words=said)
            case "SubscriptionChange":
                yield from self._suppressed(event)
            case _:
                return  # Open, Click and others say nothing about arrival.

    def _bounced(self, event: Json, message: str) -> Iterator[Receipt]:
        table = _table()["bounce"]
        rule = table.get(text(event, "Type")) or table["*"]
        if text(event, "RecordType") == "SpamComplaint":
            rule = table["SpamComplaint"]
        if rule["kind"] == "ignored":
            return
        words = Words(text(event, "Details") or text(event, "Description"))
        decides = words.about_us or (rule.get("general") and words.reason)
        key = ("bounce", message, identifier(event, "ID"))
        yield self._receipt(
            rule["kind"],
            event,
            "BouncedAt",
            key,
            words=words,
            reason=words.reason if decides and rule["reason"] else rule["reason"],
        )

    def _suppressed(self, event: Json) -> Iterator[Receipt]:
        table = _table()["suppression"]
        rule = table.get(text(event, "SuppressionReason")) or table["*"]
        message = identifier(event, "MessageID")  # None where nobody's message was the reason.
        if event.get("SuppressSending") is not True or not message or rule["kind"] == "ignored":
            return
        key = ("suppression", message, text(event, "ChangedAt", 40))
        yield self._receipt(rule["kind"], event, "ChangedAt", key, reason=rule["reason"])

    def _receipt(
        self,
        kind: str,
        event: Json,
        when: str,
        key: tuple[str, ...],
        *,
        words: Words | None = None,
        reason: str = "",
    ) -> Receipt:
        # Names of metadata come back in whatever case they were sent in.
        metadata = {name.lower(): value for name, value in part(event, "Metadata").items()}
        reference, attempt = self._return_paths.read_token(text(metadata, _METADATA, 80)) or ("", 0)
        return Receipt(
            ReceiptKind(kind),
            receipt_key(self.name, *key),
            reference=reference,
            attempt=attempt,
            carrier_id=identifier(event, "MessageID"),
            address=text(event, "Email", 320) or text(event, "Recipient", 320),
            occurred_at=moment(event, when),
            code=words.code if words else 0,
            enhanced=words.enhanced if words else "",
            reason=reason,
            text=words.text if words else "",
        )
