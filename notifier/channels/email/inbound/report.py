"""A message that came back, taken apart: what kind of report it is and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from notifier.channels.email.inbound.automatic import DISPOSITION_PART, Disposition, is_automatic, is_bulk
from notifier.channels.email.inbound.fate import Fate
from notifier.channels.email.inbound.feedback import FEEDBACK_PART, Feedback, jmrp_complaint
from notifier.channels.email.inbound.fields import address_in, moment_in, readable_words
from notifier.channels.email.inbound.notice import Notice
from notifier.channels.email.inbound.parts import Part, attached, leaves
from notifier.channels.email.inbound.prose import fates_in_prose, sent_by_a_server, titled_as_a_bounce
from notifier.channels.email.inbound.status import STATUS_PARTS, Status
from notifier.channels.receipts import ReceiptKind

Kind = Literal["bounce", "complaint", "auto-reply", "other"]
_REJECTED_BY_PROGRAM = re.compile(r"automatically rejected", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """What a message says. ``places`` are where a signature of ours may stand, the likeliest first."""

    kind: Kind
    fates: Sequence[Fate] = ()
    places: Sequence[bytes] = ()
    understood: bool = True
    addressed_to: str = ""
    """Whom the returned message was addressed to, by its own To."""


def taken_apart(message: Part, content: bytes) -> Report:
    """Take a message apart; ``content`` is all of it, for those who can read it only as a whole."""
    parts = leaves(message)
    returned = _returned(parts)
    first = {part.kind: part for part in reversed(parts)}
    status = next((first[kind] for kind in STATUS_PARTS if kind in first), None)
    if status:
        return _of_status(message, status, parts, returned) or _in_prose(message, content, parts, True)
    if FEEDBACK_PART in first:
        return _of_feedback(message, first[FEEDBACK_PART], returned)
    if DISPOSITION_PART in first:
        return _of_disposition(message, first[DISPOSITION_PART], content, parts)
    if complaint := jmrp_complaint(message, returned):
        return Report("complaint", [complaint], _places(b"", returned))
    return _unstructured(message, content, parts, returned)


def _unstructured(message: Part, content: bytes, parts: Sequence[Part], returned: Part | None) -> Report:
    """Tell bounces for people from automatic answers and from people's mail.

    A subject alone makes no bounce of an automatic answer: it may repeat the subject of our notice.
    """
    by_server = sent_by_a_server(message)
    if is_automatic(message.fields) and not by_server:
        return Report("auto-reply")
    titled = titled_as_a_bounce(message)
    marked = by_server or titled
    if marked and returned and any(part.kind in STATUS_PARTS for part in leaves(returned)):
        return taken_apart(returned, content)  # A filter on the way has wrapped the report up.
    if not marked and ("in-reply-to" in message.fields or "references" in message.fields):
        return Report("auto-reply" if is_bulk(message.fields) else "other")
    by_nobody = titled and message.fields.get("return-path") == "<>"
    report = _in_prose(message, content, parts, by_server or by_nobody)
    return replace(report, kind="bounce", understood=False) if marked and not report.fates else report


def _of_status(message: Part, part: Part, parts: Sequence[Part], returned: Part | None) -> Report | None:
    """Read a delivery status notification; None if it has no block for any recipient."""
    status = Status(part)
    if not status.recipients:
        return None
    notice = Notice(parts, readable_words(message.fields.get("subject")))
    fates = status.fates(notice, message.fields.get("date"))
    fields = b"\n".join((status.message, *(one.raw for one in status.recipients)))
    return Report("bounce", fates, _places(fields, returned), status.understood, _addressed_to(returned))


def _of_feedback(message: Part, part: Part, returned: Part | None) -> Report:
    feedback = Feedback(part, returned)
    fate = feedback.fate(message.fields.get("date"))
    if fate is None:
        return Report("other", understood=feedback.understood)
    return Report("complaint", [fate], _places(feedback.fields.raw, returned))


def _of_disposition(message: Part, part: Part, content: bytes, parts: Sequence[Part]) -> Report:
    """Read a read receipt. Some programs refuse mail in this form, which is a bounce all the same."""
    disposition = Disposition(part)
    if disposition.displayed:
        moment = moment_in(message.fields.get("date"))
        final, original = address_in(disposition.final), address_in(disposition.original)
        fate = Fate(ReceiptKind.DISPLAYED, final, original, occurred_at=moment)
        return Report("auto-reply", [fate], _places(disposition.fields.raw, None))
    if _REJECTED_BY_PROGRAM.search(Notice(parts).text):
        return _in_prose(message, content, parts, marked=True)
    return Report("auto-reply")


def _in_prose(message: Part, content: bytes, parts: Sequence[Part], marked: bool) -> Report:
    returned = _returned(parts)
    notice = Notice(parts, readable_words(message.fields.get("subject")))
    fates = fates_in_prose(content, notice, moment_in(message.fields.get("date")), marked)
    if fates:
        return Report("bounce", fates, _places(b"", returned), addressed_to=_addressed_to(returned))
    if marked:
        return Report("bounce", understood=False)
    return Report("auto-reply" if is_bulk(message.fields) else "other")


def _places(fields: bytes, returned: Part | None) -> Sequence[bytes]:
    return (fields, returned.fields.raw if returned else b"")


def _returned(parts: Sequence[Part]) -> Part | None:
    return next((found for part in parts if (found := attached(part))), None)


def _addressed_to(returned: Part | None) -> str:
    return address_in(returned.fields.get("to")) if returned else ""
