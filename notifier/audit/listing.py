"""Find entries: those of one delivery or one announcement, in the order of their making."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry, its place in the log, and the smallest checkpoint that covers it; ``None`` while it waits."""

    event_id: str
    content: dict[str, Any]
    leaf_index: int | None
    checkpoint: int | None


_PLACED = (
    "SELECT e.id, e.entry, l.leaf_index, "
    "(SELECT min(c.size) FROM log_checkpoint c WHERE c.size > l.leaf_index) AS checkpoint "
    "FROM audit_event e LEFT JOIN log_leaf l ON l.event_id = e.id "
)


async def listing(
    tx: Transaction,
    *,
    delivery: str = "",
    announcement: str = "",
    action: str = "",
    after: str = "",
    most: int = 50,
) -> list[Placed]:
    """Return up to ``most`` entries after the event id ``after``; empty criteria do not restrict.

    The trail has no index but by id and place: entries are read until enough of them fit.
    """
    wanted = {"delivery": delivery, "announcement": announcement}
    conditions = [f"{_field(tx, name)} = :{name}" for name, value in wanted.items() if value]
    if action:
        conditions.append("e.action = :action")
    rows = await tx.rows(
        _PLACED
        + "WHERE e.id > :after "
        + "".join(f"AND {one} " for one in conditions)
        + "ORDER BY e.id LIMIT :most",
        after=after,
        most=most,
        **{name: value for name, value in {**wanted, "action": action}.items() if value},
    )
    return [_placed(row) for row in rows]


async def by_ids(tx: Transaction, event_ids: Sequence[str]) -> dict[str, Placed]:
    """Return the entries with these ids, by id; one that is missing is left out."""
    source = tx.recordset("ids", "v", id="text")
    rows = await tx.rows(
        f"{_PLACED} JOIN {source} ON v.id = e.id",
        ids=orjson.dumps([{"id": one} for one in event_ids]).decode(),
    )
    return {row.id: _placed(row) for row in rows}


def _placed(row: Any) -> Placed:
    return Placed(row.id, orjson.loads(bytes(row.entry)), row.leaf_index, row.checkpoint)


def _field(tx: Transaction, name: str) -> str:
    if tx.dialect == "sqlite":
        return f"json_extract(CAST(e.entry AS TEXT), '$.data.{name}')"
    return f"(CAST(convert_from(e.entry, 'UTF8') AS json) #>> '{{data,{name}}}')"
