"""Is the service well? What a supervisor, a load balancer and an operator's monitor ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import SQLAlchemyError

from notifier.clock import to_instant
from notifier.errors import NotifierError, StoreError
from notifier.store import Store

TROUBLE = (StoreError, SQLAlchemyError, OSError)
"""What a store raises that cannot be read or written just now. Its text may hold personal data."""
LONGEST_WAIT = 60
"""Seconds an audit entry may wait for its place in the log before somebody must look."""

WorkerState = Literal["starting", "running", "troubled", "draining", "stopped", "none"]


@dataclass(frozen=True, slots=True)
class Health:
    """How the parts are. ``audit_waiting`` is the age in seconds of the oldest entry without a place."""

    store: Literal["reachable", "unreachable"]
    worker: WorkerState
    audit_waiting: int

    @property
    def well(self) -> bool:
        """Whether everything works as it should."""
        return (
            self.store == "reachable"
            and self.worker not in {"troubled", "stopped"}
            and self.audit_waiting <= LONGEST_WAIT
        )


async def look(store: Store, worker: Callable[[], WorkerState]) -> Health:
    """Ask the store and the worker. Counts stay out: their size would tell that of an incident."""
    try:
        async with store.read() as tx:
            oldest = await tx.scalar(
                "SELECT at FROM audit_event "
                "WHERE id = (SELECT event_id FROM audit_pending ORDER BY id LIMIT 1)"
            )
    except (SQLAlchemyError, NotifierError, OSError):
        return Health("unreachable", worker(), 0)
    waiting = 0 if oldest is None else max(0, (to_instant(store.clock.now()) - oldest) // 1_000_000)
    return Health("reachable", worker(), waiting)
