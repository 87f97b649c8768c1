"""Bring a store's tables to the form this version needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from notifier.errors import StoreError


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def upgrade(engine: AsyncEngine) -> None:
    """Create the tables, or bring older ones up to date, in one transaction."""
    async with engine.connect() as connection:
        await connection.execution_options(notifier_write=True)
        async with connection.begin():
            await connection.run_sync(_upgrade)


def head() -> str | None:
    """Return the revision of the tables that this version needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _lacks_folder(engine: AsyncEngine) -> bool:
    return engine.dialect.name == "sqlite" and not Path(engine.url.database or "").parent.is_dir()


async def found(engine: AsyncEngine) -> str | None:
    """Return the revision of the tables that a store has; ``None`` if it has none.

    A database that cannot be used is a ``StoreError``.
    """
    if _lacks_folder(engine):
        raise StoreError("there is no store here yet", advice="Run `notifier init`, or name its --home.")
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(
                lambda sync: MigrationContext.configure(sync).get_current_revision()
            )
    except DBAPIError as error:
        raise StoreError(
            f"the database cannot be used ({type(error).__name__})",
            advice="Check store.url: the server, the database's name, the user and its rights.",
        ) from None


async def require_current(engine: AsyncEngine) -> None:
    """Raise ``StoreError`` unless the store's tables are those of this version."""
    current, needed = await found(engine), head()
    if current is None:
        raise StoreError("the store has no tables yet", advice="Run `notifier init` first.")
    if current != needed:
        raise StoreError(
            f"the store has the tables of another version ({current}, this one needs {needed})",
            advice="Stop the service, run `notifier backup` with the old version, then `notifier upgrade`.",
        )
