"""Who runs a batch. The port has three methods; inside one process plain asyncio workers stand behind it.

Whatever stands behind it is at-least-once. Correctness lives in the store (leases, claim tokens, opened
attempts), never in the dispatcher.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from notifier.engine.rounds import LONGEST_PAUSE, where
from notifier.errors import StoreError
from notifier.store import Transaction

Handler = Callable[[], Awaitable[bool]]
"""Claims and runs one batch; false if none was due."""

log = structlog.get_logger()


class Dispatcher(Protocol):
    """Carries the word that batches are due to whoever works them."""

    async def dispatch(self, tx: Transaction, batches: Sequence[int], *, not_before: int) -> None:
        """Announce that batches are ready, inside the transaction that makes them so: if it does not commit,
        nobody hears of them. They are due at the instant ``not_before``.
        """
        ...

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        """Work until ``stop``; what is under way is finished. Survives the loss of the database."""
        ...

    def sweep(self) -> None:
        """Look again at once for batches whose lease has run out or whose time has come."""
        ...


class InlineDispatcher:
    """Asyncio workers of this process over the batch rows themselves."""

    def __init__(self, *, workers: int, look_every: float = 1.0) -> None:
        self._workers = workers
        self._look_every = look_every
        self._wake = asyncio.Event()

    async def dispatch(self, tx: Transaction, batches: Sequence[int], *, not_before: int) -> None:
        """Wake the workers of this process: the rows are the queue, there is nothing to carry."""
        del tx, batches, not_before
        self._wake.set()

    async def run(self, handler: Handler, stop: asyncio.Event) -> None:
        """Run the workers until ``stop`` and until each has finished its batch."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(handler, stop))

    def sweep(self) -> None:
        """Wake the workers."""
        self._wake.set()

    async def _work(self, handler: Handler, stop: asyncio.Event) -> None:
        pause = self._look_every
        while not stop.is_set():
            try:
                busy = await handler()
                pause = self._look_every
            except (StoreError, SQLAlchemyError, OSError) as error:
                # The store is unwell: nothing may be sent, so wait and look again.
                log.warning("batch interrupted", error=type(error).__name__)
                busy = False
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one batch, the others go on
                # Its lease stays until it runs out, so meanwhile the others have their turn.
                log.error("batch failed", error=type(error).__name__, where=where(error))  # noqa: TRY400
                busy = False
            if not busy:
                await self._rest(stop, pause)

    async def _rest(self, stop: asyncio.Event, seconds: float) -> None:
        self._wake.clear()
        waiting = [asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(stop.wait())]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
