"""Proof of publication: each day a notice stands, its pages are looked at from outside and compared with
what was approved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.exc import IntegrityError

from incidents.actions import IncidentAction
from incidents.substitute.looking import Look, Seen, look
from incidents.substitute.making import PAGE
from incidents.substitute.notices import PUBLISHED, Notice
from incidents.substitute.standing import ended_at, standing
from notifier.audit.entry import Event
from notifier.clock import from_instant
from notifier.rendering.moments import read_zone
from notifier.store import Store, Transaction

log = structlog.get_logger()

END = "end"
_SECOND = 1_000_000
_SETTLES = 30 * _SECOND
"""After its first instant: until then a server may still have an older list of what is public."""
_LAST = 3600 * _SECOND
_TIMES = 2
"""So many looks in a row must fail before a page counts as missing: one may be the network's doing."""


@dataclass(frozen=True, slots=True)
class Due:
    """One page to look at, and what for."""

    notice: Notice
    incident: str
    locale: str
    approved: str
    occasions: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the page stands on the server."""
        return str(self.notice.facts["public"]["paths"][self.locale])


class Prover:
    """Looks at every page once a day and within its last hour; at one that is missing, at every round."""

    def __init__(self, store: Store, address: Callable[[], str], looks: Look = look) -> None:
        """``address`` gives scheme and host of the server to look at, without a slash at the end."""
        self._store = store
        self._address = address
        self._look = looks
        self._failed: dict[tuple[int, str], int] = {}

    async def round(self) -> int:
        """Look at what is due now; returns how many pages were not as approved."""
        async with self._store.read() as tx:
            waiting = await due(tx)
        missing = 0
        for one in waiting:
            seen = await self._look(f"{self._address()}{one.path}")
            good = (seen.status, seen.digest) == (200, one.approved)
            key = (one.notice.id, one.locale)
            self._failed[key] = 0 if good else self._failed.get(key, 0) + 1
            missing += not good
            if good or self._failed[key] >= _TIMES:
                try:
                    async with self._store.begin() as tx:
                        await self._record(tx, one, seen, good=good)
                except IntegrityError:  # Another worker has just put the same on record.
                    continue
                note = log.info if good else log.error
                what = "a public notice was seen" if good else "a public notice is not served as approved"
                note(what, incident=one.incident, locale=one.locale, status=seen.status)
        return missing

    async def _record(self, tx: Transaction, one: Due, seen: Seen, *, good: bool) -> None:
        now = (await standing(tx)).get(one.notice.slug)
        if now is None or now.id != one.notice.id or ended_at(now) <= tx.now_us():
            return  # It was withdrawn or replaced while we looked.
        for occasion in one.occasions:
            if await _known(tx, one, occasion, served=good):
                continue
            (event,) = tx.record(
                Event(
                    IncidentAction.SUBSTITUTE_SERVED if good else IncidentAction.SUBSTITUTE_MISSING,
                    {
                        "incident": one.incident,
                        "revision": one.notice.revision,
                        "locale": one.locale,
                        "occasion": occasion,
                        "status": seen.status,
                        "digest": seen.digest,
                        "actor": "system",
                    },
                )
            )
            await tx.insert_many(
                "substitute_proof",
                ("notice_id", "locale", "occasion", "served", "status", "digest", "at", "event_id"),
                [
                    (one.notice.id, one.locale, occasion, good, seen.status, seen.digest, tx.now_us(), event),
                ],
            )
        if good:
            await tx.housekeep("UPDATE substitute_notice SET taken_by = '' WHERE id = :id", {"id": now.id})


async def due(tx: Transaction) -> list[Due]:
    """Return the pages that stand now and have not been seen yet on this occasion."""
    now, found = tx.now_us(), []
    for notice in (await standing(tx)).values():
        if notice.state != PUBLISHED or not (notice.visible_at or 0) + _SETTLES <= now < notice.until_at:
            continue
        code = str(await tx.scalar("SELECT code FROM incident WHERE id = :id", id=notice.incident_id))
        occasions = [_day(notice, now), *([END] if notice.until_at - now <= _LAST else [])]
        for row in await tx.rows(
            "SELECT locale, digest FROM substitute_page WHERE notice_id = :id AND kind = :kind"
            " ORDER BY locale",
            id=notice.id,
            kind=PAGE,
        ):
            one = Due(notice, code, row.locale, row.digest, tuple(occasions))
            unseen = tuple([each for each in occasions if not await _known(tx, one, each, served=True)])
            if unseen:
                found.append(Due(notice, code, row.locale, row.digest, unseen))
    return found


async def _known(tx: Transaction, one: Due, occasion: str, *, served: bool) -> bool:
    return bool(
        await tx.scalar(
            "SELECT 1 FROM substitute_proof WHERE notice_id = :id AND locale = :locale"
            " AND occasion = :occasion AND served = :served",
            id=one.notice.id,
            locale=one.locale,
            occasion=occasion,
            served=served,
        )
    )


def _day(notice: Notice, instant: int) -> str:
    zone = read_zone(str(notice.facts["time_zone"]))
    return from_instant(instant).astimezone(zone).date().isoformat()


def unseen_days(notice: Notice, seen: Sequence[str], now: int) -> list[str]:
    """Return the days on which a notice stood, today apart, without being seen in every language."""
    if notice.visible_at is None:
        return []
    day = from_instant(notice.visible_at).astimezone(read_zone(str(notice.facts["time_zone"]))).date()
    last = min(_day(notice, now), _day(notice, ended_at(notice) - 1))
    found = []
    while (written := day.isoformat()) <= last:
        if written not in seen and not (written == last and ended_at(notice) > now):
            found.append(written)
        day += timedelta(days=1)
    return found
