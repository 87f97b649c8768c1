"""Header fields of what strangers send: read within bounds, never refused, decoded only when asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime

from notifier.channels.email.address import wire_address
from notifier.channels.email.text import UnsafeText

_FIELD = re.compile(rb"(?m)^([!-9;-~]{1,64})[ \t]*:(.*(?:\n[ \t].*)*)")
_MOST_FIELDS = 300
_LONGEST_BLOCK = 65_536
_LONGEST_VALUE = 2_000
_LONGEST_TEXT = 1_000
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_WORD = r"[^\s<>@,;:\"()\[\]\\\x00-\x1f\x7f-\x9f\ufffd]"
_ADDRESS = re.compile(rf"{_WORD}{{1,64}}@{_WORD}{{1,255}}")
_IN_ANGLES = re.compile(rf"<({_ADDRESS.pattern})>")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


class Fields:
    """The fields of one header block whose lines end with LF; names are given in lower case.

    The block is cut into fields when the first is asked for: of many blocks none ever is.
    """

    def __init__(self, block: bytes) -> None:
        self.raw = block[:_LONGEST_BLOCK]
        self._read: dict[str, str] = {}
        self._cut: dict[bytes, list[bytes]] | None = None

    @property
    def _values(self) -> dict[bytes, list[bytes]]:
        if self._cut is None:
            self._cut = {}
            for name, value in _FIELD.findall(self.raw)[:_MOST_FIELDS]:
                self._cut.setdefault(name.lower(), []).append(value)
        return self._cut

    def __contains__(self, name: str) -> bool:
        return name.encode() in self._values

    def get(self, name: str) -> str:
        """Return the first value as one line, or nothing."""
        known = self._read.get(name)
        if known is None:
            values = self._values.get(name.encode())
            known = printable(values[0][:_LONGEST_VALUE].decode("utf-8", "replace")) if values else ""
            self._read[name] = known
        return known

    def raws(self, names: Sequence[bytes]) -> bytes:
        """Return all values of these fields as they are, one a line."""
        return b"\n".join(value[:_LONGEST_VALUE] for name in names for value in self._values.get(name, ()))


def printable(text: str) -> str:
    """Return ``text`` as one line of at most a thousand characters, without control characters."""
    text = text[: 4 * _LONGEST_TEXT]
    if not text.isprintable():
        text = _UNPRINTABLE.sub(" ", text)
    return " ".join(text.split())[:_LONGEST_TEXT]


def readable_words(value: str) -> str:
    """Return an unstructured value with its encoded words (RFC 2047) decoded where that is possible."""
    if "=?" not in value:
        return value
    try:
        return printable(str(make_header(decode_header(value))))
    except (MessageError, LookupError, ValueError):  # No charset, an unknown one, bytes that are not in it.
        return value


def address_in(value: str) -> str:
    r"""Return the one thing in ``value`` that looks like an address, or nothing.

    ``rfc822;reader@example.com``, ``<reader@example.com>``, ``Reader <reader@example.com>`` all name it.
    A ``utf-8`` address (RFC 6533, section 3) may write characters as ``\x{fc}``.
    """
    if "\\x{" in value:
        value = _UNITEXT.sub(_character, value)
    found = _IN_ANGLES.search(value)
    if found:  # What stands before is a name, which may look like an address too.
        return found[1]
    found = _ADDRESS.search(value)
    return found[0].strip(".'`") if found else ""


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if 0x20 < code < 0x7F or 0xA0 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF else ""


def same_mailbox(one: str, other: str) -> bool:
    """Say whether two addresses are one mailbox: case aside, and the domain in either of its two forms."""
    return one.lower() == other.lower() or _canonical(one) == _canonical(other)


def _canonical(address: str) -> str:
    try:
        return wire_address(address).lower()
    except UnsafeText:
        return address.lower()


def moment_in(value: str) -> datetime | None:
    """Return the moment that a date field names, in UTC; a zone that is not said is UTC."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
