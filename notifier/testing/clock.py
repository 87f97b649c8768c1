"""A clock for tests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when told; sleepers wake when it passes their moment."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """Return the moment it stands at."""
        return self._now

    def advance(self, **step: float) -> None:
        """Move forward by a ``timedelta`` of the given keywords."""
        self._now += timedelta(**step)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, moment: datetime) -> None:
        """Return once the clock has been moved to ``moment`` or past it."""
        while self._now < moment:
            await self._moved.wait()
