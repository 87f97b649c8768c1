"""What an author sees of a text's cost: its segments, and what a single character adds to them.

Suggestions are only ever shown. A text goes out as it was approved.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from notifier.channels.sms.segments import Segments, count
from notifier.words import amount

_SUGGESTED = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u2032": "'", "\u00b4": "'", "`": "'",
    "\u02bc": "'", "\u2039": "'", "\u203a": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u2033": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-", "\u2212": "-",
    "\u2022": "-", "\u00b7": "-",
    "\u2026": "...", "\u2044": "/", "\u00d7": "x", "\u2122": "(TM)", "\u00ae": "(R)", "\u00a9": "(C)",
    "\u00a0": " ", "\u2002": " ", "\u2003": " ", "\u2007": " ", "\u2008": " ", "\u2009": " ", "\u200a": " ",
    "\u202f": " ", "\u3000": " ", "\t": " ", "\u2028": "\n", "\u2029": "\n",
    "\u00ad": "", "\u200b": "", "\u2060": "", "\ufeff": "",
}  # fmt: skip
"""Typographic characters and what says the same in the GSM alphabet. No letter is among them: another letter
is another spelling, and whether that is right is the author's to know.
"""


@dataclass(frozen=True, slots=True)
class Odd:
    """One character that GSM 7-bit does not have."""

    char: str
    name: str
    times: int
    suggestion: str | None
    """What could stand in its place; empty: it can be left out; None: nothing says the same."""
    segments_without: int
    """Segments of the text if this character, and no other, were replaced so, or left out."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A text's cost, explained."""

    cost: Segments
    odd: tuple[Odd, ...]
    suggested: str
    """The text with every suggestion taken; equal to the text where there is none."""
    suggested_cost: Segments

    @property
    def sentence(self) -> str:
        """Say it in one English sentence or two, without quoting the text."""
        cost = self.cost
        said = f"{amount(cost.segments, 'segment')} of {cost.encoding.upper()}, {cost.units} units."
        if not self.odd:
            return said
        if len(self.odd) == 1:
            (odd,) = self.odd
            return f"{said} Without {odd.name} it would be {amount(odd.segments_without, 'segment')}."
        others = f"{len(self.odd)} characters outside GSM-7"
        return f"{said} Without {others} it would be {amount(cost.without, 'segment')}."


def explain(text: str) -> Preview:
    """Return what ``text`` costs and which characters make it dearer. Pure; changes nothing."""
    cost = count(text)
    odd = []
    for char in cost.forcing:
        suggestion = _SUGGESTED.get(char)
        odd.append(
            Odd(
                char,
                unicodedata.name(char, f"U+{ord(char):04X}"),
                text.count(char),
                suggestion,
                count(text.replace(char, suggestion or "")).segments,
            )
        )
    suggested = suggest(text)
    return Preview(cost, tuple(odd), suggested, count(suggested))


def suggest(text: str) -> str:
    """Return ``text`` with its typographic characters as GSM has them; letters stay as they are."""
    return "".join(_SUGGESTED.get(char, char) for char in text)
