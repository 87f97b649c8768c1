"""Put people on an incident's list in one statement: new ones are added, known ones only ever grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.affected.words import union
from incidents.store import Incident
from notifier.store import Dialect, Transaction

# In the conflict clause `excluded` is the row that came second; our own column is affected.excluded.
_UNION = union("affected.categories", "excluded.categories")
_COMPROMISED = (
    "CASE WHEN excluded.compromised = '' OR affected.compromised LIKE '%' || excluded.compromised || '%'"
    " THEN affected.compromised ELSE affected.compromised || excluded.compromised END"
)
_BASIS = (
    "CASE WHEN affected.basis LIKE '%' || excluded.basis || '%' OR length(affected.basis) > 2000"
    " THEN affected.basis ELSE affected.basis || '; ' || excluded.basis END"
)


async def note(tx: Transaction, incident: Incident, source: str, params: Mapping[str, Any]) -> int:
    """Note everybody that ``source`` yields; returns how many were added or have grown.

    ``source`` is a SELECT of customer_id, via_account_id, categories, basis, compromised and sealed, one
    row for each customer and account. Sealed details replace earlier ones.
    """
    return await tx.write(
        "INSERT INTO affected (incident_id, customer_id, via_account_id, categories, basis, compromised,"
        " excluded, sealed, noted_at)"
        " SELECT :noted_incident, s.customer_id, s.via_account_id, s.categories, s.basis, s.compromised, '',"
        f" s.sealed, :noted_now FROM ({source}) AS s WHERE true"
        " ON CONFLICT (incident_id, customer_id, via_account_id) DO UPDATE SET"
        f" categories = {_UNION}, basis = {_BASIS}, compromised = {_COMPROMISED},"
        " sealed = COALESCE(excluded.sealed, affected.sealed), noted_at = excluded.noted_at"
        f" WHERE affected.categories <> {_UNION} OR affected.compromised <> {_COMPROMISED}"
        " OR excluded.sealed IS NOT NULL",
        {**params, "noted_incident": incident.id, "noted_now": tx.now_us()},
    )


async def people(tx: Transaction, incident: Incident) -> int:
    """Return how many rows the list has."""
    return int(await tx.scalar("SELECT count(*) FROM affected WHERE incident_id = :id", id=incident.id))


def null_bytes(dialect: Dialect) -> str:
    """Return a NULL that PostgreSQL takes for bytes."""
    return "CAST(NULL AS bytea)" if dialect == "postgresql" else "NULL"
