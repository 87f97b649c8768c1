"""What Twilio reports: how a message fared, and that a reader has sent STOP or START.

Reports come in any order, several times, early or never; a receipt's key makes a repeat harmless, whether
Twilio's or that of somebody who listened in. Nothing here raises, whatever comes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.channels.sms.callback_urls import CallbackUrls
from notifier.channels.sms.codes import meaning, status
from notifier.channels.sms.senders import is_e164
from notifier.channels.sms.signature import Form, made_for, with_and_without_port

LARGEST_BODY = 65_536
_MOST_FIELDS = 200
_LONGEST_TARGET = 2_000
_LONGEST_TEXT = 500
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}", re.ASCII)
_CODE = re.compile(r"[0-9]{1,6}", re.ASCII)
_TARGET = re.compile(r"/[!-~]*", re.ASCII)
STOP_WORDS = frozenset(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"))
"""What a reader sends to get no more messages, where Twilio does not classify it itself
(https://help.twilio.com/articles/223134027).
"""
START_WORDS = frozenset(("START", "UNSTOP"))
"""What takes a STOP back, from the same page; not YES, which may answer something else."""
_INBOUND = frozenset(("receiving", "received"))


def parse_form(body: bytes) -> Form | None:
    """Return the fields of a request's body; None for one that is too big or no form in UTF-8."""
    if len(body) > LARGEST_BODY:
        return None
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return None


class Callbacks:
    """Checks and reads reports. ``tokens`` are the auth tokens in force: two while one replaces the other."""

    def __init__(self, urls: CallbackUrls, tokens: Collection[str]) -> None:
        self._urls = urls
        self._bases = with_and_without_port(urls.base)
        self._tokens = tuple(token for token in tokens if token)

    def genuine(self, target: str, form: Form, signature: str) -> bool:
        """Say whether Twilio sent this. ``target`` is the request's path and query as they came.

        The address before it comes from our settings, never from the request's Host header: behind a proxy
        that header may be the proxy's, and anybody can write another.
        """
        if len(target) > _LONGEST_TARGET or not _TARGET.fullmatch(target):
            return False
        return made_for(self._tokens, [base + target for base in self._bases], form, signature)

    def read(self, target: str, form: Form, signature: str) -> Receipt | None:
        """Return what a report says; None where it is not genuine or says nothing to record."""
        return self.said(target, form) if self.genuine(target, form, signature) else None

    def said(self, target: str, form: Form) -> Receipt | None:
        """Return what a report says that was found ``genuine``; None where it says nothing to record."""
        fields = dict(reversed(form))  # The first of several counts.
        sid = fields.get("MessageSid", "")
        if not _SID.fullmatch(sid):
            return None
        name = fields.get("MessageStatus") or fields.get("SmsStatus", "")
        if name.lower() in _INBOUND:
            return _said(sid, fields)
        return self._status(target, sid, name.lower(), fields)

    def _status(self, target: str, sid: str, name: str, fields: dict[str, str]) -> Receipt | None:
        known = status(name)
        if known is None or known.silent:
            return None
        code = int(fields["ErrorCode"]) if _CODE.fullmatch(fields.get("ErrorCode", "")) else 0
        kind, reason = known.receipt, known.reason
        if kind is None:
            kind, reason = ReceiptKind.BOUNCED, meaning(code).reason if code else "unexplained"
        reference, attempt = self._urls.read(target) or ("", 0)
        return Receipt(
            kind,
            # However many stages of its way are reported: that it was taken is one piece of news.
            key=f"{sid}:taken" if known.echo else f"{sid}:{name}:{code}",
            reference=reference,
            attempt=attempt,
            carrier_id=sid,
            address=_number(fields.get("To", "")),
            code=code,
            reason=reason,
            text=f"{name} {fields.get('ErrorMessage', '')}".strip()[:_LONGEST_TEXT],
            echo=known.echo,
        )


def _said(sid: str, fields: dict[str, str]) -> Receipt | None:
    """Return the receipt of a message to us that says STOP or START; any other says nothing to record.

    Where a Messaging Service has Advanced Opt-Out, Twilio classifies the message itself, in every language
    that was set up there.
    """
    address = _number(fields.get("From", ""))
    kind = _meant(fields.get("OptOutType", "").upper(), fields.get("Body", ""))
    if not address or kind is None:
        return None
    # One message is one receipt, whatever somebody who posts it again makes of its words.
    return Receipt(kind, key=f"{sid}:said", carrier_id=sid, address=address, reason=str(kind), channel="sms")


def _meant(classified: str, body: str) -> ReceiptKind | None:
    said = body[:40].strip().strip(".!\"'").upper()
    if classified == "STOP" or (not classified and said in STOP_WORDS):
        return ReceiptKind.STOPPED
    if classified == "START" or (not classified and said in START_WORDS):
        return ReceiptKind.STARTED
    return None


def _number(text: str) -> str:
    return text if is_e164(text) else ""
