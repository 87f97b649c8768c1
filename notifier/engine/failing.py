"""Batches that keep failing, each counted by itself: another one that goes well says nothing about it.

A batch fails when something unexpected ends its run; it is tried again once its lease has run out. Counts
are lost with the process, a hold they have led to is not.
"""

from __future__ import annotations

from collections import Counter

from notifier.engine.batches import Lease
from notifier.engine.holds import ask_author, end_holds
from notifier.engine.rounds import TROUBLED_AFTER
from notifier.store import Store

HOLD = "failing"
"""The kind of hold that ends when the batch goes well."""

_REASON = "a batch keeps failing, the people in it wait: see the service's log for the error and its place"


class Failing:
    """Counts the failures in a row of each batch."""

    def __init__(self) -> None:
        self._in_a_row: Counter[tuple[int, int]] = Counter()

    @property
    def troubled(self) -> bool:
        """Whether some batch keeps failing."""
        return any(count >= TROUBLED_AFTER for count in self._in_a_row.values())

    async def failed(self, store: Store, lease: Lease) -> None:
        """Count a failure; from the third in a row on, make sure that somebody is asked to look."""
        key = lease.announcement_id, lease.batch_id
        self._in_a_row[key] += 1
        if self._in_a_row[key] < TROUBLED_AFTER:
            return
        async with store.begin() as tx:
            await ask_author(tx, lease.announcement_id, kind=HOLD, reason=_REASON)

    async def went_well(self, store: Store, lease: Lease) -> None:
        """Forget the failures of a batch; the hold ends with the last batch that failed."""
        self._in_a_row.pop((lease.announcement_id, lease.batch_id), None)
        if all(announcement != lease.announcement_id for announcement, _ in self._in_a_row):
            async with store.begin() as tx:
                await end_holds(tx, lease.announcement_id, kinds=(HOLD,), actor="system")

    async def forget_ended(self, store: Store) -> None:
        """Forget the batches of announcements that are not sent any more."""
        if not self._in_a_row:
            return
        async with store.read() as tx:
            rows = await tx.rows("SELECT id FROM announcement WHERE state = 'released'")
        released = {row.id for row in rows}
        for key in [key for key in self._in_a_row if key[0] not in released]:
            del self._in_a_row[key]
