"""Facts about one person alone, such as records and hints: sealed, opened, and added to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from notifier.keys import Keys, SubjectKey
from notifier.store import Transaction

CONTEXT = b"member"
"""Details are sealed for the audience member they will belong to, so that a freeze copies them."""


def added(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a person with what is new: records add up, a hint replaces the earlier one."""
    made = {**before, **more}
    if records := [*before.get("records", ()), *more.get("records", ())]:
        made["records"] = list(dict.fromkeys(records))
    if hints := {**before.get("hints", {}), **more.get("hints", {})}:
        made["hints"] = hints
    return made


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
