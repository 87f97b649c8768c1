"""Link customers to their guardians once all rows are known, whatever their order in the file."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from notifier.customers.scratch import Link
from notifier.store import Transaction


async def link_guardians(tx: Transaction, links: Sequence[Link]) -> tuple[int, list[int]]:
    """Set the guardians that ``links`` name; returns how many changed, and the lines that name nobody."""
    source = tx.recordset("links", "v", number="text", guardian="text", line="bigint")
    bound = orjson.dumps(
        [{"number": number, "guardian": guardian, "line": line} for number, guardian, line in links]
    ).decode()
    linked = await tx.write(
        f"UPDATE customer SET guardian_id = g.id FROM {source} JOIN customer g ON g.number = v.guardian "
        "WHERE customer.number = v.number AND customer.guardian_id IS DISTINCT FROM g.id",
        {"links": bound},
    )
    lost = await tx.rows(
        f"SELECT v.line FROM {source} LEFT JOIN customer g ON g.number = v.guardian "
        "WHERE g.id IS NULL ORDER BY v.line",
        links=bound,
    )
    return linked, [int(row.line) for row in lost]
