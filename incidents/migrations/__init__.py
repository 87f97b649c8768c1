"""Bring a store's tables to the form this version needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
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


async def require_current(engine: AsyncEngine) -> None:
    """Raise ``StoreError`` unless the store's tables are those of this version."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    async with engine.connect() as connection:
        found = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )
    if found is None:
        raise StoreError("the store has no tables yet", advice="Run `notifier init` first.")
    if found != head:
        raise StoreError(
            f"the store has the tables of another version ({found}, this one needs {head})",
            advice="Stop the service, run `notifier backup` with the old version, then `notifier upgrade`.",
        )
