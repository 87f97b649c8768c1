"""What an account's contacts are told adds up over all acts, and no account with records is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from incidents.affected.accounts import AccountsTold, for_accounts
from incidents.affected.criteria import Exposure
from incidents.selection import Selection
from incidents.store import Incident
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, declared, person

OWNER = person("Z-1", "owner@b.example", account=("B", "Beta", "owner"), data_held=("email",))


async def _tell(store: Store, keys: Keys, incident: Incident, where: str, exposed: str) -> AccountsTold:
    async with store.begin() as tx:
        exposure, which = Exposure.read(exposed, incident), Selection.read(where)
        return await for_accounts(
            tx, keys, incident, ["B"], exposure, selection=which, basis="x", actor="alice"
        )


async def _said(store: Store, keys: Keys) -> dict[str, Any]:
    async with store.read() as tx:
        row = await tx.row(
            "SELECT a.sealed, c.uid, k.wrapped FROM affected a JOIN customer c ON c.id = a.customer_id"
            " JOIN subject_key k ON k.customer_id = c.id WHERE a.via_account_id <> 0"
        )
    return dict(orjson.loads(keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), b"member")))


def _records(letter: str, numbers: Sequence[int], country: str, *held: str) -> list[Any]:
    return [
        person(
            f"{letter}{n:03}",
            f"{letter}{n}@b.example",
            account=("B", "Beta"),
            country=country,
            data_held=held,
        )
        for n in numbers
    ]


async def test_an_accounts_records_add_up_over_all_acts(store: Store, keys: Keys) -> None:
    """70 and then 60 others are 130, of which the first fifty by number are listed, whatever came first."""
    people = [*_records("D", range(70, 0, -1), "US"), *_records("C", range(60, 0, -1), "CA")]
    await add(store, keys, [OWNER, *people])
    incident = await declared(store)
    await _tell(store, keys, incident, "country = US", "health")
    await _tell(store, keys, incident, "country = CA", "health")
    told = await _tell(store, keys, incident, "country = CA", "health")
    said = await _said(store, keys)
    assert (told.records, said["count"], told.counted.unchanged) == (130, 130, 1)
    assert said["records"] == [*(f"C{n:03}" for n in range(1, 51)), "+ 80"]


@pytest.mark.parametrize("exposed", ["health", "health,email", "held"])
async def test_the_records_listed_are_those_counted(store: Store, keys: Keys, exposed: str) -> None:
    """Who holds nothing of what was exposed is neither in the list nor in the count."""
    people = [*_records("C", [1], "US", "email"), *_records("D", [1, 2], "US", "health", "email")]
    await add(store, keys, [OWNER, *people])
    incident = await declared(store)
    await _tell(store, keys, incident, "everybody", exposed)
    said = await _said(store, keys)
    whole = ["C001", "D001", "D002", "Z-1"]
    assert said["records"] == (["D001", "D002"] if exposed == "health" else whole)
    assert len(said["records"]) == said["count"]
