"""Sending waits while the audit trail stands still: what could not be proven afterwards is not done."""

from __future__ import annotations

from collections.abc import Callable

from notifier.engine.holds import end_holds, open_hold
from notifier.store import Store

HOLD = "trail"
LONGEST_STANDSTILL = 60.0
"""Seconds for which the same entry may be the next to get its place in the log."""
_REASON = "the audit trail cannot be extended: see the service's log and `notifier audit verify`"


class Trail:
    """Watches the queue of the entries that wait for their place. ``time`` is the event loop's clock.

    Not the age of an entry counts but how long the queue has not moved: after a restart, or on a machine
    that was asleep, old entries are no trouble.
    """

    def __init__(self, store: Store, time: Callable[[], float]) -> None:
        self._store = store
        self._time = time
        self._first: str | None = None
        self._since = time()

    async def stands_still(self) -> bool:
        """Say whether the trail stands still. While it does, whatever is being sent has a hold."""
        async with self._store.read() as tx:
            first = await tx.scalar("SELECT event_id FROM audit_pending ORDER BY id LIMIT 1")
        now = self._time()
        if first is None or first != self._first:
            self._first, self._since = first, now
        still = now - self._since > LONGEST_STANDSTILL
        await (self._hold() if still else self._let_go())
        return still

    async def _hold(self) -> None:
        async with self._store.read() as tx:
            waiting = await tx.rows(
                "SELECT a.id, a.author FROM announcement a WHERE a.state = 'released' AND a.control = 'run' "
                "AND a.id IN (SELECT b.announcement_id FROM send_batch b WHERE b.state <> 'done') "
                "AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.announcement_id = a.id AND h.kind = :kind "
                "AND h.ended_at IS NULL)",
                kind=HOLD,
            )
        for row in waiting:
            async with self._store.begin() as tx:
                await open_hold(tx, row.id, kind=HOLD, reason=_REASON, owner=row.author)

    async def _let_go(self) -> None:
        async with self._store.read() as tx:
            held = await tx.rows(
                "SELECT announcement_id FROM hold WHERE kind = :kind AND ended_at IS NULL", kind=HOLD
            )
        for row in held:
            async with self._store.begin() as tx:
                await end_holds(tx, row.announcement_id, kinds=(HOLD,), actor="system")
