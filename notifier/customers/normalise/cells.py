"""What every cell goes through first: hidden characters out, spreadsheet habits undone."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from notifier.customers.faults import Faulty

LONGEST = 4000
FORMULA_STARTS = "=+-@\t\r\n"
# C0 and C1 controls but tab and line ends, the marks that change the direction of what follows, zero width
# space, byte-order mark, and line and paragraph separators. Joiners stay: Hindi and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
# What stands in for bytes that could not be decoded.
_DAMAGED = re.compile("[\ufffd\ud800-\udfff]")
_UNUSUAL = re.compile(f"{_HIDDEN.pattern[:-1]}\ufffd\ud800-\udfff]")
_TEXT_FORMULA = re.compile(r'="([^"]*)"')
_SPACE = re.compile(r"\s+")
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE]\+?\d+")
_ACCENTS = re.compile("[\u0300-\u036f\u064b-\u0652\u0670\u0640]")
_PLACEHOLDERS = frozenset(
    ("null", "none", "nan", "n/a", "na", "nil", "-", "--", ".", "?", "undefined", "(null)")
)
_ERRORS = frozenset(("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"))


def clean(cell: str, notes: list[str]) -> str:
    """Return the cell's text, trimmed; adds codes of what deserves a look to ``notes``.

    Raises ``Faulty`` for what must not be used: damaged characters, spreadsheet errors, endless cells.
    """
    text = cell.strip()
    if not text:
        return ""
    if len(text) > LONGEST:
        raise Faulty("cell-long")
    if not text.isascii() or not text.isprintable():
        text = _unusual(text, notes)
    first = text[:1]
    if first == "'" and (quoted := text[1:].strip()) and quoted[0] in FORMULA_STARTS:
        return quoted  # How we, and others, write what must not be taken for a formula.
    if first == "=" and (match := _TEXT_FORMULA.fullmatch(text)):
        return match[1].strip()  # The trick that keeps leading zeros in a CSV: ="0123".
    if first == "#" and text in _ERRORS:
        raise Faulty("cell-error")
    return text


def _unusual(text: str, notes: list[str]) -> str:
    if _UNUSUAL.search(text):
        if _DAMAGED.search(text):
            raise Faulty("cell-encoding")
        text = _HIDDEN.sub("", text).strip()
        notes.append("cell-control")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """Return ``text`` with every run of white space as one space."""
    return text if text.isalnum() else _SPACE.sub(" ", text).strip()


def is_placeholder(text: str) -> bool:
    """Tell whether a cell says in a word that it is empty."""
    return text.lower() in _PLACEHOLDERS


def is_scientific(text: str) -> bool:
    """Tell whether a spreadsheet has turned a number into its scientific notation."""
    return ("E" in text or "e" in text) and _SCIENTIFIC.fullmatch(text) is not None


def folded(text: str) -> str:
    """Return ``text`` for comparison: no case, accents, Arabic vowel points, punctuation or space.

    Vowel signs of Indic scripts are marks too, but part of the word: they stay.
    """
    return "".join(map(_folded_word, text.split()))


@lru_cache(maxsize=50_000)
def _folded_word(word: str) -> str:
    if word.isascii():
        return "".join(filter(str.isalnum, word.lower()))
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", word.casefold()))
    return "".join(letter for letter in plain if letter.isalnum() or unicodedata.category(letter)[0] == "M")
