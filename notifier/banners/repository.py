"""The banner's desk over the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from notifier.banners import out, reporting
from notifier.banners.changes import Changes
from notifier.banners.reporting import Report
from notifier.channels.banner.notices import BannerEvent, BannerNotice
from notifier.channels.banner.repository import Facts
from notifier.keys import Keys
from notifier.references import read_reference
from notifier.store import Store


class StoreBanners:
    """Each account's notices, and the record of what its reader did: see ``BannerRepository``."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._changes = Changes(store)

    async def notices(self, sub: str, _locale: str) -> Sequence[BannerNotice]:
        """Return what is out for this person now, in the language in which it was made for them."""
        async with self._store.read() as tx:
            found = await out.out(tx, sub)
        return out.shown(found, self._keys)

    async def report(self, sub: str, reference: str, event: BannerEvent, at: datetime, facts: Facts) -> bool:
        """Record an event; return whether it is on record. What changes nothing takes no lock."""
        known = read_reference(reference)
        if known is None:
            return False
        report = Report(sub, known, event, at, facts)
        async with self._store.read() as tx:
            answer = await reporting.settled(tx, self._keys, report)
        if answer is not None:
            return answer
        async with self._store.begin() as tx:
            return await reporting.record(tx, self._keys, report)

    def changes(self, sub: str) -> AsyncGenerator[None]:
        """Yield within some seconds whenever something may have changed for this person."""
        return self._changes.of(sub)
