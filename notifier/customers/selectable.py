"""Which free attributes stand in the clear: what imports declared, remembered with each of them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from notifier.customers.mapping import Column
from notifier.store import Transaction

_CLEAR, _SEALED = "attributes:", "other:"


def remembered(columns: Sequence[Column]) -> dict[str, str]:
    """Return what each column of a file means, as the record of its import keeps it."""
    return {column.header: f"{_prefix(column)}{column.field}" for column in columns}


def _prefix(column: Column) -> str:
    if column.in_the_clear:
        return _CLEAR
    return _SEALED if column.how == "attribute" else ""


async def selectable_attributes(tx: Transaction) -> frozenset[str]:
    """Return the attributes that the last import which had them left in the clear."""
    clear: set[str] = set()
    for row in await tx.rows("SELECT mapping FROM import_run ORDER BY id"):
        mapping = row.mapping if isinstance(row.mapping, dict) else orjson.loads(row.mapping)
        for meaning in mapping.values():
            if meaning.startswith(_CLEAR):
                clear.add(meaning.removeprefix(_CLEAR))
            else:
                clear.discard(meaning.removeprefix(_SEALED))
    return frozenset(clear)
