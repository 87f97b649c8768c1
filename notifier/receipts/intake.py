"""The intake: receipts of all inlets go through here, many in one transaction."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError, OperationalError

from notifier.channels.receipts import Receipt
from notifier.keys import Keys
from notifier.receipts.taking import take
from notifier.store import Store

_MOST = 1000
"""Receipts in one transaction, unless a single caller brings more."""


@dataclass(frozen=True, slots=True)
class _Brought:
    source: str
    receipts: Sequence[Receipt]
    done: asyncio.Future[None]


class Intake:
    """Takes what inlets bring. While one transaction is being committed, the next one gathers."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._waiting: list[_Brought] = []
        self._work: asyncio.Task[None] | None = None

    async def take(self, source: str, receipts: Sequence[Receipt]) -> None:
        """Return once the receipts are on record; raise what kept them from it: then whoever reported them
        has to do so again.
        """
        if not receipts:
            return
        brought = _Brought(source, receipts, asyncio.get_running_loop().create_future())
        self._waiting.append(brought)
        if self._work is None:
            self._work = asyncio.create_task(self._run())
        await brought.done

    async def _run(self) -> None:
        try:
            while self._waiting:
                part: list[_Brought] = []
                count = 0
                while self._waiting and (not part or count + len(self._waiting[0].receipts) <= _MOST):
                    part.append(self._waiting.pop(0))
                    count += len(part[-1].receipts)
                await self._commit(part)
        finally:
            self._work = None

    async def _commit(self, part: Sequence[_Brought]) -> None:
        error: BaseException | None = None
        for _attempt in range(2):
            try:
                await self._put(part)
            except (IntegrityError, OperationalError) as clash:
                # Another process has just taken the same report, and now it is known; or it wanted the same
                # rows the other way round, and the database chose us to step back.
                error = clash
            except Exception as failure:  # noqa: BLE001 - whatever it is, each caller hears of it
                error = failure
                break
            else:
                error = None
                break
        for one in part:
            if one.done.done():
                continue  # Its caller has gone.
            if error is None:
                one.done.set_result(None)
            else:
                one.done.set_exception(error)

    async def _put(self, part: Sequence[_Brought]) -> None:
        by_source: dict[str, list[Receipt]] = defaultdict(list)
        for one in part:
            by_source[one.source] += one.receipts
        async with self._store.begin() as tx:
            for source, receipts in by_source.items():
                await take(tx, self._keys, source, receipts)
