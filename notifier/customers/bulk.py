"""The first large import into SQLite: the indexes over random values are built once, at its end.

Blind indexes are random, so each new row touches pages all over their B-trees, and each commit writes
those pages twice, to the log and to the database. While they are missing, look-ups are slow but right. An
import that was interrupted leaves that to the next one, of any size.
"""

from __future__ import annotations

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, Index

from notifier.store import Store, Transaction
from notifier.store.tables import metadata

_FEW = 50_000
_SCATTERED = {"contact_point": "folded_index", "customer": "place_index"}


async def drop_scattered_indexes(store: Store, expected_rows: int) -> bool:
    """Drop the indexes over random values if that pays for ``expected_rows`` rows; says whether it did."""
    if store.dialect != "sqlite" or expected_rows < _FEW:
        return False
    async with store.begin() as tx:
        there = int(await tx.scalar("SELECT count(*) FROM customer"))
        if there * 4 > expected_rows:
            return False
        for index in _scattered():
            await tx.housekeep(f"DROP INDEX IF EXISTS {index.name}")
    return True


async def restore_scattered_indexes(store: Store) -> None:
    """Build whatever index is missing; cheap where none is."""
    if store.dialect != "sqlite":
        return
    for index in _scattered():
        async with store.begin() as tx:
            if not await _exists(tx, str(index.name)):
                await tx.housekeep(str(CreateIndex(index).compile(dialect=sqlite.dialect())))


async def _exists(tx: Transaction, name: str) -> bool:
    found = await tx.scalar("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = :name", name=name)
    return found is not None


def _scattered() -> list[Index]:
    """Return the indexes, as the tables define them, that begin with a blind index."""
    return [
        index
        for table, column in _SCATTERED.items()
        for index in metadata.tables[table].indexes
        if next(iter(index.columns)).name == column
    ]
