"""Dates, times and numbers as people of a locale write them. A moment always shows its time zone.

A fact may be a day (``2026-03-01``), a moment with an offset (``2026-03-01T14:05:00+05:30``) or "" where
it is not known yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache, cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.core import get_global
from babel.dates import NO_INHERITANCE_MARKER, format_date, format_time, get_timezone_name
from babel.numbers import format_decimal

from notifier.errors import BadInput


def read_moment(value: str, name: str) -> date | datetime | None:
    """Return the day or aware moment of an ISO 8601 text, None for ""; anything else is ``BadInput``."""
    if not value:
        return None
    try:
        made = datetime.fromisoformat(value) if len(value) > len("2026-03-01") else date.fromisoformat(value)
    except ValueError:
        raise BadInput(
            f"{name} is no ISO 8601 day or moment", advice="Write it as 2026-03-01T14:05:00Z."
        ) from None
    if isinstance(made, datetime) and made.tzinfo is None:
        raise BadInput(f"{name} has no time zone", advice="Add its offset, such as Z or +05:30.")
    return made


def read_zone(name: str) -> tzinfo:
    """Return the IANA time zone ``name``; "" is UTC and an unknown one ``BadInput``."""
    try:
        return ZoneInfo(name or "Etc/UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise BadInput(f"{name!r} is no IANA time zone", advice="Write it as Asia/Kolkata.") from None


NBSP = "\u00a0"
"""No date or time is broken over two lines. The narrow kind of this space (U+202F) lacks in many fonts."""


@cache
def _meta_zone(zone: str) -> str:
    """Return the CLDR name of a zone's family. CLDR knows some zones by an older name, such as
    Asia/Calcutta, that Babel does not find from the newer one.
    """
    families, aliases = get_global("meta_zones"), get_global("zone_aliases")
    older = (old for old, new in aliases.items() if new == aliases.get(zone, zone))
    return str(next((families[name] for name in (zone, *older) if name in families), ""))


@dataclass(frozen=True)
class Calendar:
    """Formats for one locale and the time zone of an announcement."""

    locale: str
    zone: tzinfo

    @cached_property
    def babel(self) -> Locale:
        """The locale's data (CLDR)."""
        return Locale.parse(self.locale, sep="-")

    def day(self, value: date) -> str:
        """Write a day in full."""
        if isinstance(value, datetime):
            value = value.astimezone(self.zone)
        return format_date(value, "long", locale=self.babel).replace(" ", NBSP)

    def time(self, value: datetime) -> str:
        """Write a time of day, without its zone."""
        written = format_time(value, "short", tzinfo=self.zone, locale=self.babel)
        return written.replace("\u202f", NBSP).replace(" ", NBSP)

    def zone_name(self, value: datetime) -> str:
        """Write the name the zone has at that moment, summer time or not."""
        local = value.astimezone(self.zone)
        names = self.babel.meta_zones.get(_meta_zone(getattr(self.zone, "key", "")), {}).get("long", {})
        name = names.get("daylight" if local.dst() else "standard", "")
        if name and name != NO_INHERITANCE_MARKER:
            return str(name)
        return get_timezone_name(local, "long", locale=self.babel)

    def moment(self, value: date | datetime, *, zoned: bool = True) -> str:
        """Write a day, or a day and time with the zone."""
        if not isinstance(value, datetime):
            return self.day(value)
        pattern = str(self.babel.datetime_formats["long"]).replace("'", "")
        written = pattern.replace("{0}", self.time(value)).replace("{1}", self.day(value))
        return f"{written} ({self.zone_name(value)})" if zoned else written

    def number(self, value: int) -> str:
        """Write a number with the language's separators."""
        return format_decimal(value, locale=self.babel)

    def same_zone(self, first: datetime, second: datetime) -> bool:
        """Say whether one zone name serves both moments."""
        return self.zone_name(first) == self.zone_name(second)
