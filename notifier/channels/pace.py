"""How fast we send: to each relay, sender and destination, slower when asked, faster again with time.

A limit is a GCRA: one moment per key, the theoretical arrival time of the next message. Being told to slow
down halves the rate, and every second without trouble gives a little back (AIMD).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

_SLOWEST = 0.1
_BURST_SECONDS = 0.05
_FIRST_RATE = 20.0
"""Messages per second where no limit was set and none was measured when the first trouble came."""
_FREE_AGAIN = 1.5
"""A rate without a setting is dropped when it is this many times what the trouble began at."""
_RECOVERY_SECONDS = 30.0
_LONGEST_PAUSE = 300.0
_KEYS_KEPT = 10_000


class Limiter(Protocol):
    """Says when the next message may go. One behind the store can share the rates of several workers."""

    async def permit(self, keys: Sequence[str], longest: float, cost: int = 1) -> float:
        """Return 0 once a message may go to all keys; or at once, with nothing used up, how long it would
        take, if that is more than ``longest`` seconds. ``cost`` is what the message counts for: its segments,
        where those are limited.
        """
        ...

    def slow(self, key: str, *, pause: float | None = None, rate: float = 0) -> None:
        """Go half as fast as now (as ``rate``, where no limit holds), not at all for ``pause`` seconds."""
        ...


class Rate:
    """Counts messages, to tell how many go in a second."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._since = time()
        self._count = 0
        self._last = 0.0

    def count(self) -> None:
        """Note one message."""
        self._count += 1
        if (passed := self._time() - self._since) >= 1:
            self._last = self._count / passed
            self._since += passed
            self._count = 0

    def now(self) -> float:
        """Return the messages per second of late."""
        passed = self._time() - self._since
        return max(self._last if passed < 1 else 0, self._count / max(passed, 1))


@dataclass(slots=True)
class _Limit:
    base: float
    """Messages per second by setting; 0 means none."""
    rate: float = 0
    arrival: float = 0
    """When the next message may go."""
    step: float = 0
    """Messages per second that each second without trouble gives back."""
    eased_at: float = 0


class Pace:
    """The limits of one process."""

    def __init__(self, rates: dict[str, float] | None = None) -> None:
        """``rates`` are messages per second by key; ``site:*`` is for all sites that are not named."""
        self._rates = rates or {}
        self._limits: dict[str, _Limit] = {}
        self._any_site = self._rates.get("site:*", 0)

    async def permit(self, keys: Sequence[str], longest: float, cost: int = 1) -> float:
        """Wait for a place with every key, or say that it would take too long."""
        limits = [limit for key in keys if (limit := self._limit(key)) and limit.rate]
        if not limits:
            return 0
        now = asyncio.get_running_loop().time()
        for limit in limits:
            self._ease(limit, now)
        wait = max(limit.arrival - now for limit in limits) - _BURST_SECONDS
        if wait > longest:
            return wait
        for limit in limits:
            if limit.rate:
                limit.arrival = max(limit.arrival, now) + cost / limit.rate
        if wait > 0:
            await asyncio.sleep(wait)
        return 0

    def slow(self, key: str, *, pause: float | None = None, rate: float = 0) -> None:
        """Halve the rate of a key and hold it for ``pause`` seconds."""
        now = asyncio.get_running_loop().time()
        limit = self._limit(key)
        if limit is None:
            self._forget_old(now)
            limit = self._limits[key] = _Limit(0)
        self._ease(limit, now)
        before = limit.rate or rate or _FIRST_RATE
        limit.rate = max(_SLOWEST, before / 2)
        limit.step = max(limit.step, before / _RECOVERY_SECONDS)
        limit.eased_at = now + min(pause or 0, _LONGEST_PAUSE)
        limit.arrival = max(limit.arrival, limit.eased_at)

    def rate(self, key: str) -> float:
        """Return the messages per second allowed now; 0 means no limit."""
        limit = self._limit(key)
        return limit.rate if limit else 0

    def _limit(self, key: str) -> _Limit | None:
        limit = self._limits.get(key)
        if limit is None and self._rates:
            base = self._rates.get(key, self._any_site if key.startswith("site:") else 0)
            if base:
                limit = self._limits[key] = _Limit(base, base)
        return limit

    def _ease(self, limit: _Limit, now: float) -> None:
        if limit.step and now > limit.eased_at:
            limit.rate += limit.step * (now - limit.eased_at)
            limit.eased_at = now
            top = limit.base or limit.step * _RECOVERY_SECONDS * _FREE_AGAIN
            if limit.rate >= top:
                limit.rate, limit.step = limit.base, 0

    def _forget_old(self, now: float) -> None:
        if len(self._limits) < _KEYS_KEPT:
            return
        for limit in self._limits.values():
            self._ease(limit, now)
        self._limits = {
            key: limit for key, limit in self._limits.items() if limit.rate or limit.arrival > now
        }
