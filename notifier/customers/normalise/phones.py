"""Telephone numbers: read by the phonenumbers library, kept as E.164."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from notifier.customers.faults import Faulty
from notifier.customers.normalise.cells import is_scientific
from notifier.customers.normalise.plans import plain_number
from notifier.customers.values import ChannelName, ContactPoint

_SEVERAL = re.compile(r"[;|\n]|,\s|\s/\s")
_TEXTS = frozenset(
    (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.PERSONAL_NUMBER,
     PhoneNumberType.UNKNOWN, PhoneNumberType.VOIP, PhoneNumberType.PAGER)
)  # fmt: skip


def split(cell: str) -> list[str]:
    """Return the telephone numbers of a cell, which may hold several."""
    return [part.strip() for part in _SEVERAL.split(cell) if part.strip()]


def phone(text: str, country: str, notes: list[str]) -> ContactPoint:
    """Return the contact point of one number, or raise ``Faulty``; national numbers need the country."""
    channel, number, assigned = _read(text, country)
    if not assigned:
        notes.append("phone-unassigned")
    return ContactPoint(channel, number, number)


def normalise(text: str, country: str = "") -> str:
    """Return a telephone number as E.164, or raise ``Faulty``."""
    return _read(text, country)[1]


def _read(text: str, country: str) -> tuple[ChannelName, str, bool]:
    if plain := plain_number(text, country):
        return ChannelName.SMS if plain[0] else ChannelName.VOICE, plain[1], True
    return _by_library(text, country)


def _by_library(text: str, country: str) -> tuple[ChannelName, str, bool]:
    if is_scientific(text):
        raise Faulty("phone-scientific")
    try:
        number = phonenumbers.parse(text, country or None)
    except NumberParseException as error:
        missing = error.error_type == NumberParseException.INVALID_COUNTRY_CODE and not country
        raise Faulty("phone-region" if missing else "phone-syntax") from None
    if not phonenumbers.is_possible_number(number):
        raise Faulty("phone-impossible")
    kind = phonenumbers.number_type(number)
    channel = ChannelName.SMS if kind in _TEXTS else ChannelName.VOICE
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return channel, e164, kind != PhoneNumberType.UNKNOWN
