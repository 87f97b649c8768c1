"""Complaints: a reader pressed *spam*, and the provider says so, in ARF (RFC 5965) or a form of its own."""

from __future__ import annotations

import re

from notifier.channels.email.inbound.fate import Fate
from notifier.channels.email.inbound.fields import Fields, address_in, moment_in
from notifier.channels.email.inbound.parts import Part
from notifier.channels.receipts import ReceiptKind

FEEDBACK_PART = "message/feedback-report"
# RFC 5965, section 7.3. Not complaints: *not-spam* (RFC 6430) takes one back, *auth-failure* (RFC 6591) is
# about signatures, *opt-out* asks to be left off a list, *other* may be anything.
_COMPLAINTS = {"abuse": "reported-as-spam", "fraud": "reported-as-fraud", "virus": "reported-as-virus"}
_NOT_COMPLAINTS = ("not-spam", "auth-failure", "opt-out", "opt-out-list", "dmarc", "other")
# Microsoft's Junk Mail Reporting Program used to attach the message and say no more; since 2026 it writes ARF
# that names nobody.
_JMRP_SENDER = re.compile(r"\bstaff@(?:hotmail|outlook|live)\.com\b", re.IGNORECASE)
_JMRP_SUBJECT = re.compile(r"^complaint about message from ", re.IGNORECASE)
_JMRP_READER = "x-hmxmroriginalrecipient"


class Feedback:
    """One feedback report: its fields, and the header of the message that it is about."""

    def __init__(self, part: Part, original: Part | None) -> None:
        self.fields = Fields(part.decoded().strip())
        self.kind = self.fields.get("feedback-type").lower().strip()
        self._original = original

    @property
    def understood(self) -> bool:
        """Whether the type of feedback is known."""
        return self.kind in _COMPLAINTS or self.kind in _NOT_COMPLAINTS

    def fate(self, reported_at: str) -> Fate | None:
        """Return the complaint, or nothing if it is something else."""
        if self.kind not in _COMPLAINTS:
            return None
        reader = address_in(self.fields.get("original-rcpt-to")) or address_in(
            self.fields.get("removal-recipient")
        )
        moment = self.fields.get("arrival-date") or self.fields.get("received-date") or reported_at
        return _complaint(reader, self._original, _COMPLAINTS[self.kind], moment)


def jmrp_complaint(message: Part, original: Part | None) -> Fate | None:
    """Return the complaint in a report of Microsoft's own form, or nothing."""
    if original is None or not (
        _JMRP_SENDER.search(message.fields.get("from"))
        and _JMRP_SUBJECT.search(message.fields.get("subject"))
    ):
        return None
    return _complaint("", original, _COMPLAINTS["abuse"], message.fields.get("date"))


def _complaint(reader: str, original: Part | None, reason: str, moment: str) -> Fate:
    """Put it together; where the provider keeps the reader's address to itself, our own To names it."""
    if original and not reader:
        fields = original.fields
        reader = address_in(fields.get(_JMRP_READER)) or address_in(fields.get("to"))
    return Fate(ReceiptKind.COMPLAINED, reader, reason=reason, occurred_at=moment_in(moment))
