"""Bring a store's tables to the form this version needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

FOLDER = Path(__file__).parent


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def upgrade(engine: AsyncEngine) -> None:
    """Create the tables, or bring older ones up to date, in one transaction."""
    async with engine.connect() as connection:
        await connection.execution_options(notifier_write=True)
        async with connection.begin():
            await connection.run_sync(_upgrade)
