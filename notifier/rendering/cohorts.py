"""Cohorts: a notice rendered once for many readers, its places filled per person.

A cohort's skeleton is the rendered text split at the places of personal values. Filling it costs some
microseconds; rendering it, a hundred times that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from notifier.notices import Rendered
from notifier.rendering.lines import MARK_CLOSE, MARK_OPEN, Isolated, clean
from notifier.rendering.sandbox import Named, Slot

_SLOT = re.compile(f"{MARK_OPEN}([0-9]+){MARK_CLOSE}")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A rendered part in pieces: those at ``places`` are replaced by the value of that number."""

    pieces: tuple[str, ...]
    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, part: str) -> Skeleton:
        """Split a part that was rendered with slots."""
        pieces = _SLOT.split(part)
        return cls(tuple(pieces), tuple((place, int(pieces[place])) for place in range(1, len(pieces), 2)))

    def fill(self, shown: Sequence[str]) -> str:
        """Put one person's values in."""
        filled = list(self.pieces)
        for place, number in self.places:
            filled[place] = shown[number]
        return "".join(filled)


@dataclass(frozen=True, slots=True)
class Cohort:
    """What readers share who differ only in values that are printed."""

    subject: Skeleton
    text: Skeleton
    html: Skeleton
    rtl: bool

    @classmethod
    def of(cls, rendered: Rendered, *, rtl: bool) -> Cohort:
        """Make a cohort of a notice that was rendered with slots."""
        subject, text, html = map(Skeleton.of, (rendered.subject, rendered.text, rendered.html))
        return cls(subject, text, html, rtl)

    def fill(self, values: Sequence[Isolated]) -> Rendered:
        """Return the notice of the person with these values."""
        rtl = self.rtl
        as_text = [value.as_text(rtl) for value in values]
        as_html = [value.as_html(rtl) for value in values]
        return Rendered(self.subject.fill(as_text), self.text.fill(as_text), self.html.fill(as_html))


def slot_or_empty(value: Isolated, number: int) -> Slot | Isolated:
    """Return the slot that stands for a value; an empty value stands for itself."""
    return Slot(str(number)) if value else value


def trace(value: Any, values: list[Isolated]) -> tuple[Any, Any]:
    """Replace the texts in ``value`` by slots and append them, cleaned, to ``values``.

    Returns what templates see and its shape: readers with equal shapes can share a cohort.
    """
    if isinstance(value, str):
        line = Isolated(clean(value))
        values.append(line)
        return slot_or_empty(line, len(values) - 1), bool(line)
    if isinstance(value, Mapping):
        traced = {str(key): trace(inner, values) for key, inner in value.items()}
        seen = Named("details", {key: made for key, (made, _) in traced.items()})
        return seen, tuple((key, shape) for key, (_, shape) in traced.items())
    if isinstance(value, list | tuple):
        items = [trace(inner, values) for inner in value]
        return [made for made, _ in items], ("[]", *(shape for _, shape in items))
    return value, (type(value).__name__, value)


def isolated(value: Any) -> Any:
    """Return ``value`` with its texts cleaned and isolated: what templates see without a cohort."""
    if isinstance(value, str):
        return Isolated(clean(value))
    if isinstance(value, Mapping):
        return Named("details", {str(key): isolated(inner) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return [isolated(inner) for inner in value]
    return value
