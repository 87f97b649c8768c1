"""Languages, locales and time zones."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache, lru_cache

from babel import Locale, UnknownLocaleError

from notifier.customers.faults import Faulty
from notifier.customers.normalise.cells import folded

_NAMES_IN = ("en", "de", "fr", "es", "hi", "ar", "it", "pt", "nl", "pl", "tr", "ja", "zh", "ru")


@lru_cache(maxsize=4096)
def locale(text: str) -> tuple[str, str]:
    """Return the tag (BCP 47, as ``pt-BR``) of a locale or of a language's name, and a code to note, if any.

    A known language in an unknown territory is taken alone.
    """
    wanted = text.split(".", 1)[0].split("@", 1)[0].replace("_", "-")
    if tag := _tag(wanted):
        return tag, ""
    if named := _by_name().get(folded(text)):
        return named, ""
    if re.match(r"[A-Za-z]{2,3}-", wanted) and (tag := _tag(wanted.partition("-")[0])):
        return tag, "locale-territory"
    raise Faulty("locale-unknown")


def _tag(wanted: str) -> str:
    try:
        return str(Locale.parse(wanted, sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        return ""


@cache
def _by_name() -> dict[str, str]:
    made: dict[str, str] = {}
    for language in _NAMES_IN:
        for code, name in Locale(language).languages.items():
            if tag := _tag(code.replace("_", "-")):
                made.setdefault(folded(name), tag)
    return made


@lru_cache(maxsize=1024)
def time_zone(text: str) -> str:
    """Return the time zone's name in the IANA database, or raise ``Faulty``."""
    found = _zones().get(text.lower().replace(" ", "_"))
    if not found:
        raise Faulty("zone-unknown")
    return found


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}
