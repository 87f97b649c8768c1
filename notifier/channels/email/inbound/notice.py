"""What a report says to people: its first text, up to the copy of the message that it returns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from html import unescape

from notifier.channels.email.inbound.fields import printable
from notifier.channels.email.inbound.meaning import Meaning, meaning_of
from notifier.channels.email.inbound.parts import Part
from notifier.channels.email.replies import Report

_KINDS = ("text/plain", "text/html")
_LONGEST = 16_384
_LONGEST_JUDGED = 1_500
_LONGEST_PASSAGE = 800
_TAG = re.compile(r"<(?:br|/p|/div|/tr|/h\d)[^<>]{0,200}>", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-zA-Z!][^<>@]{0,200}>")
_COPY = re.compile(
    r"^[^\w\n]{0,40}(?:(?:your |the |start of )?(?:original|returned|unsent|forwarded|old) (?:message|mail)"
    r"|below (?:this|the next) line|(?:this|here|included) is a copy|a copy of (?:your|the)"
    r"|message (?:headers?|text|body)\b|the (?:first|header)|a summary of the undelivered|return-path:"
    r"|received:|your message reads)",
    re.IGNORECASE | re.MULTILINE,
)


class Notice:
    """The explanation in a report; it is looked for only when it is asked for."""

    def __init__(self, parts: Sequence[Part], subject: str = "") -> None:
        self._parts = parts
        self._known: dict[tuple[Report, str, str], Meaning] = {}
        self.subject = subject

    @cached_property
    def text(self) -> str:
        """What it says, without markup."""
        part = next(
            (one for kind in _KINDS for one in self._parts if one.kind == kind and one.body.strip()), None
        )
        text = part.text()[:_LONGEST] if part else ""
        if text.lstrip()[:1] == "<" and "</" in text:  # Some say that it is plain.
            text = unescape(_MARKUP.sub("", _TAG.sub("\n", text)))
        found = _COPY.search(text)
        return text[: found.start()] if found and text[: found.start()].strip() else text

    def meaning(self, report: Report, addresses: Sequence[str], status: str = "") -> tuple[Meaning, str]:
        """Return what it says of one recipient, known by any of ``addresses``, and in what words.

        What stands behind the address counts, up to the next address; where that says nothing, the whole.
        """
        passage = _one_line(self._passage([one for one in addresses if one]))
        for text in (passage, _one_line(self.text), self.subject):
            meaning = self._meaning_of(report, text, status)
            if text and not meaning.vague:
                return meaning, printable(text)
        return self._meaning_of(report, passage, status), printable(passage or self.text)

    def _meaning_of(self, report: Report, text: str, status: str) -> Meaning:
        """Judge a text once, however many recipients it is asked about."""
        asked = (report, text, status)
        if asked not in self._known:
            self._known[asked] = meaning_of(*asked)
        return self._known[asked]

    def _passage(self, addresses: Sequence[str]) -> str:
        low = self.text.lower()
        for address in addresses:
            start = low.find(address.lower())
            if start >= 0:
                start += len(address)
                rest = self.text[start : start + _LONGEST_PASSAGE]
                end = re.search(r"\n[^\w\n]{0,8}[^\s<>@]{1,64}@[^\s<>@:]{1,255}>?:", rest)
                return (rest[: end.start()] if end else rest).lstrip(">\"' :\n")
        return ""


def _one_line(text: str) -> str:
    """Undo the wrapping: a phrase may go on in the next line."""
    return " ".join(text[: 2 * _LONGEST_JUDGED].split())[:_LONGEST_JUDGED]
