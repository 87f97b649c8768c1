"""Comparing a text with a registered one that has places: fixed parts character by character, places by what
they may hold. The work is bounded by the product of the lengths, whatever the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a registered text."""

    holds: Callable[[str], bool]
    """Says whether a character may stand in it."""
    longest: int


Piece = str | Place


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a text follows a registered one."""

    equal: bool
    reached: int
    """Characters of the text up to which it does."""


def compare(text: str, pieces: Sequence[Piece]) -> Comparison:
    """Compare ``text`` with the pieces of a registered text; a place holds at least one character."""
    starts = {0}
    for piece in pieces:
        if isinstance(piece, str):
            ends = {start + len(piece) for start in starts if text.startswith(piece, start)}
        else:
            ends = _after(text, starts, piece)
        if not ends:
            return Comparison(equal=False, reached=_furthest(text, starts, piece))
        starts = ends
    return Comparison(len(text) in starts, max(starts))


def _furthest(text: str, starts: set[int], piece: Piece) -> int:
    """Return where the text stops following: behind as much of a fixed part as can be found."""
    if isinstance(piece, Place):
        return max(starts)
    length, start = max((_common(text, start, piece), start) for start in starts)
    return start + length


def _common(text: str, start: int, piece: str) -> int:
    """Return how many characters of ``piece`` stand in the text from ``start`` on."""
    length = 0
    for expected, found in zip(piece, text[start : start + len(piece)], strict=False):
        if expected != found:
            break
        length += 1
    return length


def _after(text: str, starts: set[int], place: Place) -> set[int]:
    """Return where a place that begins at one of ``starts`` may end."""
    ends = set()
    for start in starts:
        for end in range(start + 1, min(len(text), start + place.longest) + 1):
            if not place.holds(text[end - 1]):
                break
            ends.add(end)
    return ends
