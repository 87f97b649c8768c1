"""What has grown since people were told: details that are new, and an account's data beside their own.

Categories are compared in the freeze itself. Details are sealed, so those that were sealed anew since are
opened and compared here; they are few. The result stands in ``told_before``: one row a customer, whose
``told`` lacks the categories to be told as new.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from incidents.actions import IncidentAction
from incidents.affected.details import open_details, seal_details
from incidents.affected.words import difference
from incidents.store import Incident
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.audit.frozen import Committed, Kind, commit
from notifier.categories import ordered
from notifier.customers.values import word_set
from notifier.keys import Keys
from notifier.store import Transaction

_CHUNK = 500
_TOLD_THROUGH = (
    "((x.variant IN ('guardian', 'next-of-kin') AND a.id = x.row_id)"
    " OR (x.variant NOT IN ('guardian', 'next-of-kin') AND a.excluded = ''))"
)
"""The rows whose data a notice has: a contact's own and each account's; a ward's is about the ward."""


_EXPOSURES = (
    "audience_exposure e JOIN audience_member m ON m.audience_id = e.audience_id"
    " AND m.customer_id = e.customer_id"
)
_EXPOSURE: Sequence[tuple[str, Kind]] = (
    ("m.uid", "text"),
    ("e.via_account_id", "number"),
    ("e.categories", "text"),
    ("e.sealed", "bytes"),
)


@dataclass(frozen=True, slots=True)
class _Exposure:
    customer_id: int
    via_account_id: int
    merged: str
    categories: str
    listed: str | None
    told: str | None
    changed: bool

    @property
    def new(self) -> list[str]:
        """What is to be told as new; changed details make all of it so, for they name no category."""
        if self.told is None or self.changed:
            return self.categories.split()
        told = self.told.split()
        return [code for code in self.categories.split() if code not in told]

    @property
    def marked(self) -> dict[str, bool]:
        """Its data categories, each with whether it is to be told as new."""
        return {code: code in self.new for code in self.categories.split()}


async def weigh(tx: Transaction, keys: Keys, incident: Incident, *, has_special: bool) -> None:
    """Bring ``told_before`` to one row a customer, with what has grown taken out of what they were told."""
    await _details(tx, keys, incident, has_special=has_special)
    if has_special:
        await _several(tx, keys, incident)
    await _differences(tx, incident)


async def keep(tx: Transaction, incident: Incident, audience: Audience) -> None:
    """Keep what those in ``special`` are told, for each account: their notice alone does not say it."""
    await tx.write(
        "INSERT INTO audience_exposure (audience_id, customer_id, via_account_id, categories, sealed)"
        " SELECT m.audience_id, a.customer_id, a.via_account_id, a.categories, a.sealed FROM special x"
        " JOIN affected a ON a.customer_id = x.customer_id AND a.incident_id = :incident"
        " JOIN audience_member m ON m.customer_id = x.customer_id AND m.audience_id = :audience"
        f" WHERE {_TOLD_THROUGH}",
        {"incident": incident.id, "audience": audience.id},
    )
    salt = bytes(await tx.scalar("SELECT salt FROM audience WHERE id = :id", id=audience.id))
    made = await exposures(tx, audience.id, salt)
    tx.record(
        Event(
            IncidentAction.EXPOSURES_FROZEN,
            {
                "audience": audience.code,
                "count": made.rows,
                "root": made.root,
                "actor": f"operator:{audience.frozen_by}",
            },
        )
    )


async def exposures(tx: Transaction, audience_id: int, salt: bytes) -> Committed:
    """Commit to the rows that ``keep`` made, as an audience does to its members."""
    return await commit(tx, audience_id, salt, source=_EXPOSURES, columns=_EXPOSURE)


async def _differences(tx: Transaction, incident: Incident) -> None:
    """Fill the temporary table ``grown``: what each set of categories adds to what was told.

    A million people have some dozens of such pairs; working the difference out for each person costs seconds.
    """
    await tx.make_temporary("grown", key="categories, told", categories="text", told="text", added="text")
    await tx.housekeep(
        f"INSERT INTO grown SELECT p.categories, p.told, {difference('p.categories', 'p.told')} FROM"
        " (SELECT DISTINCT a.categories, k.told FROM affected a JOIN told_before k"
        " ON k.customer_id = a.customer_id AND k.via_account_id = 0 WHERE a.incident_id = :id"
        " AND a.via_account_id = 0 AND k.told IS NOT NULL AND a.categories <> k.told) AS p",
        {"id": incident.id},
    )


async def _details(tx: Transaction, keys: Keys, incident: Incident, *, has_special: bool) -> None:
    after = 0
    others = " AND a.customer_id NOT IN (SELECT customer_id FROM special)" if has_special else ""
    while True:
        rows = await tx.rows(
            "SELECT a.customer_id, a.sealed, k.sealed AS before FROM affected a JOIN told_before k"
            " ON k.customer_id = a.customer_id AND k.via_account_id = 0"
            " WHERE a.incident_id = :id AND a.via_account_id = 0 AND a.sealed IS NOT NULL"
            f" AND k.told IS NOT NULL AND a.sealed IS DISTINCT FROM k.sealed{others}"
            f" AND a.customer_id > :after ORDER BY a.customer_id LIMIT {_CHUNK}",
            id=incident.id,
            after=after,
        )
        if not rows:
            return
        after = rows[-1].customer_id
        changed = await _changed(tx, keys, {row.customer_id: (row.customer_id, row) for row in rows})
        await tx.housekeep(
            "UPDATE told_before SET told = '' WHERE via_account_id = 0 AND customer_id IN"
            f" (SELECT v.id FROM {tx.recordset('changed', 'v', id='bigint')})",
            {"changed": orjson.dumps([{"id": one} for one in changed]).decode()},
        )


