"""Rows on their way into the list, in a table of this transaction alone: bytes cannot travel as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from incidents.affected.criteria import Exposure
from incidents.affected.noting import note
from incidents.affected.words import union
from incidents.store import Incident
from notifier.keys import Keys
from notifier.store import Transaction

CONTEXT = b"member"
"""Details are sealed for the audience member they will belong to, so that a freeze copies them."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One person named. ``exposed`` is a set of words; ``usual``: and what the act says for everybody."""

    customer_id: int
    exposed: str = ""
    usual: bool = False
    details: Mapping[str, object] = field(default_factory=dict)
    via_account_id: int = 0


async def open_stage(tx: Transaction) -> None:
    """Make the stage; it is gone with the transaction."""
    blob = "bytea" if tx.dialect == "postgresql" else "blob"
    gone = " ON COMMIT DROP" if tx.dialect == "postgresql" else ""
    await tx.housekeep("DROP TABLE IF EXISTS affected_stage")
    await tx.housekeep(
        "CREATE TEMP TABLE affected_stage"
        f" (customer_id bigint, via_account_id bigint, exposed text, usual boolean, sealed {blob}){gone}"
    )


async def note_staged(
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    staged: Sequence[Staged],
    exposure: Exposure,
    *,
    basis: str,
    compromised: str = "",
) -> int:
    """Note the staged people, each customer and account once; returns how many were added or have grown."""
    sealed = await seal_details(tx, keys, {one.customer_id: one.details for one in staged if one.details})
    await tx.housekeep("DELETE FROM affected_stage")
    await tx.insert_many(
        "affected_stage",
        ("customer_id", "via_account_id", "exposed", "usual", "sealed"),
        (
            (one.customer_id, one.via_account_id, one.exposed, one.usual, sealed.get(one.customer_id))
            for one in staged
        ),
    )
    exposed, whole = exposure.expression("c.data_held"), Exposure(exposure.codes, "given").expression("")
    return await note(
        tx,
        incident,
        f"SELECT u.customer_id, u.via_account_id, CASE WHEN u.usual THEN {union('u.exposed', 'u.for_all')}"
        " ELSE u.exposed END AS categories, CAST(:basis AS text) AS basis,"
        " CAST(:compromised AS text) AS compromised, u.sealed FROM"
        # Somebody who was named is affected, whatever we know about the data held.
        f" (SELECT t.*, CASE WHEN {exposed} = '' THEN {whole} ELSE {exposed} END AS for_all"
        " FROM affected_stage t JOIN customer c ON c.id = t.customer_id) AS u",
        {"basis": basis, "compromised": compromised},
    )


async def seal_details(
    tx: Transaction, keys: Keys, details: Mapping[int, Mapping[str, object]]
) -> dict[int, bytes]:
    """Return the details of each customer sealed under that customer's key; none for those without one."""
    if not details:
        return {}
    source = tx.recordset("detailed", "v", id="bigint")
    rows = await tx.rows(
        f"SELECT c.id, c.uid, k.wrapped FROM {source} JOIN customer c ON c.id = v.id"
        " JOIN subject_key k ON k.customer_id = c.id",
        detailed=orjson.dumps([{"id": customer_id} for customer_id in details]).decode(),
    )
    return {
        row.id: keys.subject(row.uid, bytes(row.wrapped)).seal(
            orjson.dumps(details[row.id], option=orjson.OPT_SORT_KEYS), CONTEXT
        )
        for row in rows
    }
