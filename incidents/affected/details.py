"""Facts about one person alone, such as records and hints: sealed, opened, and added to each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from incidents.store import Incident
from notifier.keys import Keys, SubjectKey
from notifier.notices import LISTED_RECORDS, listed
from notifier.store import Transaction

CONTEXT = b"member"
"""Details are sealed for the audience member they will belong to, so that a freeze copies them."""
MOST_RECORDS = 1000
"""Of one person altogether; their notice lists the first of them."""
_BETWEEN = "; "
"""Parts the hints of a category that several rows of a list gave."""
LONGEST = 200
"""Characters of a record or a hint."""


def added(
    before: Mapping[str, Any], more: Mapping[str, Any], joined: Collection[str] = ()
) -> tuple[dict[str, Any], set[str]]:
    """Return what is known of a person with what is new, and the columns of a list that had to be cut for it.

    Records add up. A hint replaces the earlier one, except of the categories ``joined``, where it joins it.
    """
    made, cut = {**before, **more}, set()
    new = [record[:LONGEST] for record in more.get("records", ())]
    if records := list(dict.fromkeys([*before.get("records", ()), *new])):
        made["records"] = records[:MOST_RECORDS]
        if len(records) > MOST_RECORDS or any(len(one) > LONGEST for one in more.get("records", ())):
            cut.add("records")
    hints = dict(before.get("hints", {}))
    for code, hint in more.get("hints", {}).items():
        whole = _together(hints[code], hint) if code in joined and code in hints else hint
        hints[code] = whole[:LONGEST]
        if len(whole) > LONGEST:
            cut.add(f"hint {code}")
    if hints:
        made["hints"] = hints
    return made, cut


def _together(one: str, other: str) -> str:
    return _BETWEEN.join(dict.fromkeys([*one.split(_BETWEEN), *other.split(_BETWEEN)]))


@dataclass(frozen=True, slots=True)
class Since:
    """Details as they are told to somebody who was told of earlier ones."""

    details: dict[str, Any]
    """With the records that are new apart from those told before."""
    hinted: frozenset[str]
    """Data categories with a hint that was not told before."""


def since(before: Mapping[str, Any], now: Mapping[str, Any]) -> Since:
    """Compare details with those told before. An account's come with the first records and their count."""
    known, records = set(before.get("records", ())), now.get("records", [])
    if "count" in now:
        records = records[:LISTED_RECORDS]
    told = [record for record in records if record in known]
    new = [record for record in records if record not in known]
    if "count" in now:
        count = before.get("count", 0)
        told, new = listed(told, count) if told else [], listed(new, now["count"] - count)
    hints = before.get("hints", {})
    hinted = frozenset(
        code
        for code, hint in now.get("hints", {}).items()
        if not set(hint.split(_BETWEEN)) <= set(hints.get(code, "").split(_BETWEEN))
    )
    return Since({**now, "records": told, "records_new": new}, hinted)


async def known_details(
    tx: Transaction, keys: Keys, incident: Incident, customers: Iterable[int], *, via_account_id: int = 0
) -> dict[int, dict[str, Any]]:
    """Return the details on the list of each of these customers who has any: their own, or an account's."""
    source = tx.recordset("wanted", "v", id="bigint")
    rows = await tx.rows(
        # SQLite keeps the order of a CROSS JOIN: each is looked up, where it would read the list for each.
        f"SELECT a.customer_id, a.sealed FROM {source} CROSS JOIN affected a WHERE a.incident_id = :incident"
        " AND a.customer_id = v.id AND a.via_account_id = :via",
        incident=incident.id,
        via=via_account_id,
        wanted=orjson.dumps([{"id": one} for one in customers]).decode(),
    )
    return await open_details(tx, keys, {row.customer_id: row.sealed for row in rows})


async def seal_details(
    tx: Transaction, keys: Keys, details: Mapping[int, Mapping[str, Any]]
) -> dict[int, bytes]:
    """Return the details of each customer sealed under that customer's key; none for those without one."""
    subjects = await _subjects(tx, keys, details)
    return {
        one: subject.seal(orjson.dumps(details[one], option=orjson.OPT_SORT_KEYS), CONTEXT)
        for one, subject in subjects.items()
    }


async def open_details(
    tx: Transaction, keys: Keys, sealed: Mapping[int, Any], owners: Mapping[int, int] | None = None
) -> dict[int, dict[str, Any]]:
    """Return sealed details opened; ``owners`` says whose they are, where the key is not the customer."""
    owner = {key: (owners or {}).get(key, key) for key, one in sealed.items() if one is not None}
    subjects = await _subjects(tx, keys, dict.fromkeys(owner.values()))
    return {
        key: dict(orjson.loads(subjects[one].open(bytes(sealed[key]), CONTEXT)))
        for key, one in owner.items()
        if one in subjects
    }


async def _subjects(tx: Transaction, keys: Keys, customers: Mapping[int, object]) -> dict[int, SubjectKey]:
    if not customers:
        return {}
    source = tx.recordset("owners", "v", id="bigint")
    rows = await tx.rows(
        f"SELECT c.id, c.uid, k.wrapped FROM {source} JOIN customer c ON c.id = v.id"
        " JOIN subject_key k ON k.customer_id = c.id",
        owners=orjson.dumps([{"id": one} for one in customers]).decode(),
    )
    return {row.id: keys.subject(row.uid, bytes(row.wrapped)) for row in rows}
