"""What a text costs as SMS: its encoding and its segments.

A text of the GSM alphabet has 160 septets in one segment, any other 70 UTF-16 code units; joined segments
lose 6 octets each to the header that joins them and hold 153 or 67 (3GPP TS 23.040, section 9.2.3.24.1).
An escape pair and a surrogate pair stay together: one that no longer fits begins the next segment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from notifier.channels.sms.alphabet import ONE_SEPTET, TWO_SEPTETS

_BASIC_PLANE = "\uffff"


class Encoding(StrEnum):
    """How a text goes over the air."""

    GSM_7 = "gsm-7"
    UCS_2 = "ucs-2"


@dataclass(frozen=True, slots=True)
class Segments:
    """What one text costs. ``units`` are septets or UTF-16 code units; an empty text has no segment."""

    encoding: Encoding
    units: int
    segments: int
    forcing: tuple[str, ...] = ()
    """The characters that GSM 7-bit does not have, each once, in their order."""
    without: int = 0
    """How many segments it would be if those characters were simply not there."""

    @property
    def room(self) -> int:
        """Units that one segment of this text holds."""
        single, joined = _SIZES[self.encoding]
        return single if self.segments <= 1 else joined


_SIZES = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}


def count(text: str) -> Segments:
    """Return what ``text`` costs. A lone surrogate cannot be sent at all and is a ``ValueError``."""
    if ONE_SEPTET.issuperset(text):
        size = len(text)
        parts = _parts(size, None, Encoding.GSM_7)
        return Segments(Encoding.GSM_7, size, parts, without=parts)
    forcing = tuple(dict.fromkeys(char for char in text if not _in_gsm(char)))
    if not forcing:
        units, parts = _measured(text, _septets, Encoding.GSM_7)
        return Segments(Encoding.GSM_7, units, parts, without=parts)
    if any("\ud800" <= char <= "\udfff" for char in forcing):
        raise ValueError("the text holds half of a surrogate pair")
    units, parts = _measured(text, _code_units, Encoding.UCS_2)
    without = _measured("".join(filter(_in_gsm, text)), _septets, Encoding.GSM_7)[1]
    return Segments(Encoding.UCS_2, units, parts, forcing, without)


def _in_gsm(char: str) -> bool:
    return char in ONE_SEPTET or char in TWO_SEPTETS


def _septets(char: str) -> int:
    return 2 if char in TWO_SEPTETS else 1


def _code_units(char: str) -> int:
    return 2 if char > _BASIC_PLANE else 1


def _measured(text: str, size_of: Callable[[str], int], encoding: Encoding) -> tuple[int, int]:
    """Return units and segments."""
    sizes = [size_of(char) for char in text]
    units = sum(sizes)
    return units, _parts(units, sizes if units > len(sizes) else None, encoding)


def _parts(units: int, sizes: list[int] | None, encoding: Encoding) -> int:
    """Return the segments; ``sizes`` is left out where every character has one unit."""
    single, joined = _SIZES[encoding]
    if units <= single:
        return int(units > 0)
    if sizes is None:
        return -(-units // joined)
    parts, left = 1, joined
    for size in sizes:
        if size > left:
            parts, left = parts + 1, joined
        left -= size
    return parts
