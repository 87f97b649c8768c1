"""Accounts with affected records that nobody is told for: counted, and kept in sight until somebody is."""

from __future__ import annotations

from typing import Any

from notifier.store import Transaction

LEFT = "no contact of the account any more"
"""The reason of an exclusion that no person gave."""


async def silent(tx: Transaction, incident_id: int) -> list[Any]:
    """Return the id and number of each, by number.

    ``excluded`` says that it had contacts, all of whom somebody excluded with a reason.
    """
    return list(
        await tx.rows(
            # Each set is made once; asking for every account anew would walk all affected rows each time.
            "SELECT t.id, t.number, t.id IN (SELECT a.via_account_id FROM affected a"
            " WHERE a.incident_id = :id AND a.excluded <> :left) AS excluded FROM account t WHERE t.id IN"
            " (SELECT r.account_id FROM affected_record r WHERE r.incident_id = :id AND r.settled = '')"
            " AND t.id NOT IN (SELECT a.via_account_id FROM affected a WHERE a.incident_id = :id"
            " AND a.excluded = '') ORDER BY t.number",
            id=incident_id,
            left=LEFT,
        )
    )
