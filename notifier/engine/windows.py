"""When a person may be written to, and when to try again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifier.clock import from_instant, to_instant

FALLBACK_ZONE = "Etc/UTC"
SECOND = 1_000_000
MINUTE = 60 * SECOND
_COMMON_WITHIN = 2 * 24 * 60 * MINUTE
_ON_TOP = 0.1
"""Largest share of a wait named by the other side that is put on top of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """The hours of a day in which a person is written to, in that person's own time zone."""

    opens: time
    closes: time

    def next(self, instant: int, zone: str) -> int:
        """Return ``instant`` if it lies in the window in ``zone``, else the next opening, as an instant.

        Across a change to daylight-saving time the wall clock counts, as it does for the reader. A window
        that closes before it opens runs over midnight.
        """
        local = from_instant(instant).astimezone(_zone(zone))
        now = local.time()
        inside = (
            self.opens <= now < self.closes
            if self.opens < self.closes
            else now >= self.opens or now < self.closes
        )
        if inside:
            return instant
        openings = [
            to_instant(
                datetime.combine(local.date() + timedelta(days=day), self.opens, local.tzinfo).replace(
                    fold=fold
                )
            )
            for day in (0, 1)
            for fold in (0, 1)  # An hour that comes twice opens twice.
        ]
        return min(opening for opening in openings if opening > instant)

    def closing(self, instant: int, zone: str) -> int:
        """Return when the window closes next in ``zone``: for an ``instant`` in it, when it ends."""
        local = from_instant(instant).astimezone(_zone(zone))
        closings = [
            to_instant(
                datetime.combine(local.date() + timedelta(days=day), self.closes, local.tzinfo).replace(
                    fold=fold
                )
            )
            for day in (0, 1)
            for fold in (0, 1)
        ]
        return min(closing for closing in closings if closing > instant)

    def next_in_all(self, instant: int, zones: Sequence[str]) -> int:
        """Return the first instant from ``instant`` on that lies in the window in each of ``zones``, as of
        somebody who may live in any of them. Where none does within two days, one zone in the middle counts.
        """
        at = instant
        while at - instant <= _COMMON_WITHIN:
            following = max(self.next(at, zone) for zone in zones)
            if following == at:
                return at
            at = following
        return self.next(instant, zones[len(zones) // 2])


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or FALLBACK_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(FALLBACK_ZONE)


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait before the next hand-over."""

    first_seconds: float
    longest_seconds: float

    def wait(
        self,
        attempt: int,
        *,
        asked: float | None,
        now: int,
        deadline: int,
        draw: random.Random,
        named: bool = True,
    ) -> int:
        """Return the instant of the next try after ``attempt`` failed for now.

        It doubles from ``first_seconds`` to ``longest_seconds``, with jitter (between half and all of it).
        Seconds ``asked`` are the least that is jittered, unless the other side ``named`` them. While a
        ``deadline`` (an instant, 0 for none) lies ahead, at most a third of what is left is waited, so that
        several tries fit in. What the other side named is never cut short, and a little is put on top, so
        that those who heard the same do not all come back at once.
        """
        base = min(self.longest_seconds, self.first_seconds * 2 ** min(attempt - 1, 30))
        if asked and not named:
            base = max(base, asked)
        wait = base * (0.5 + draw.random() / 2)
        if deadline > now:
            wait = min(wait, (deadline - now) / SECOND / 3)
        if asked and named:
            wait = max(wait, asked * (1 + _ON_TOP * draw.random()))
        return now + int(wait * SECOND)
