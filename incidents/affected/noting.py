"""Put people on an incident's list in one statement: new ones are added, known ones only ever grow."""

from __future__ import annotations

from typing import Any

from incidents.affected.words import union
from incidents.silence import LEFT
from incidents.store import Incident
from notifier.store import Dialect, Transaction

# In the conflict clause `excluded` is the row that came second; our own column is affected.excluded.
_UNION = union("affected.categories", "excluded.categories")
_BASIS = (
    "CASE WHEN affected.basis LIKE '%' || excluded.basis || '%' OR length(affected.basis) > 2000"
    " THEN affected.basis ELSE affected.basis || '; ' || excluded.basis END"
)

# Only who was named by number is excluded as a contact, and then for whatever comes later too; who has left
# one account is told of all else.
_EXCLUDED = (
    "COALESCE((SELECT max(e.excluded) FROM affected e WHERE e.incident_id = :noted_incident"
    f" AND e.customer_id = s.customer_id AND e.via_account_id <> 0 AND e.excluded <> '{LEFT}'), '')"
)


def noting(tx: Transaction, incident: Incident, source: str) -> tuple[str, dict[str, Any]]:
    """Return the statement that notes everybody ``source`` yields, and values to bind beside its own.

    It changes the rows that are new or have grown, no others. ``source`` is a SELECT of customer_id,
    via_account_id, categories, basis and sealed, one row for each customer and account; ``sealed`` is NULL
    unless there are details other than those on the list.
    """
    return (
        "INSERT INTO affected (incident_id, customer_id, via_account_id, categories, basis, compromised,"
        " excluded, sealed, noted_at)"
        " SELECT :noted_incident, s.customer_id, s.via_account_id, s.categories, s.basis, '',"
        f" {_EXCLUDED}, s.sealed, :noted_now FROM ({source}) AS s WHERE true"
        " ON CONFLICT (incident_id, customer_id, via_account_id) DO UPDATE SET"
        f" categories = {_UNION}, basis = {_BASIS},"
        " sealed = COALESCE(excluded.sealed, affected.sealed), noted_at = excluded.noted_at"
        f" WHERE affected.categories <> {_UNION} OR excluded.sealed IS NOT NULL",
        {"noted_incident": incident.id, "noted_now": tx.now_us()},
    )


async def people(tx: Transaction, incident: Incident) -> int:
    """Return how many people are on the list, for whatever number of accounts."""
    return int(
        await tx.scalar(
            "SELECT count(DISTINCT customer_id) FROM affected WHERE incident_id = :id", id=incident.id
        )
    )


def null_bytes(dialect: Dialect) -> str:
    """Return a NULL that PostgreSQL takes for bytes."""
    return "CAST(NULL AS bytea)" if dialect == "postgresql" else "NULL"
