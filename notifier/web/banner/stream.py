"""The stream of changes: server-sent events (WHATWG HTML, section 9.2) that say only "ask again".

No notice goes through it, so that there is one way by which notices reach a page. It is read with ``fetch``,
which can send the token in a header: ``EventSource`` cannot, and a ticket in the address would end in logs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from notifier.clock import Clock
from notifier.errors import NotifierError

_log = structlog.get_logger(__name__)

BEAT = timedelta(seconds=20)
"""How often a quiet stream says that it is alive; also how soon a reader who has left is noticed."""

OPENED = b"retry: 60000\n: open\n\n"
CHANGED = b"event: changed\ndata: {}\n\n"
ALIVE = b": alive\n\n"


class Streams:
    """Counts what is open, so that no account and no flood can hold every connection."""

    def __init__(self, most: int = 5000, most_each: int = 6, stop: asyncio.Event | None = None) -> None:
        """``stop`` ends all that are open: pages ask again by themselves."""
        self._stop = stop or asyncio.Event()
        self._most = most
        self._most_each = most_each
        self._open: Counter[str] = Counter()

    def full(self, sub: str) -> bool:
        """Say whether another stream for ``sub`` is too many."""
        return self._open.total() >= self._most or self._open[sub] >= self._most_each

    async def follow(
        self, sub: str, changes: AsyncGenerator[None], clock: Clock, until: datetime, beat: timedelta = BEAT
    ) -> AsyncGenerator[bytes]:
        """Yield the stream's bytes until the token ends or the store fails; frees ``changes`` anyhow."""
        self._open[sub] += 1
        try:
            async with aclosing(changes):
                async for part in _parts(changes, clock, until, beat, self._stop):
                    yield part
        except (NotifierError, SQLAlchemyError, OSError) as error:
            _log.warning("banner.unheard", kind=type(error).__name__)
        finally:
            self._open[sub] -= 1
            self._open += Counter()  # Forgets those at zero.


async def _parts(
    changes: AsyncGenerator[None], clock: Clock, until: datetime, beat: timedelta, stop: asyncio.Event
) -> AsyncGenerator[bytes]:
    yield OPENED
    coming = asyncio.ensure_future(anext(changes, False))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        while (left := until - clock.now()) > timedelta() and not stop.is_set():
            await asyncio.wait(
                {coming, stopping},
                timeout=min(beat, left).total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if stop.is_set():
                return
            if not coming.done():
                yield ALIVE
                continue
            if coming.result() is False:
                return
            coming = asyncio.ensure_future(anext(changes, False))
            yield CHANGED
    finally:
        stopping.cancel()
        coming.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await coming
