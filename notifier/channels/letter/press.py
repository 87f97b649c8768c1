"""The letter's press: the e-mail's facts and sentences, with the letter's own few words over them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from notifier.channels.letter.content import Content, Paper
from notifier.notices import Person, grouped
from notifier.rendering.cohorts import isolated
from notifier.rendering.edition import Edition, Reader
from notifier.rendering.folders import Folders
from notifier.rendering.lines import Isolated, Unbroken, clean, greeting_name
from notifier.rendering.moments import Calendar, read_zone
from notifier.rendering.press import Order, Press
from notifier.rendering.readers import as_read
from notifier.rendering.wording import Words

LETTER = "letter"
PAGE = "_base/letter.typ"


class LetterPress(Press):
    """Words and editions of letters. One may serve several threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(Folders(folders))
        self.own = Folders(folders, channel=LETTER)
        self._papers = {rtl: Paper(self.own, html=False, rtl=rtl) for rtl in (False, True)}

    def locales(self, notice: str) -> list[str]:
        """Return the languages that both the e-mail's and the letter's words of this notice are in."""
        return [
            locale
            for locale in self.folders.locales(notice)
            if self.own.exists(f"{notice}/{locale}/words.toml")
        ]

    def words(self, notice: str, locale: str) -> Words:
        """Return the sentences of a letter in one language; one it is not written in is ``BadInput``."""
        if (notice, locale) not in self._words:
            self.require(notice, locale)
            words = Words(self.folders, notice, locale)
            words.read(self.own, notice, locale)
            self._words[notice, locale] = words
        return self._words[notice, locale]

    def digest(self, notice: str, locale: str) -> str:
        """Return the SHA-256, in hex, over the e-mail's and the letter's files in this language."""
        self.require(notice, locale)
        both = f"{self.folders.digest(notice, locale)}\n{self.own.digest(notice, locale)}\n"
        return hashlib.sha256(both.encode()).hexdigest()

    def status(self, notice: str, locale: str) -> str:
        """Return how far the translation is, of the words that are furthest from being reviewed."""
        self.require(notice, locale)
        stages = ("unreviewed", "reviewed", "original")
        return min((one.status(notice, locale) for one in (self.folders, self.own)), key=stages.index)

    def content(self, order: Order, person: Person, reference: str) -> Content:
        """Return what one reader's letter says. What is missing is noted: see ``all_named``."""
        person = as_read(person)
        reader = Reader(
            person.variant,
            person.categories,
            person.new_categories,
            Isolated(greeting_name(person.name)),
            Unbroken(grouped(clean(reference))),
            isolated(person.details),
        )
        edition: Edition = self._edition(order)
        return Content(edition, reader, self._papers[edition.rtl])

    def day(self, order: Order, value: date) -> str:
        """Write a day as people of this language do."""
        return Calendar(order.locale, read_zone(str(order.facts.get("time_zone", "")))).day(value)
