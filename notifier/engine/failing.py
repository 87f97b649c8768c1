"""Batches that keep failing, each counted by itself: another one that goes well says nothing about it.

A batch fails when something unexpected ends its run; it is tried again once its lease has run out. The count
stands with the batch, so a restart forgets nothing.
"""

from __future__ import annotations

from notifier.engine.batches import Lease
from notifier.engine.holds import ask_author, end_holds
from notifier.engine.rounds import TROUBLED_AFTER
from notifier.store import Store

HOLD = "failing"
"""The kind of hold that ends when no batch of the announcement fails any more."""

_REASON = "a batch keeps failing, the people in it wait: see the service's log for the error and its place"


class Failing:
    """Counts the failures in a row of each batch, and knows which ones trouble this process."""

    def __init__(self) -> None:
        self._keep_failing: set[tuple[int, int]] = set()

    @property
    def troubled(self) -> bool:
        """Whether some batch keeps failing."""
        return bool(self._keep_failing)

    async def failed(self, store: Store, lease: Lease) -> None:
        """Count a failure; from the third in a row on, make sure that somebody is asked to look."""
        async with store.begin() as tx:
            counted = await tx.housekeep(
                "UPDATE send_batch SET failures = failures + 1 WHERE id = :id AND state <> 'done'"
                " RETURNING failures",
                {"id": lease.batch_id},
            )
            if counted and counted[0].failures >= TROUBLED_AFTER:
                self._keep_failing.add((lease.announcement_id, lease.batch_id))
                await ask_author(tx, lease.announcement_id, kind=HOLD, reason=_REASON)
        if not counted:  # Everybody in it was handed over before it failed.
            await self.went_well(store, lease)

    async def went_well(self, store: Store, lease: Lease) -> None:
        """Forget the failures of a batch; the hold ends with the last batch that failed."""
        async with store.begin() as tx:
            await tx.housekeep(
                "UPDATE send_batch SET failures = 0 WHERE id = :id AND failures > 0", {"id": lease.batch_id}
            )
            if await tx.scalar(
                "SELECT 1 FROM hold h WHERE h.announcement_id = :id AND h.kind = :kind "
                "AND h.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM send_batch b "
                "WHERE b.announcement_id = :id AND b.failures > 0 AND b.state <> 'done')",
                id=lease.announcement_id,
                kind=HOLD,
            ):
                await end_holds(tx, lease.announcement_id, kinds=(HOLD,), actor="system")
        self._keep_failing.discard((lease.announcement_id, lease.batch_id))

    async def forget_ended(self, store: Store) -> None:
        """Forget the batches of announcements that are not sent any more."""
        if not self._keep_failing:
            return
        async with store.read() as tx:
            rows = await tx.rows("SELECT id FROM announcement WHERE state = 'released'")
        released = {row.id for row in rows}
        self._keep_failing = {key for key in self._keep_failing if key[0] in released}
