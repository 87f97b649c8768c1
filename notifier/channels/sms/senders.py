"""From whom a message comes: one sender per country of the readers, and one for all others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers

from notifier.errors import BadSettings
from notifier.settings import SmsSenderSettings

OTHERS = "*"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SERVICE = re.compile(r"MG[0-9a-f]{32}", re.ASCII)


def is_e164(number: str) -> bool:
    """Say whether a text has the form of E.164: a plus and 7 to 15 digits, nothing else."""
    return _E164.fullmatch(number) is not None


def country_of(number: str) -> str:
    """Return the ISO 3166-1 code of an E.164 number's country; empty if it has none (satellites, +800).

    A number that no plan has assigned yet counts for the main country of its calling code.
    """
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ""
    region = phonenumbers.region_code_for_number(parsed)
    if region is None and parsed.country_code is not None:
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
    return region if region and region.isalpha() and region != "ZZ" else ""


@dataclass(frozen=True, slots=True)
class Sender:
    """One sender to one country."""

    sender: str
    country: str

    @property
    def key(self) -> str:
        """How limits and logs name it; a sender's several countries share its rate."""
        return f"sender:{self.sender}"

    @property
    def label(self) -> str:
        """How the audit trail and the alerts name it."""
        return f"{self.sender} to {self.country or 'any country'}"

    @property
    def is_service(self) -> bool:
        """Whether it is a Messaging Service, which chooses the number itself."""
        return _SERVICE.fullmatch(self.sender) is not None


class Senders:
    """The senders of the settings, by country."""

    def __init__(self, settings: Sequence[SmsSenderSettings]) -> None:
        self._by_country: dict[str, str] = {}
        for one in settings:
            if one.country in self._by_country:
                raise BadSettings(f"sms.senders has {one.country} twice")
            self._by_country[one.country] = one.sender
        self.rates: dict[str, float] = {}
        for one in settings:
            if one.per_second:
                key = Sender(one.sender, "").key
                self.rates[key] = min(one.per_second, self.rates.get(key, one.per_second))

    def covers(self, country: str) -> bool:
        """Say whether readers in a country have a sender."""
        return not self._by_country.keys().isdisjoint((country, OTHERS))

    def choose(self, number: str) -> Sender | None:
        """Return the sender for a reader's number; None where no entry is for its country."""
        country = country_of(number)
        sender = self._by_country.get(country) or self._by_country.get(OTHERS)
        return Sender(sender, country) if sender else None
