"""Time enters the service through one object.

Inside, a moment is an aware UTC ``datetime``; in the store it is an integer count of microseconds
since 1970-01-01T00:00:00Z (see the ADR on integer instants).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Return once ``now()`` has reached ``moment``; at once if it already has."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Sleep until ``moment``; re-reads the clock, so that a stepped clock is followed."""
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - time cannot signal
            await asyncio.sleep(min(left, 30.0))


def to_instant(moment: datetime) -> int:
    """Return ``moment`` as microseconds since the epoch; a naive ``datetime`` is a ``ValueError``."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return (moment - _EPOCH) // _MICROSECOND


def from_instant(instant: int) -> datetime:
    """Return the aware UTC moment of ``instant`` (microseconds since the epoch)."""
    return _EPOCH + timedelta(microseconds=instant)
