"""Countries and regions (ISO 3166), postal addresses, and what makes two of them the same place."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import pycountry
from babel import Locale

from notifier.customers.faults import Faulty
from notifier.customers.normalise.cells import folded
from notifier.customers.values import ChannelName, ContactPoint, PostalAddress

_COMMON = {
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "usa": "US",
    "el": "GR",
    "bharat": "IN",
    "holland": "NL",
    "brd": "DE",
    "uae": "AE",
}
_NAMES_IN = ("en", "de", "fr", "es", "hi", "ar", "it", "pt", "nl", "pl", "tr", "ja", "zh", "ru")
# Countries whose postal codes are all digits and may begin with a zero, with their length.
_DIGITS = {
    "DE": 5,
    "US": 5,
    "FR": 5,
    "ES": 5,
    "IT": 5,
    "MX": 5,
    "FI": 5,
    "TR": 5,
    "UA": 5,
    "HR": 5,
    "EE": 5,
    "MY": 5,
    "SA": 5,
    "SG": 6,
    "RO": 6,
    "RU": 6,
    "CN": 6,
}


@lru_cache(maxsize=4096)
def country(text: str) -> str:
    """Return the two letters of a country given by code or by name in some language, or raise ``Faulty``."""
    upper = text.upper()
    if upper in _codes():
        return _codes()[upper]
    found = _COMMON.get(folded(text)) or _by_name().get(folded(text))
    if not found:
        raise Faulty("country-unknown")
    return found


@cache
def _codes() -> dict[str, str]:
    made: dict[str, str] = {}
    for entry in pycountry.countries:
        made[entry.alpha_2] = made[entry.alpha_3] = entry.alpha_2
        made[entry.numeric] = entry.alpha_2
    return made


@cache
def _by_name() -> dict[str, str]:
    known = set(_codes().values())
    made: dict[str, str] = {}
    for language in _NAMES_IN:
        for code, name in Locale(language).territories.items():
            if code in known:
                made.setdefault(folded(name), code)
    for entry in pycountry.countries:
        for field in ("name", "official_name", "common_name"):
            if name := getattr(entry, field, ""):
                made.setdefault(folded(name), entry.alpha_2)
    return made


@lru_cache(maxsize=8192)
def region(text: str, within: str) -> str:
    """Return the ISO 3166-2 code of a region given by code or name, or raise ``Faulty``."""
    upper = text.upper().replace(" ", "")
    if upper in _subdivisions():
        return upper
    if not within:
        raise Faulty("region-country")
    if (code := f"{within}-{upper}") in _subdivisions():
        return code
    found = _regions(within).get(folded(text))
    if not found:
        raise Faulty("region-unknown")
    return found


@lru_cache(maxsize=300)
def _regions(within: str) -> dict[str, str]:
    made: dict[str, str] = {}
    for code, whole in _subdivisions().items():
        if code.startswith(f"{within}-"):
            for name in re.split(r"[\[\]/,]", whole):
                made.setdefault(folded(name), code)
    return made


@cache
def _subdivisions() -> dict[str, str]:
    return {entry.code: entry.name for entry in pycountry.subdivisions}


def postal_code(text: str, within: str, notes: list[str]) -> str:
    """Return a postal code, with the zeros that a spreadsheet took from its front put back."""
    length = _DIGITS.get(within, 0)
    if text.isdecimal() and text.isascii() and length - 2 <= len(text) < length:
        notes.append("zeros-lost")
        return text.zfill(length)
    return text


def letter(address: PostalAddress) -> ContactPoint | None:
    """Return the contact point of an address that a letter could reach."""
    whole = address.street and (address.city or "," in address.street or "\n" in address.street)
    if not whole:
        return None
    same = place(address)
    return ContactPoint(ChannelName.LETTER, "\n".join(address.lines()), same)


def place(address: PostalAddress) -> str:
    """Return an address for comparison: equal for the same place in other spelling."""
    street = address.street.lower().replace("straße", "str").replace("strasse", "str")
    return folded(f"{street} {address.postal_code} {address.city} {address.country}")