async def _several(tx: Transaction, keys: Keys, incident: Incident) -> None:
    rows = await tx.rows(
        "SELECT a.id, a.customer_id, a.via_account_id, a.categories, a.sealed, x.categories AS merged,"
        " k.listed, k.told, k.sealed AS before FROM special x"
        " JOIN affected a ON a.customer_id = x.customer_id AND a.incident_id = :id"
        " LEFT JOIN told_before k ON k.customer_id = a.customer_id AND k.via_account_id = a.via_account_id"
        f" WHERE {_TOLD_THROUGH} ORDER BY a.via_account_id, a.id",
        id=incident.id,
    )
    changed = await _changed(
        tx, keys, {row.id: (row.customer_id, row) for row in rows if row.told is not None}
    )
    by_person: dict[int, list[_Exposure]] = defaultdict(list)
    for row in rows:
        by_person[row.customer_id].append(
            _Exposure(
                *(row.customer_id, row.via_account_id, row.merged, row.categories, row.listed, row.told),
                row.id in changed,
            )
        )
    made = [(one, 0, *_together(several)) for one, several in by_person.items() if _known(several)]
    await tx.housekeep(
        "DELETE FROM told_before WHERE customer_id IN"
        f" (SELECT v.id FROM {tx.recordset('gathered', 'v', id='bigint')})",
        {"gathered": orjson.dumps([{"id": one} for one in by_person]).decode()},
    )
    await tx.insert_many("told_before", ("customer_id", "via_account_id", "listed", "told"), made)
    updated = [customer for customer, _, _, told in made if told is not None]
    await _say_where(tx, keys, {one: by_person[one] for one in updated})


async def _say_where(tx: Transaction, keys: Keys, exposures: Mapping[int, Sequence[_Exposure]]) -> None:
    """Say in the details of ``special`` in which of their lists something is new: where a contact's own data
    stands beside an account's, one category may be new in one list and told before in another.
    """
    rows = await tx.rows(
        "SELECT x.customer_id, x.sealed FROM special x JOIN"
        f" {tx.recordset('owners', 'v', id='bigint')} ON v.id = x.customer_id",
        owners=orjson.dumps([{"id": one} for one in exposures]).decode(),
    )
    opened = await open_details(tx, keys, {row.customer_id: row.sealed for row in rows})
    said = {}
    for customer_id, details in opened.items():
        if "own" not in details:
            continue
        own, *others = exposures[customer_id]  # In the order of the accounts, as the details are.
        accounts = [
            {**account, "categories": one.marked}
            for account, one in zip(details["accounts"], others, strict=True)
        ]
        said[customer_id] = {**details, "own": own.marked, "accounts": accounts}
    sealed = await seal_details(tx, keys, said)
    await tx.make_temporary("said_where", key="customer_id", customer_id="bigint", sealed="blob")
    await tx.housekeep_many("said_where", ("customer_id", "sealed"), sealed.items())
    await tx.housekeep(
        "UPDATE special SET sealed = w.sealed FROM said_where w WHERE w.customer_id = special.customer_id"
    )


def _known(several: Iterable[_Exposure]) -> bool:
    return any(one.listed is not None for one in several)


def _together(several: list[_Exposure]) -> tuple[str, str | None]:
    """Return what a person was listed with and told, as if it had been said in one notice."""
    merged = several[0].merged
    listed = merged if all(one.listed == one.categories for one in several) else ""
    own_untold = any(one.via_account_id == 0 and one.told is None for one in several)
    if own_untold or all(one.told is None for one in several):
        # Whoever has not been told of their own data gets a first notice, not an update of an account's.
        return listed, None
    new = {code for one in several for code in one.new}
    if not new:
        return listed, merged
    told = word_set(ordered([code for code in merged.split() if code not in new]))
    return listed, told if told != merged else ""


async def _changed(tx: Transaction, keys: Keys, rows: Mapping[int, tuple[int, Any]]) -> set[int]:
    """Return the keys of the rows whose details are not those of ``before``, both opened."""
    differ = {
        key: (owner, row) for key, (owner, row) in rows.items() if _bytes(row.sealed) != _bytes(row.before)
    }
    owners = {key: owner for key, (owner, _row) in differ.items()}
    now = await open_details(tx, keys, {key: row.sealed for key, (_owner, row) in differ.items()}, owners)
    before = await open_details(tx, keys, {key: row.before for key, (_owner, row) in differ.items()}, owners)
    return {key for key in differ if now.get(key) and now[key] != before.get(key)}


def _bytes(sealed: Any) -> bytes | None:
    return None if sealed is None else bytes(sealed)
