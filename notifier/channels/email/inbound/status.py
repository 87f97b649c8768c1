"""Delivery status notifications (RFC 3464), those with addresses in UTF-8 too (RFC 6533)."""

from __future__ import annotations

import re

from notifier.channels.email.inbound.fate import Fate
from notifier.channels.email.inbound.fields import Fields, address_in, moment_in
from notifier.channels.email.inbound.meaning import meaning_of, status_in
from notifier.channels.email.inbound.notice import Notice
from notifier.channels.email.inbound.parts import Part
from notifier.channels.email.replies import Report
from notifier.channels.receipts import ReceiptKind

STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")
_MOST_BLOCKS = 24
_LONGEST = 65_536
_GAP = re.compile(rb"\n(?:[ \t]*\n)+")
_TYPE = re.compile(r"^[\w.-]{1,40}\s{0,8};\s*", re.ASCII)
_COMMENT = re.compile(r"\(([^()]{1,500})\)")

# RFC 3464, section 2.3.3, by the first letters: some write "failure", or a comment behind the word.
_ACTIONS: dict[str, tuple[ReceiptKind, Report]] = {
    "fail": (ReceiptKind.BOUNCED, "failure"),
    "erro": (ReceiptKind.BOUNCED, "failure"),  # OpenSMTPD.
    "dela": (ReceiptKind.DELAYED, "delay"),
    "deli": (ReceiptKind.DELIVERED, "delay"),
}
# *relayed* and *expanded*: the message has gone where nobody reports back from, or to several others at
# once; neither is known to have reached the reader.
_UNCERTAIN = ("rela", "expa")


class Status:
    """The fields of one notification: what holds for the message, and for each recipient."""

    def __init__(self, part: Part) -> None:
        blocks = _GAP.split(part.decoded()[:_LONGEST].strip(), maxsplit=_MOST_BLOCKS)[:_MOST_BLOCKS]
        fields = [Fields(block) for block in blocks]
        self.recipients = [one for one in fields if "final-recipient" in one or "action" in one]
        self.message = b"\n".join(one.raw for one in fields if one not in self.recipients)

    @property
    def understood(self) -> bool:
        """Whether each recipient's action is one that is known."""
        return all(_action(one) in (*_ACTIONS, *_UNCERTAIN) for one in self.recipients)

    def fates(self, notice: Notice, reported_at: str) -> list[Fate]:
        """Return what each recipient's block says, without those that say nothing certain.

        ``notice`` is the report's text for people, asked where the fields give no reason; ``reported_at``
        is the report's own date.
        """
        return [fate for one in self.recipients if (fate := _fate(one, notice, reported_at))]


def _fate(fields: Fields, notice: Notice, reported_at: str) -> Fate | None:
    known = _ACTIONS.get(_action(fields))
    if known is None:
        return None
    kind, report = known
    final, original = _address(fields, "final-recipient"), _address(fields, "original-recipient")
    if not final and not original:
        final = _address(fields, "x-actual-recipient")
    occurred_at = moment_in(fields.get("last-attempt-date")) or moment_in(reported_at)
    status = fields.get("status")
    if kind is ReceiptKind.DELIVERED:
        return Fate(kind, final, original, enhanced=status_in(status), occurred_at=occurred_at)
    text = _TYPE.sub("", fields.get("diagnostic-code")) or _said_aside(status)
    meaning = meaning_of(report, text, status)
    if meaning.vague or meaning.reason == "given-up":
        told, words = notice.meaning(report, (final, original), status)
        if not told.vague:
            meaning, text = told, text or words
    return Fate(kind, final, original, *meaning, text, occurred_at)


def _action(fields: Fields) -> str:
    return fields.get("action").lower()[:4]


def _address(fields: Fields, name: str) -> str:
    value = fields.get(name)
    kind = value.partition(";")[0].strip().lower()
    return "" if kind in ("x400", "unknown") else address_in(value)


def _said_aside(status: str) -> str:
    """Return what stands beside a status code, as in ``5.0.0 (recipient reached disk quota)``."""
    found = _COMMENT.search(status)
    return found[1] if found else status.lstrip("0123456789. ")
