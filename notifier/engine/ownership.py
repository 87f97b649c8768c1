"""One worker at a time may send from a store.

A lock on a file in the state folder says who, and on SQLite another beside the database; the operating
system releases them when the process dies. On PostgreSQL a row with an expiry says who, on the database's
clock, until the engine for several workers takes its place.

The locked file also names its holder. Whoever gets the lock knows that the holders before it are gone, so
their row is taken over at once, however long it would still be good for.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
from sqlalchemy.exc import SQLAlchemyError

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
        self._locked: list[int] = []

    async def __aenter__(self) -> Self:
        """Become the worker; raises ``Conflict`` while another one is."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            mine = self._lock(self._folder / "worker.lock")
            if database := self._database():
                self._lock(database.with_name(f"{database.name}.worker"))
            if self._store.dialect == "postgresql":
                gone = os.pread(mine, 4096, 0).decode("ascii", "replace").split()
                # Before the row says so: killed in between, neither name keeps a successor waiting.
                _rewrite(mine, [*gone, self._worker])
                await self._take(gone)
                _rewrite(mine, [self._worker])
        except BaseException:
            self._unlock()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let another worker in."""
        try:
            if self._store.dialect == "postgresql":
                # Without the database the row stays; it names one who is gone, as after a kill.
                with suppress(SQLAlchemyError, OSError):
                    async with self._store.begin() as tx:
                        await tx.housekeep(
                            "DELETE FROM sender_lease WHERE worker = :me", {"me": self._worker}
                        )
        finally:
            self._unlock()

    async def renew(self) -> None:
        """Extend the row on PostgreSQL; raises ``Conflict`` if it is another worker's."""
        if self._store.dialect == "postgresql":
            await self._take([])

    def _database(self) -> Path | None:
        """Return the file of a SQLite store: two installations may have been given the same."""
        name = self._store.engine.url.database
        return Path(name) if self._store.dialect == "sqlite" and name and name != ":memory:" else None

    def _lock(self, path: Path) -> int:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._locked.append(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "another worker is sending from this store",
                advice="Stop it first; other commands may run beside it.",
            ) from None
        return file

    def _unlock(self) -> None:
        while self._locked:
            os.close(self._locked.pop())

    async def _take(self, gone: Sequence[str]) -> None:
        async with self._store.begin() as tx:
            now = await tx.db_now_us()
            mine = await tx.housekeep(
                "INSERT INTO sender_lease (id, worker, until) VALUES (:id, :me, :until) "
                "ON CONFLICT (id) DO UPDATE SET worker = :me, until = :until "
                "WHERE sender_lease.worker = :me OR sender_lease.until < :now OR sender_lease.worker IN "
                f"(SELECT v.name FROM {tx.recordset('gone', 'v', name='text')}) RETURNING id",
                {
                    "id": _ROW,
                    "me": self._worker,
                    "until": now + _LEASE_SECONDS * SECOND,
                    "now": now,
                    "gone": orjson.dumps([{"name": name} for name in gone]).decode(),
                },
            )
        if not mine:
            raise Conflict(
                "another worker is sending from this store",
                advice=f"Stop it first; if it has died, its place is free after {_LEASE_SECONDS} seconds.",
            )


def _rewrite(file: int, names: Sequence[str]) -> None:
    """Make these the names in a locked file."""
    content = "".join(f"{name}\n" for name in names).encode()
    os.pwrite(file, content, 0)
    os.ftruncate(file, len(content))
