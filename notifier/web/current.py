"""Which announcements are out now: their subject lines, since when and on which channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier import notices
from notifier.clock import from_instant, to_instant
from notifier.store import Store, Transaction
from notifier.web.references import subject_of

LISTED_AFTER_CLOSE = timedelta(days=90)
_KEPT = timedelta(seconds=10)
_MOST = 20


@dataclass(frozen=True, slots=True)
class Current:
    """One announcement as the public page lists it."""

    subject: str
    since: datetime
    channel: str
    path: str = ""
    """Where it can be read here, if it can."""


Also = Callable[[str], Awaitable[Sequence[Current]]]
"""What else is out now, in a language as near to the given one as there is."""


class CurrentAnnouncements:
    """The list, read from the store at most every ten seconds per language."""

    def __init__(self, store: Store, default_locale: str, also: Also | None = None) -> None:
        self._store = store
        self._also = also
        self._default = default_locale
        self._lists: dict[str, tuple[datetime, list[Current]]] = {}

    async def listed(self, locale: str) -> list[Current]:
        """Return the announcements that are out, the newest first, with subjects in ``locale`` if there
        is such a text, else in the default locale, else in any.
        """
        now = self._store.clock.now()
        if (kept := self._lists.get(locale)) and now - kept[0] < _KEPT:
            return kept[1]
        async with self._store.read() as tx:
            found = await self._read(tx, locale, now)
        if self._also is not None:
            found = [*await self._also(locale), *found]
        self._lists[locale] = (now, found)
        return found

    async def _read(self, tx: Transaction, locale: str, now: datetime) -> list[Current]:
        announcements = await tx.rows(
            "SELECT id, released_at FROM announcement WHERE released_at IS NOT NULL AND state <> 'cancelled' "
            "AND (closed_at IS NULL OR closed_at > :since) ORDER BY released_at DESC, id DESC LIMIT :most",
            since=to_instant(now - LISTED_AFTER_CLOSE),
            most=_MOST,
        )
        found = []
        for announcement in announcements:
            # The rendering for an invented person: its subject line is everybody's.
            sample = await tx.row(
                "SELECT content FROM notice_dictionary WHERE announcement_id = :id "
                "AND channel = 'email' ORDER BY "
                "CASE locale WHEN :locale THEN 0 WHEN :standard THEN 1 ELSE 2 END, "
                "CASE variant WHEN 'person' THEN 0 ELSE 1 END, id LIMIT 1",
                id=announcement.id,
                locale=locale,
                standard=self._default,
            )
            if sample and (subject := subject_of(notices.sample(sample.content))):
                found.append(Current(subject, from_instant(announcement.released_at), "email"))
        return found
