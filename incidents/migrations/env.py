"""Alembic's entry: runs on the connection it is given, never on one of its own."""

from __future__ import annotations

from alembic import context

import incidents.tables  # noqa: F401 - puts its tables into the metadata
from notifier.store.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run through `notifier init` and `notifier upgrade`")
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
context.run_migrations()
