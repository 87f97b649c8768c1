"""What the public sees at an address now: the notice, that it ended, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from incidents.substitute import notices
from incidents.substitute.making import PAGE, PATH
from incidents.substitute.notices import Notice
from notifier.clock import from_instant
from notifier.rendering.locales import choose
from notifier.rendering.moments import read_zone
from notifier.rendering.public import PublicRenderer
from notifier.store import Store, Transaction
from notifier.web.current import Current

_KEPT = timedelta(seconds=5)
_SHOWN = (
    "SELECT n.* FROM substitute_notice n JOIN incident i ON i.id = n.incident_id"
    " WHERE n.visible_at <= :now AND (n.withdrawn_at IS NULL OR n.withdrawn_at > n.visible_at)"
    # An order to keep still counts for what was not public yet.
    " AND NOT (i.state = 'hold' AND n.visible_at > (SELECT max(s.taken_at) FROM incident_step s"
    " WHERE s.incident_id = i.id AND s.after = 'hold')) ORDER BY n.revision"
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands at one address: pages by locale. ``until`` is the end of the notice; ``ended`` its last
    day, once that is over.
    """

    notice: Notice
    until: datetime
    ended: date | None
    pages: dict[str, bytes] = field(default_factory=dict)

    def best(self, wanted: Sequence[str]) -> str:
        """Return the first language of a list in which there is a page, by its kin too; else any."""
        pages = list(self.pages)
        for tag in wanted:
            main = tag.partition("-")[0]
            if any(one.partition("-")[0] == main for one in pages):
                return choose("the public notice", tag, pages, tag, pages)
        return min(pages)


async def standing(tx: Transaction) -> dict[str, Notice]:
    """Return by slug the notice that counts at each address that is, or was, public: the newest."""
    return {row.slug: notices.read(row) for row in await tx.rows(_SHOWN, now=tx.now_us())}


def ended_at(now: Notice) -> int:
    """Return the instant at which a notice ends, or ended: by its dates, or because it was withdrawn."""
    return min(now.until_at, now.withdrawn_at or now.until_at)


class Shelf:
    """All public pages, read from the store at most every five seconds; an unknown address costs nothing."""

    def __init__(self, store: Store, folders: list[Path], default_locale: str) -> None:
        self._store = store
        self.default_locale = default_locale
        self._renderer = PublicRenderer(folders)
        self._shown: dict[str, Shown] = {}
        self._until: datetime | None = None

    async def find(self, slug: str) -> Shown | None:
        """Return what stands at an address now; nothing where nothing stood yet."""
        return (await self._read()).get(slug)

    async def listed(self, locale: str) -> list[Current]:
        """Return the notices that are public now, the newest first, in ``locale`` or else in another."""
        found = []
        for slug, shown in (await self._read()).items():
            if shown.ended is None and shown.notice.visible_at is not None:
                chosen = shown.best([locale, self.default_locale])
                found.append(
                    Current(
                        f"{shown.notice.facts['brand']}: {self._renderer.title(chosen)}",
                        from_instant(shown.notice.visible_at),
                        "substitute",
                        f"{PATH}/{slug}/{chosen}",
                    )
                )
        return sorted(found, key=lambda one: one.since, reverse=True)

    async def _read(self) -> dict[str, Shown]:
        now = self._store.clock.now()
        if self._until is None or now >= self._until:
            async with self._store.read() as tx:
                known = await standing(tx)
                self._shown = {slug: await self._shown_now(tx, one, now) for slug, one in known.items()}
            ends = (one.until for one in self._shown.values() if one.ended is None)
            self._until = min((now + _KEPT, *ends))
        return self._shown

    async def _shown_now(self, tx: Transaction, one: Notice, now: datetime) -> Shown:
        until = from_instant(ended_at(one))
        if now < until:
            return Shown(one, until, None, await notices.pages(tx, one.id, PAGE))
        zone = read_zone(str(one.facts["time_zone"]))
        day = (until - timedelta(microseconds=1)).astimezone(zone).date()
        pages = {locale: self._renderer.ended(locale, one.facts, day) for locale in one.terms.locales}
        return Shown(one, until, day, pages)
