"""One import at a time: a lock that ends with its process, however that ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from notifier.errors import Conflict
from notifier.store import Store

_ADVISORY_KEY = 0x6E6F_7469_6669_6572  # Any number will do, as long as it is ours alone.


@asynccontextmanager
async def only_import(store: Store) -> AsyncIterator[None]:
    """Hold the right to import into ``store``; ``Conflict`` if somebody else holds it.

    The kernel (a locked file beside SQLite's) or PostgreSQL (a session's advisory lock) gives it back when
    the holder is gone.
    """
    busy = Conflict(
        "another import is running", advice="Wait for it to end; it can be interrupted and repeated."
    )
    if store.dialect == "postgresql":
        async with store.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            key = {"key": _ADVISORY_KEY}
            if not (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key)).scalar():
                raise busy
            try:
                yield
            finally:
                await asyncio.shield(connection.execute(text("SELECT pg_advisory_unlock(:key)"), key))
        return
    handle = os.open(f"{store.engine.url.database}.import-lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(handle)
