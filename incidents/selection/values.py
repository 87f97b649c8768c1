"""The fields that can be selected on, and how a value is brought into the form the store keeps."""

from __future__ import annotations

from collections.abc import Callable

from notifier.customers.faults import Faulty
from notifier.customers.normalise import locales, places

ATTRIBUTE = "attribute."
MAX_VALUE = 500


def _country(text: str) -> str:
    return places.country(text)


def _region(text: str) -> str:
    return places.region(text, "")


def _locale(text: str) -> str:
    return locales.locale(text)[0]


def _time_zone(text: str) -> str:
    return locales.time_zone(text)


def _same(text: str) -> str:
    return text


FIELDS: dict[str, Callable[[str], str]] = {
    "country": _country,
    "region": _region,
    "locale": _locale,
    "time_zone": _time_zone,
    "number": _same,
    "account": _same,
    "origin": _same,
}
_EXPECTED = {
    "country": "is no country: write its two letters, such as DE",
    "region": "is no region: write its ISO 3166-2 code, such as US-CA",
    "locale": "is no locale: write a language such as hi, or pt-BR",
    "time_zone": "is no time zone: write an IANA name such as Europe/Berlin",
}


def read_value(field: str, text: str) -> str:
    """Return ``text`` as the store keeps values of ``field``; a ``ValueError`` says what is expected."""
    if not text:
        raise ValueError("a value is never empty: write `is unknown`")
    if len(text) > MAX_VALUE:
        raise ValueError(f"a value has at most {MAX_VALUE} characters")
    try:
        return FIELDS.get(field, _same)(text)
    except Faulty:
        raise ValueError(f"`{text[:40]}` {_EXPECTED[field]}") from None
