"""Moments as an incident record states them: with their zone, never without.

Accepted are ISO 8601 with an offset (``2026-03-01T09:12:00+01:00``), the same with an IANA zone behind it
(RFC 9557: ``2026-03-01T09:12:00+01:00[Europe/Berlin]``), and a local time with an IANA zone
(``2026-03-01 09:12 Europe/Berlin``). A naive moment is refused: it is wrong by hours somewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from zoneinfo import ZoneInfo

_FORM = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[T ](?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)"
    r" ?(?P<offset>Z|[+-]\d{2}:\d{2})?"
    r"(?: ?\[(?P<suffix>[A-Za-z0-9_+/-]+)\]| (?P<zone>[A-Za-z][A-Za-z0-9_+/-]*))?",
    re.ASCII,
)
EXAMPLES = "2026-03-01T09:12:00+01:00 or 2026-03-01 09:12 Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment and, where it was given, the IANA zone it was written in."""

    at: datetime
    zone: str = ""

    @classmethod
    def read(cls, written: str) -> Self:
        """Return the moment that ``written`` states; anything else is a ``ValueError`` that says why."""
        match = _FORM.fullmatch(written.strip())
        if match is None:
            raise ValueError("is not a moment")
        zone = match["suffix"] or match["zone"] or ""
        if not match["offset"] and not zone:
            raise ValueError("has no time zone, so it names a different moment in each country")
        time = match["time"] if match["time"].count(":") == 2 else f"{match['time']}:00"
        try:
            naive = datetime.fromisoformat(f"{match['date']}T{time}")
            given = (
                datetime.fromisoformat(f"{match['date']}T{time}{match['offset']}")
                if match["offset"]
                else None
            )
            _ = (given or naive.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError("is not a date and time of the calendar") from None
        if not zone:
            return cls(given or naive)
        local = _in_zone(naive, zone, given)
        return cls(local, zone)

    def __str__(self) -> str:
        """Return the canonical form (RFC 9557)."""
        return f"{self.at.isoformat()}[{self.zone}]" if self.zone else self.at.isoformat()

    def utc(self) -> datetime:
        """Return the moment in UTC."""
        return self.at.astimezone(UTC)


def known_zone(name: str) -> bool:
    """Say whether ``name`` is an IANA time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _in_zone(naive: datetime, zone: str, given: datetime | None) -> datetime:
    if not known_zone(zone):
        raise ValueError("names a time zone that does not exist")
    first, second = (naive.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if given is not None:
        for local in (first, second):
            if local.utcoffset() == given.utcoffset():
                return local
        raise ValueError("has an offset that its time zone does not have at that time")
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != naive:
        raise ValueError("does not exist there: the clocks were put forward")
    raise ValueError("happened twice there, when the clocks were put back; add the offset")
