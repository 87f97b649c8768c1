"""One worker at a time may send from a store.

On SQLite a lock on a file beside the database says who; the operating system releases it when the process
dies. On PostgreSQL a row with an expiry says who, on the database's clock, until the engine for several
workers takes its place.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from notifier.engine.windows import SECOND
from notifier.errors import Conflict
from notifier.store import Store

_LEASE_SECONDS = 30
_ROW = 1


class Ownership:
    """The right to be the one worker; hold it as an async context manager."""

    def __init__(self, store: Store, folder: Path, worker: str) -> None:
        self._store = store
        self._folder = folder
        self._worker = worker
        self._file: int | None = None

    async def __aenter__(self) -> Self:
        """Become the worker; raises ``Conflict`` while another one is."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._folder / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            self._file = None
            raise Conflict(
                "another worker is sending from this store",
                advice="Stop it first; other commands may run beside it.",
            ) from None
        if self._store.dialect == "postgresql":
            await self.renew()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let another worker in."""
        if self._store.dialect == "postgresql":
            async with self._store.begin() as tx:
                await tx.housekeep("DELETE FROM sender_lease WHERE worker = :me", {"me": self._worker})
        if self._file is not None:
            os.close(self._file)

    async def renew(self) -> None:
        """Extend the row on PostgreSQL; raises ``Conflict`` if it is another worker's."""
        if self._store.dialect == "sqlite":
            return
        async with self._store.begin() as tx:
            now = await tx.db_now_us()
            mine = await tx.housekeep(
                "INSERT INTO sender_lease (id, worker, until) VALUES (:id, :me, :until) "
                "ON CONFLICT (id) DO UPDATE SET worker = :me, until = :until "
                "WHERE sender_lease.worker = :me OR sender_lease.until < :now RETURNING id",
                {"id": _ROW, "me": self._worker, "until": now + _LEASE_SECONDS * SECOND, "now": now},
            )
        if not mine:
            raise Conflict(
                "another worker is sending from this store",
                advice=f"Stop it first; if it has died, its place is free after {_LEASE_SECONDS} seconds.",
            )
