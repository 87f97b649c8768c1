"""Which form a store's tables have, and whether it is the one this version needs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from notifier.errors import StoreError

NEEDED = "0001"
"""The last of the migrations; asking Alembic would cost every command a tenth of a second."""


def _lacks_folder(engine: AsyncEngine) -> bool:
    return engine.dialect.name == "sqlite" and not Path(engine.url.database or "").parent.is_dir()


def _found(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


async def found(engine: AsyncEngine) -> str | None:
    """Return the revision of the tables that a store has; ``None`` if it has none.

    A database that cannot be used is a ``StoreError``.
    """
    if _lacks_folder(engine):
        raise StoreError("there is no store here yet", advice="Run `notifier init`, or name its --home.")
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_found)
    except DBAPIError as error:
        raise StoreError(
            f"the database cannot be used ({type(error).__name__})",
            advice="Check store.url: the server, the database's name, the user and its rights.",
        ) from None


async def require_current(engine: AsyncEngine) -> None:
    """Raise ``StoreError`` unless the store's tables are those of this version."""
    current = await found(engine)
    if current is None:
        raise StoreError("the store has no tables yet", advice="Run `notifier init` first.")
    if current != NEEDED:
        raise StoreError(
            f"the store has the tables of another version ({current}, this one needs {NEEDED})",
            advice="Stop the service, run `notifier backup` with the old version, then `notifier upgrade`.",
        )
