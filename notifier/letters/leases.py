"""The batches whose letters are being printed: leased one after the other, kept until all is on record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from notifier.engine import batches
from notifier.engine.batches import Lease
from notifier.engine.dispatch import Dispatcher
from notifier.engine.windows import SECOND
from notifier.errors import LostLease
from notifier.settings import SendingSettings
from notifier.store import Store


class Leases:
    """Leases of one announcement's letters. ``renewing`` runs beside the work."""

    def __init__(
        self,
        store: Store,
        announcement_id: int,
        settings: SendingSettings,
        *,
        drill: bool,
        worker: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._announcement_id = announcement_id
        self._settings = settings
        self._drill = drill
        self._worker = worker
        self._monotonic = monotonic
        self._held: list[Lease] = []
        self._ends = 0.0
        self._over = ""

    async def claim(self) -> Lease | None:
        """Lease the next batch, ``None`` if none is ready. What another one left open becomes ``unknown``."""
        began = self._monotonic()
        lease = await batches.claim(
            self._store,
            worker=self._worker,
            drill=self._drill,
            lease_us=int(self._settings.lease_seconds * SECOND),
            quarantine_us=int(self._settings.quarantine_seconds * SECOND),
            running=[one.batch_id for one in self._held],
            channels=("letter",),
            only=self._announcement_id,
        )
        if lease is not None:
            if not self._held:
                self._ends = began + self._settings.lease_seconds
            self._held.append(lease)
        return lease

    async def renewing(self, stop: asyncio.Event) -> None:
        """Renew all leases each third of their length until ``stop``; with one that is lost, all are over."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._settings.lease_seconds / 3)
                return
            began = self._monotonic()
            try:
                for lease in tuple(self._held):
                    await batches.renew(self._store, lease, int(self._settings.lease_seconds * SECOND))
            except LostLease:
                self.give_up("another one has taken letters of this batch over")
                return
            except (SQLAlchemyError, OSError):
                continue  # Unwell; until the leases run out there is time to try again.
            self._ends = began + self._settings.lease_seconds

    def give_up(self, why: str) -> None:
        """Let nothing more be begun."""
        self._over = self._over or why

    def require(self) -> None:
        """Raise ``LostLease`` where the letters may be somebody else's by now. Any thread may ask."""
        if not self._over and self._held and self._monotonic() > self._ends:
            self._over = "the leases ran out: this process or the store stood still"
        if self._over:
            raise LostLease(
                f"no letter was printed: {self._over}",
                advice="Run it again: what was begun is in doubt for a while, and then in the next batch.",
            )

    @property
    def over(self) -> bool:
        """Whether nothing may be written under these leases any more."""
        return bool(self._over) or self._monotonic() > self._ends

    async def give_back(self, dispatcher: Dispatcher) -> None:
        """Return all batches, for what still waits in them."""
        for lease in self._held:
            with suppress(LostLease):
                await batches.give_back(
                    self._store,
                    lease,
                    dispatcher,
                    quarantine_us=int(self._settings.quarantine_seconds * SECOND),
                )
