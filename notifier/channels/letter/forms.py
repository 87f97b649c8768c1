"""Envelope forms: where on the first sheet an address must stand, and where nothing else may.

All measures are millimetres from the sheet's upper left corner. A folded sheet slides inside its envelope, so
a window has two areas: what shows wherever the sheet lies (``address`` fits into it), and what can show at
all (``seen``: nothing but the address and the return address may stand there).

DIN 5008 form B on A4 in a DL envelope (220 by 110 mm), window 90 by 45 mm, 20 mm from the left and 15 mm from
the bottom (DIN 680), folded at 105 mm: the sheet slides 10 mm sideways and 5 mm up.

US letter in a #10 envelope (9½ by 4⅛ in), window 4½ by 1⅛ in, ⅞ in from the left and ½ in from the bottom,
folded in thirds: the sheet slides 1 in sideways and 11.6 mm up.
"""

from __future__ import annotations

from dataclasses import dataclass

from notifier.channels.letter.values import EnvelopeForm


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle on the sheet."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Setting:
    """How an address of up to ``lines`` lines is set: type size and line pitch, in points."""

    lines: int
    size: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Geometry:
    """One form's measures."""

    paper: str
    """The sheet's name in Typst."""
    address: Area
    seen: Area
    settings: tuple[Setting, ...]
    """The first that holds all lines of an address is used; a long line takes several."""
    return_line: Area | None
    """Where the sender's line stands in the window; None where the sender is printed on the envelope."""
    letterhead: Area
    body: float
    """Where the text begins on the first sheet."""
    margins: tuple[float, float, float, float]
    """Left, top, right and bottom, on every sheet."""
    marks: tuple[float, ...]
    """Heights of the marks for folding and punching."""

    @property
    def most_lines(self) -> int:
        """How many lines of an address the window takes."""
        return self.settings[-1].lines


FORMS = {
    EnvelopeForm.DIN_5008_B: Geometry(
        paper="a4",
        address=Area(25, 62.7, 75, 27.3),
        seen=Area(10, 45, 100, 50),
        settings=(Setting(6, 10, 12.8),),
        return_line=Area(25, 51.5, 75, 10.5),
        letterhead=Area(25, 18, 165, 24),
        body=98,
        margins=(25, 22, 20, 22),
        marks=(105, 148.5, 210),
    ),
    EnvelopeForm.US_10: Geometry(
        paper="us-letter",
        address=Area(25.4, 63.5, 82, 16.9),
        seen=Area(0, 51.8, 136.6, 40.4),
        settings=(Setting(4, 10, 11.9), Setting(5, 8.5, 9.5)),
        return_line=None,
        letterhead=Area(25.4, 15, 165, 34),
        body=95,
        margins=(25.4, 22, 25.4, 22),
        marks=(),
    ),
}

# Where letters are written on US letter paper and posted in #10 envelopes.
_US_10 = frozenset(("US", "CA", "PR", "GU", "VI", "AS", "MP", "UM"))


def form_for(country: str) -> EnvelopeForm:
    """Return the form for a letter to this country (ISO 3166-1, two letters)."""
    return EnvelopeForm.US_10 if country in _US_10 else EnvelopeForm.DIN_5008_B
