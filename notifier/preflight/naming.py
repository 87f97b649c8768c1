"""Customers who are named in what everybody reads: found before anybody can approve it.

A name is looked for by two of its words that follow each other, so that a text which leaves out the middle
or the last of several names is found too. Case, accents, punctuation and invisible characters do not
count, nor do titles, initials and the small words inside names. Where a script has capitals, both words
must be written with one: else every "customer service" would be somebody. Names of one word are not
looked for, because most are ordinary words somewhere.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

# Accents, vowel points of Hebrew and Arabic, tatweel, and what nobody sees. Indic vowel signs stay.
_DROPPED = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c7\u0640\u064b-\u0655\u0670"
    "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
_WORD = re.compile("[^\\s\x00-/:-@\\[-`{-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u2010-\u205e"
                   "\u060c\u061b\u061f\u06d4\u0964\u0965\u3001-\u3003\u3008-\u3011\u30fb]+")  # fmt: skip
_SMALL = frozenset(
    ("al", "bin", "bint", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "el",
     "ibn", "la", "las", "le", "los", "van", "vom", "von", "zu", "zum", "zur", "بن", "ابن", "بنت", "बिन",
     "dr", "fr", "frau", "herr", "hr", "madame", "miss", "mlle", "mme", "monsieur", "mr", "mrs", "ms", "mx",
     "prof", "senor", "senora", "sir", "sr", "sra", "srta", "श्री", "श्रीमती", "सुश्री", "السيد", "السيدة")
)  # fmt: skip
_FIRST_CJK = "\u2e80"
_ARABIC_PREFIXES = frozenset("وفبلك")


class SomebodyNamed(Exception):
    """A customer is named in what everybody reads. Says no more: it comes from other processes."""


class SharedNames:
    """Where the shared texts of an announcement could name somebody.

    What the record names on purpose is left out: its contact, its brand, and ``names_meant``.
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        meant = {pair for said in _meant(facts) for pair in _pairs_said(said)}
        found: dict[str, set[str]] = defaultdict(set)
        for locale, texts in facts.get("texts", {}).items():
            for place, said in _sayings(texts):
                for pair in _pairs_said(said) - meant:
                    found[pair].add(f"{locale} {place}")
        self._places = dict(found)
        self._words = frozenset(word for pair in found for word in pair.split(" "))

    def places(self, name: str) -> set[str]:
        """Return where the texts say ``name``, such as ``en what_happened 2``; nothing for most names."""
        words = folded_words(name)
        if self._words.isdisjoint(words):  # Nearly always, and this runs for every customer.
            return set()
        return {place for pair in _pairs_of(words) for place in self._places.get(pair, ())}


def _meant(facts: Mapping[str, Any]) -> Iterator[str]:
    yield str(facts.get("brand", ""))
    yield from (str(said) for said in facts.get("contact", {}).values())
    yield from map(str, facts.get("names_meant", ()))


def _sayings(part: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in ``part`` with its place."""
    if isinstance(part, str):
        yield place.strip(), part
    elif isinstance(part, Mapping):
        for key, inner in part.items():
            yield from _sayings(inner, place if key == "variants" else f"{place} {key}")
    elif isinstance(part, Sequence):
        for number, inner in enumerate(part, start=1):
            yield from _sayings(inner, f"{place} {number}")


def folded_words(text: str) -> list[str]:
    """Return the words of a text, case folded, without accents, punctuation and what nobody sees."""
    if text.isascii():
        return _split(text.lower())
    return [word.casefold() for word in _split(text)]  # Mathematical letters have a case only once split.


def _split(text: str) -> list[str]:
    if text.isascii():
        return text.split() if text.replace(" ", "").isalpha() else _WORD.findall(text)
    return _WORD.findall(_DROPPED.sub("", unicodedata.normalize("NFKD", text)))


def _full(words: Iterable[str]) -> list[str]:
    """Leave out initials and numbers; a single character is a whole word in Chinese and Japanese."""
    return [word for word in words if (len(word) > 1 or word >= _FIRST_CJK) and not word[0].isdigit()]


def _pairs_of(words: Iterable[str]) -> set[str]:
    """Return the pairs of words by which a customer's name is found."""
    every = _full(words)
    kept = [word for word in every if word not in _SMALL]
    if len(kept) < 2:
        kept = every  # "Le Van" is a name, too.
    if len(kept) < 2:
        return set()
    first, last = kept[0], kept[-1]
    return {f"{first} {last}", f"{last} {first}", *(f"{one} {other}" for one, other in pairwise(kept))}


def _pairs_said(text: str) -> set[str]:
    """Return the pairs of words in a text that could be somebody's name."""
    every = _full(_split(text))
    words = ["" if word[0].islower() else word.casefold() for word in every]
    bare = [word for word, plain in zip(words, every, strict=True) if plain.casefold() not in _SMALL]
    found: set[str] = set()
    for first, last in (*pairwise(words), *pairwise(bare)):
        if first and last:
            found.update(_as_written(first, last))
    return found


def _as_written(first: str, last: str) -> Iterator[str]:
    """Yield a pair, also without what German adds behind a name and Arabic in front of it."""
    yield f"{first} {last}"
    if last.endswith("s") and len(last) > 3:
        yield f"{first} {last[:-1]}"
    if first[0] in _ARABIC_PREFIXES and len(first) > 3:
        yield f"{first[1:]} {last}"
