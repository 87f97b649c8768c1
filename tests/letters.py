"""Letters for tests: an invented sender, a reader and an address for each language, and a PDF's insides."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import pdfplumber
import pypdf
import pypdfium2

from notifier.channels.letter import Letter, LetterRenderer, Sender
from notifier.customers.values import PostalAddress
from notifier.notices import Person
from tests.notice_facts import REFERENCE, facts

FACTS = facts()
DE = PostalAddress("Musterstraße 12", "50667", "Köln", "", "DE")
US = PostalAddress("1 Main Street\nApt 4", "62701", "Springfield", "US-IL", "US")
SENDER = Sender("Example Company", PostalAddress("1 Example Road", "50667", "Köln", "", "DE"))
ADDRESSES = {
    "ar": PostalAddress("شارع المثال 1", "11564", "الرياض", "", "SA"),
    "de": DE,
    "en": US,
    "es": PostalAddress("Calle Ejemplo 5", "28001", "Madrid", "ES-M", "ES"),
    "fr": PostalAddress("3 rue Exemple", "75001", "Paris", "", "FR"),
    "hi": PostalAddress("12 उदाहरण मार्ग", "560001", "बेंगलुरु", "", "IN"),
}
NAMES = {"ar": "ليلى مثال", "de": "Mia Muster", "en": "Ann Example", "es": "Íñigo Ejemplo", "fr": "Zoé Exemple",
         "hi": "आशा उदाहरण"}  # fmt: skip
VARIANTS = {
    "person": {"records": ["R-1"], "hints": {"email": "ends in @example.com"}},
    "guardian": {"reader": "Ida Example"},
    "next-of-kin": {"reader": "Ida Example"},
    "account": {"subject": "Example Club", "count": 12, "records": ["R-1", "R-2"]},
    "update": {"records_new": ["R-3"], "records": ["R-1"]},
}
MM = 25.4 / 72
_INVISIBLE = re.compile("[\\s\u2066-\u2069\u200b-\u200f\u00ad\ufeff\ufffe]+")


@cache
def renderer() -> LetterRenderer:
    """Return the renderer all tests share: it reads its fonts once."""
    return LetterRenderer(SENDER)


def letter(locale: str = "de", variant: str = "person", **changes: Any) -> Letter:
    """Return a letter to be made, with ``changes`` to its fields."""
    new = ("password",) if variant == "update" else ()
    person = Person(NAMES[locale], variant, ("email", "password"), new, VARIANTS[variant])
    fields = {
        "notice": "breach-notice",
        "locale": locale,
        "facts": FACTS,
        "person": person,
        "reference": REFERENCE,
        "address": ADDRESSES[locale],
        "dated": date(2026, 3, 6),
    }
    return Letter(**{**fields, **changes})


def pdf(made: Letter) -> bytes:
    """Return the PDF of a letter."""
    return renderer().make(made).pdf


class Word(NamedTuple):
    """A word on a page; millimetres from the sheet's upper left corner."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float


def words(content: bytes, page: int = 0) -> list[Word]:
    """Return the words of a page and where they stand."""
    with pdfplumber.open(io.BytesIO(content)) as document:
        return [
            Word(
                one["text"], one["x0"] * MM, one["top"] * MM, one["x1"] * MM, one["bottom"] * MM, one["size"]
            )
            for one in document.pages[page].extract_words(extra_attrs=["size"])
        ]


def squeezed(text: str) -> str:
    """Return a text without space and invisible marks, for comparison."""
    return _INVISIBLE.sub("", text)


def text(content: bytes) -> str:
    """Return all text of a PDF in reading order, squeezed."""
    document = pypdfium2.PdfDocument(content)
    try:
        return squeezed("".join(page.get_textpage().get_text_range() for page in document))
    finally:
        document.close()


def tags(content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the structure elements of a tagged PDF in reading order."""
    root = pypdf.PdfReader(io.BytesIO(content)).trailer["/Root"]["/StructTreeRoot"]
    waiting = [root["/K"]]
    while waiting:
        node = waiting.pop()
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict) and "/S" in node:
            yield str(node["/S"]), node
            waiting.append(node.get("/K", []))
