"""The banner's own words in the reader's language; the notices bring theirs along."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from babel import negotiate_locale

from notifier.rendering.edition import is_rtl
from notifier.rendering.folders import shipped
from notifier.rendering.moments import Calendar, read_zone
from notifier.settings import Organisation
from notifier.web.pages import LOCALES, by_preference

NAMES = (
    "region", "critical", "important", "info", "read", "less", "acknowledge", "snooze", "dismiss", "next",
    "of", "reference", "effective", "thanks", "sign_in", "failed", "drill",
)  # fmt: skip
"""All words there are; each language has each of them."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)


def direction(locale: str) -> str:
    """Return the value of ``dir`` for a language."""
    return "rtl" if is_rtl(locale) else "ltr"


@dataclass(frozen=True)
class Words:
    """What the banner says around the notices, in one language."""

    locale: str
    said: Mapping[str, str]
    calendar: Calendar

    def effective(self, moment: datetime | None) -> str:
        """Say from which day on a changed policy holds; empty where there is no such day."""
        return self.said["effective"].replace("{date}", self.calendar.day(moment)) if moment else ""


class Speech:
    """All languages, ready for one organisation."""

    def __init__(self, organisation: Organisation, *, drill: bool) -> None:
        self._default = organisation.default_locale
        zone = read_zone(organisation.time_zone)
        self._words = {}
        for locale in LOCALES:
            said = {name: one for name, one in _read(locale).items() if name != "drill" or drill}
            said["region"] = said["region"].replace("{brand}", organisation.brand)
            self._words[locale] = Words(locale, said, Calendar(locale, zone))

    def wanted(self, lang: str, accept_language: str) -> str:
        """Return the language the reader wants, as a tag: as asked for, else as the browser prefers, and of
        its preferences the first that the banner speaks.
        """
        if _TAG.fullmatch(lang[:35]):
            return lang[:35]
        preferred = [tag for tag in by_preference(accept_language) if _TAG.fullmatch(tag)]
        spoken = (tag for tag in preferred if tag.split("-", maxsplit=1)[0].lower() in LOCALES)
        return next(spoken, preferred[0] if preferred else self._default)

    def words(self, wanted: str) -> Words:
        """Return the words in ``wanted``, or the nearest language there is."""
        tags = [tag.replace("-", "_") for tag in (wanted, self._default)]
        return self._words[negotiate_locale(tags, LOCALES) or LOCALES[0]]


def _read(locale: str) -> dict[str, str]:
    """Return the words of one language: the file must have exactly ``NAMES``."""
    path = next(
        found for folder in shipped() if (found := folder / "banner" / locale / "words.toml").is_file()
    )
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    if set(said) != set(NAMES):
        raise LookupError(f"templates/banner/{locale}/words.toml lacks words, or has words that nobody says")
    return {str(name): str(one) for name, one in said.items()}
