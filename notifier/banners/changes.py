"""News for pages that are open: one look at the store every few seconds, however many listen.

The look is at what has come since the last one: banners made, events, announcements that began, ended or
paused. Whom any of it concerns is asked only where there is any, and of those only who listen.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError

from notifier.errors import NotifierError
from notifier.store import Store, Transaction

_log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=2)
_OVERLAP = 1000
"""Ids before the highest one seen that are looked at again: transactions may end out of their order."""


@dataclass(slots=True, eq=False)
class _Listener:
    """One iteration."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the store had at one look."""

    newest_delivery: int
    """The highest id of one, on any channel."""
    banners: frozenset[int]
    """Deliveries of banners among the newest."""
    newest_event: int
    events: frozenset[int]
    announcements: frozenset[tuple[int, str, str]]


class Changes:
    """Looks while somebody listens, and not otherwise."""

    def __init__(self, store: Store, *, every: timedelta = EVERY) -> None:
        self._store = store
        self._every = every
        self._listeners: defaultdict[str, set[_Listener]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.looks = 0
        """How often the store was looked at."""

    async def of(self, sub: str) -> AsyncGenerator[None]:
        """Yield whenever something may have changed for this person; trouble with the store is raised."""
        listener = _Listener()
        self._listeners[sub].add(listener)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            while True:
                await listener.news.wait()
                listener.news.clear()
                if listener.trouble is not None:
                    raise listener.trouble
                yield
        finally:
            self._listeners[sub].discard(listener)
            if not self._listeners[sub]:
                del self._listeners[sub]
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    def listening(self) -> int:
        """Return how many iterate."""
        return sum(map(len, self._listeners.values()))

    async def _run(self) -> None:
        seen: _Seen | None = None
        try:
            while True:
                async with self._store.read() as tx:
                    now = await _look(tx, seen)
                    told = set() if seen is None else await self._concerned(tx, seen, now)
                for sub in told:
                    for one in self._listeners.get(sub, ()):
                        one.news.set()
                seen = now
                self.looks += 1
                await asyncio.sleep(self._every.total_seconds())
        except (NotifierError, SQLAlchemyError, OSError) as error:
            _log.warning("banner.blind", kind=type(error).__name__)
            self._task = None
            for listener in [one for group in self._listeners.values() for one in group]:
                listener.trouble = error
                listener.news.set()

    async def _concerned(self, tx: Transaction, seen: _Seen, now: _Seen) -> set[str]:
        """Return who of those that listen may have something new."""
        made = now.banners - seen.banners
        events = now.events - seen.events
        changed = {one[0] for one in now.announcements ^ seen.announcements}
        if not (made or events or changed):
            return set()
        who = tx.recordset("subs", "v", sub="text")
        part = (
            f"SELECT c.number FROM {who} JOIN customer c ON c.number = v.sub"
            " JOIN audience_member m ON m.customer_id = c.id JOIN delivery d ON d.member_id = m.id"
            " AND d.channel = 'banner'"
        )
        rows = await tx.rows(
            f"{part} WHERE d.id IN (SELECT x.id FROM {tx.recordset('made', 'x', id='bigint')})"
            " OR d.announcement_id IN"
            f" (SELECT x.id FROM {tx.recordset('changed', 'x', id='bigint')})"
            f" UNION {part} JOIN banner_event e ON e.delivery_id = d.id WHERE e.id IN"
            f" (SELECT x.id FROM {tx.recordset('events', 'x', id='bigint')})",
            subs=orjson.dumps([{"sub": one} for one in list(self._listeners)]).decode(),
            made=_ids(made),
            changed=_ids(changed),
            events=_ids(events),
        )
        return {row.number for row in rows}


async def _look(tx: Transaction, before: _Seen | None) -> _Seen:
    delivery = int(await tx.scalar("SELECT max(id) FROM delivery") or 0)
    banners = await tx.rows(
        "SELECT id FROM delivery WHERE id > :after AND channel = 'banner'",
        after=(before.newest_delivery if before else delivery) - _OVERLAP,
    )
    event = int(await tx.scalar("SELECT max(id) FROM banner_event") or 0)
    events = await tx.rows(
        "SELECT id FROM banner_event WHERE id > :after",
        after=(before.newest_event if before else event) - _OVERLAP,
    )
    announcements = await tx.rows(
        "SELECT id, state, control FROM announcement WHERE steps > 0 AND released_at IS NOT NULL"
    )
    return _Seen(
        delivery,
        frozenset(row.id for row in banners),
        event,
        frozenset(row.id for row in events),
        frozenset((row.id, row.state, row.control) for row in announcements),
    )


def _ids(values: Iterable[int]) -> str:
    return orjson.dumps([{"id": one} for one in sorted(values)]).decode()
