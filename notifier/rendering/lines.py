"""Personal values as one safe line: nothing in them can end a line, hide text or turn its direction.

A name is set apart from the text around it (Unicode UAX #9, section 2.4), so that ``(محمد)`` and a
reference beside it each keep their own direction.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

MARK_OPEN, MARK_CLOSE = "\ufdd0", "\ufdd1"
"""Noncharacters that mark a personal value's place; ``clean`` lets none through."""
_FIRST_RTL = "\u0590"
_FSI, _LRI, _PDI = "\u2068", "\u2066", "\u2069"
# Line breaks of every kind become a space. Of format characters only the joiners that Indic scripts,
# Persian and emoji need are kept, and emoji's tag characters.
_BREAKS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_KEPT = frozenset("\u200c\u200d\ufe0e\ufe0f") | {chr(code) for code in range(0xE0020, 0xE0080)}
_PLACEHOLDERS = frozenset(
    ("null", "none", "nan", "undefined", "n/a", "na", "test", "unknown", "-", ".", "?", "x", "xxx", "tbd")
)


def clean(value: str) -> str:
    """Return ``value`` as one printable line; what cannot be shown is taken out."""
    if value.isprintable() and "  " not in value:
        return value.strip(" ")
    line = _BREAKS.sub(" ", value)
    shown = "".join(char for char in line if char.isprintable() or char in _KEPT)
    return " ".join(part for part in shown.split(" ") if part)


def clean_text(value: str) -> str:
    """Return a paragraph of an author's text as one line, its marks of direction kept."""
    line = _BREAKS.sub(" ", value).strip()
    return line.replace(MARK_OPEN, "").replace(MARK_CLOSE, "").encode(errors="ignore").decode()


def greeting_name(name: str) -> str:
    """Return the name to greet with; empty if it is none: an address, a place holder, no letter at all."""
    line = clean(name)
    if "@" in line or line.casefold() in _PLACEHOLDERS or not any(map(str.isalpha, line)):
        return ""
    return line


def _turns(value: str, rtl: bool) -> bool:
    return rtl or not (value.isascii() or max(value, default="") < _FIRST_RTL)


class Isolated(str):
    """A value whose own direction may differ from the text's."""

    __slots__ = ()
    attribute = ""
    initiator = _FSI
    unbroken = False

    def as_text(self, rtl: bool) -> str:
        """Return it for plain text, isolated where the directions can differ."""
        return f"{self.initiator}{self}{_PDI}" if self._needs_marks(rtl) else str(self)

    def as_html(self, rtl: bool) -> Markup:
        """Return it for HTML, escaped, isolated where the directions can differ."""
        safe = escape(str(self))
        if not (self.unbroken or _turns(self, rtl)):
            return safe
        return Markup(f"<bdi{self.attribute}>{safe}</bdi>")  # noqa: S704 - escaped above

    def _needs_marks(self, rtl: bool) -> bool:
        return _turns(self, rtl)


class LeftToRight(Isolated):
    """A value read from left to right in every language, such as an address to type."""

    __slots__ = ()
    attribute = ' dir="ltr"'
    initiator = _LRI

    def _needs_marks(self, rtl: bool) -> bool:
        # Between two Latin letters all is left to right by itself; invisible marks would be copied along.
        held = self.isascii() and self[:1].isalpha() and self[-1:].isalpha()
        return not held and _turns(self, rtl)


class Unbroken(LeftToRight):
    """A value that must stand on one line to be read or typed: a reference, a phone number."""

    __slots__ = ()
    attribute = ' dir="ltr" style="white-space:nowrap"'
    unbroken = True


class Link(Isolated):
    """An address of ours that leads to something of this reader alone. What is shown is where it leads."""

    __slots__ = ()

    def as_text(self, _rtl: bool) -> str:
        """Return it bare, to stand on a line of its own: mail programs would take marks for a part of it."""
        return str(self)

    def as_html(self, _rtl: bool) -> Markup:
        """Return it as a link that breaks anywhere: it is longer than a telephone is wide."""
        safe = escape(str(self))
        return Markup(  # noqa: S704 - escaped above
            f'<a class="link" href="{safe}" dir="ltr" style="color:#1a4fb4;word-break:break-all">{safe}</a>'
        )
