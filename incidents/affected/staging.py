"""Rows on their way into the list, in tables of this transaction alone: bytes cannot travel as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from incidents.affected.acts import Counted
from incidents.affected.criteria import Exposure
from incidents.affected.details import seal_details
from incidents.affected.noting import noting
from incidents.affected.words import union
from incidents.store import Incident
from notifier.keys import Keys
from notifier.store import Transaction

NAMED = "SELECT customer_id FROM affected_named"
"""Everybody who was staged since the stage was opened."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One person named. ``exposed`` is a set of words; ``usual``: and what the act says for everybody.

    ``details`` are the person's whole ones from now on, or none where they stay as they are.
    """

    customer_id: int
    exposed: str = ""
    usual: bool = False
    details: Mapping[str, object] = field(default_factory=dict)
    via_account_id: int = 0


async def open_stage(tx: Transaction) -> None:
    """Make the stage; it is gone with the transaction."""
    await tx.make_temporary(
        "affected_stage",
        customer_id="bigint",
        via_account_id="bigint",
        exposed="text",
        usual="boolean",
        sealed="blob",
    )
    await tx.make_temporary(
        "affected_named", key="customer_id", customer_id="bigint", known="boolean", changed="boolean"
    )


async def note_staged(
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    staged: Sequence[Staged],
    exposure: Exposure,
    *,
    basis: str,
) -> None:
    """Note the staged people, each customer and account once; ``staged_people`` says what that changed."""
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
    await tx.housekeep(
        "INSERT INTO affected_named (customer_id, known, changed) SELECT DISTINCT s.customer_id,"
        " EXISTS (SELECT 1 FROM affected a WHERE a.incident_id = :incident"
        " AND a.customer_id = s.customer_id), false"
        " FROM affected_stage s WHERE true ON CONFLICT DO NOTHING",
        {"incident": incident.id},
    )
    exposed, whole = exposure.expression("c.data_held"), Exposure(exposure.codes, "given").expression("")
    source = (
        f"SELECT u.customer_id, u.via_account_id, CASE WHEN u.usual THEN {union('u.exposed', 'u.for_all')}"
        " ELSE u.exposed END AS categories, CAST(:basis AS text) AS basis, u.sealed FROM"
        # Somebody who was named is affected, whatever we know about the data held.
        f" (SELECT t.*, CASE WHEN {exposed} = '' THEN {whole} ELSE {exposed} END AS for_all"
        " FROM affected_stage t JOIN customer c ON c.id = t.customer_id) AS u"
    )
    statement, params = noting(tx, incident, source)
    changed = await tx.write_returning(
        f"{statement} RETURNING affected.customer_id", {**params, "basis": basis}
    )
    await tx.housekeep(
        "UPDATE affected_named SET changed = true WHERE customer_id IN"
        f" (SELECT v.id FROM {tx.recordset('changed', 'v', id='bigint')})",
        {"changed": orjson.dumps([{"id": row.customer_id} for row in changed]).decode()},
    )


async def staged_people(tx: Transaction) -> Counted:
    """Count the people staged since the stage was opened, by what that changed."""
    row = await tx.row(
        "SELECT count(*) AS named, count(CASE WHEN NOT known THEN 1 END) AS added,"
        " count(CASE WHEN known AND changed THEN 1 END) AS grown,"
        " count(CASE WHEN known AND NOT changed THEN 1 END) AS unchanged FROM affected_named"
    )
    return Counted(*row) if row else Counted()
