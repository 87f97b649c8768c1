"""From data to a PDF with Typst: tagged (PDF/UA-1, ISO 14289-1), fonts embedded, the same bytes each time.

Data go in as one JSON text among the inputs and are read with ``json()``: no value is ever parsed as Typst
markup or code. Files can be read below the template's own folder only; packages, the one thing Typst would
fetch from a network, are refused. Messages of Typst may quote a letter and are never passed on.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import typst

from notifier.channels import Finding
from notifier.channels.letter.values import Unprintable
from notifier.errors import BadInput, NotifierError

FONTS = ("Noto Sans", "Noto Sans Devanagari", "Noto Naskh Arabic")
"""Families that come with the program, in the order in which they are tried."""
_SHIPPED = Path(__file__).parent / "fonts"
_PACKAGE = re.compile(r"\"@[^\"]*/")
_STOPPED = re.compile(r"letter:([a-z-]+)")
_PAGES = re.compile(rb"<xmpTPg:NPages>(\d{1,6})</xmpTPg:NPages>")
_WHY = {
    "address-wide": "a word of the address is wider than the window",
    "address-long": "the address has long lines, which need more room than the window has",
    "no-glyph": "a character is in none of the fonts",
    "sender-wide": "the sender's name and address do not fit on the line in the window",
    "sender-large": "the sender's name and address do not fit on the letterhead",
}


@dataclass(frozen=True, slots=True)
class Set:
    """A document that was set."""

    pdf: bytes
    pages: int


class Typesetter:
    """Sets documents from one template. May be used by several threads at once: Typst runs beside Python."""

    def __init__(self, template: Path, source: str, fonts: Sequence[Path] = ()) -> None:
        if _PACKAGE.search(source):
            raise BadInput(
                f"the template {template.name} imports a package",
                advice="Put what it needs beside it: nothing is fetched when letters are made.",
            )
        self._root = template.parent
        self._source = source.encode()
        self._fonts = typst.Fonts(
            include_system_fonts=False, include_embedded_fonts=False, font_paths=[_SHIPPED, *fonts]
        )
        known = dict.fromkeys((*FONTS, *sorted(self._fonts.families())))
        self.families = tuple(known)
        self._own = threading.local()

    def set(self, data: Mapping[str, Any]) -> Set:
        """Return the PDF; what cannot be set is ``Unprintable``, a broken template ``BadInput``."""
        compiler = getattr(self._own, "compiler", None)
        if compiler is None:
            compiler = self._own.compiler = typst.Compiler(
                self._source, root=self._root, font_paths=self._fonts, ignore_system_fonts=True
            )
        inputs = {"letter": orjson.dumps(data).decode()}
        try:
            pdf = compiler.compile(
                self._source, format="pdf", sys_inputs=inputs, pdf_standards="ua-1", timestamp=0
            )
        except typst.TypstError as error:
            raise _why(error) from None
        if not isinstance(pdf, bytes) or not (found := _PAGES.search(pdf)):
            raise NotifierError("the typesetter gave a document without a number of pages")
        return Set(pdf, int(found[1]))


def _why(error: typst.TypstError) -> BadInput:
    """Tell what stopped the setting, without a word of the letter."""
    code = found[1] if (found := _STOPPED.search(error.message)) else ""
    if "could not be displayed" in error.message:
        code = "no-glyph"
    if code in _WHY:
        return Unprintable([Finding(code, _WHY[code])])
    place = re.search(r"\.typ:(\d{1,6})", error.diagnostic)
    line = f", line {place[1]}" if place else ""
    return BadInput(
        f"the template of the letter cannot be set{line}",
        advice="Check an own letter.typ against the one that comes with the program.",
    )
