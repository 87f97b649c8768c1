"""What an account's contacts are told adds up over all acts, and no account with records is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from incidents import untold
from incidents.affected import view
from incidents.affected.accounts import AccountsTold, for_accounts
from incidents.affected.criteria import Exposure
from incidents.affected.departed import part
from incidents.affected.exclusion import exclude
from incidents.affected.settling import settle_accounts
from incidents.errors import NothingNew, StepRefused
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import Incident, find
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, entries, members, person

OWNER = person("Z-1", "owner@b.example", account=("B", "Beta", "owner"), data_held=("email",))


async def _tell(store: Store, keys: Keys, incident: Incident, where: str, exposed: str) -> AccountsTold:
    async with store.begin() as tx:
        exposure, which = Exposure.read(exposed, incident), Selection.read(where)
        return await for_accounts(
            tx, keys, incident, ["B"], exposure, selection=which, basis="x", actor="alice"
        )


async def _freeze(store: Store, keys: Keys, incident: Incident) -> Audience:
    async with store.begin() as tx:
        return await freeze(tx, keys, await find(tx, incident.code), actor="alice")


async def _said(store: Store, keys: Keys) -> dict[str, Any]:
    async with store.read() as tx:
        row = await tx.row(
            "SELECT a.sealed, c.uid, k.wrapped FROM affected a JOIN customer c ON c.id = a.customer_id"
            " JOIN subject_key k ON k.customer_id = c.id WHERE a.via_account_id <> 0"
        )
    return dict(orjson.loads(keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), b"member")))


async def _silent(store: Store, incident: Incident) -> int:
    async with store.read() as tx:
        return int((await view.counts(tx, incident))["accounts with nobody to tell"])


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


async def test_an_account_without_contact_waits_for_one(store: Store, keys: Keys) -> None:
    """It is counted, keeps the incident open, and is told once a contact has been imported."""
    await add(store, keys, [person("P", "p@example.com"), *_records("C", [1, 2], "US")])
    incident = await declared(store)
    assert (await _tell(store, keys, incident, "everybody", "health")).without_contact == ("B",)
    await affect(store, incident, "number = P")
    assert await _silent(store, incident) == 1
    await _freeze(store, keys, incident)
    await add(store, keys, [OWNER])
    second = await _freeze(store, keys, incident)
    assert list(await members(store, second.code)) == ["Z-1"]
    assert (await _said(store, keys))["records"] == ["C001", "C002"]
    assert await _silent(store, incident) == 0


async def test_nothing_is_closed_over_an_account_with_nobody_to_tell(store: Store, keys: Keys) -> None:
    """Unless it is on record how it is told; more records, or an unknown number, want that anew."""
    await add(store, keys, [*_records("C", [1], "US"), *_records("D", [1], "CA")])
    incident = await declared(store)
    await _tell(store, keys, incident, "country = US", "health")
    async with store.begin() as tx:
        with pytest.raises(StepRefused, match="1 account with nobody to tell: B"):
            await untold.check(tx, incident.code, incident.id)
        with pytest.raises(BadInput):
            await settle_accounts(tx, incident, ["B", "X"], reason="by letter", actor="alice")
        await settle_accounts(tx, incident, ["B"], reason="by letter", actor="alice")
        await untold.check(tx, incident.code, incident.id)
    async with store.begin() as tx:
        with pytest.raises(BadInput, match="told otherwise"):
            await settle_accounts(tx, incident, ["X"], reason="a slip", again=True, actor="alice")
        await settle_accounts(tx, incident, ["B"], reason="a slip", again=True, actor="alice")
    assert await _silent(store, incident) == 1
    async with store.begin() as tx:
        await settle_accounts(tx, incident, ["B"], reason="by letter", actor="alice")
    await _tell(store, keys, incident, "everybody", "health")
    assert await _silent(store, incident) == 1
    assert (await entries(store, "affected:account-settled"))[0]["accounts"] == 1


async def _contact(store: Store, role: str, account: str = "B") -> None:
    """Do what an import does to the contact's role; without one they have left the account."""
    async with store.begin() as tx:
        await tx.write("DELETE FROM account_contact")
        if role:
            await tx.write(
                "INSERT INTO account_contact (account_id, customer_id, role) SELECT a.id, c.id, :role"
                " FROM account a, customer c WHERE a.number = :account AND c.number = 'Z-1'",
                {"role": role, "account": account},
            )
        tx.record(Event("test:moved"))


async def test_who_has_left_the_account_is_not_told_about_it(store: Store, keys: Keys) -> None:
    """Counted as excluded, and the account waits for a contact again; who comes back is told."""
    await add(store, keys, [OWNER, person("P", "p@example.com"), *_records("C", [1], "US", "health")])
    incident = await declared(store)
    await _tell(store, keys, incident, "everybody", "health")
    await affect(store, incident, "number = P")
    await _contact(store, "")
    first = await members(store, (await _freeze(store, keys, incident)).code)
    assert {number: one.state for number, one in first.items()} == {"P": "due", "Z-1": "excluded"}
    async with store.begin() as tx:
        with pytest.raises(StepRefused, match="1 account with nobody to tell: B"):
            await untold.check(tx, incident.code, incident.id)
    await _contact(store, "owner")
    second = await members(store, (await _freeze(store, keys, incident)).code)
    assert {number: one.state for number, one in second.items()} == {"Z-1": "due"}
    assert [one["people"] for one in await entries(store, "affected:contacts-left")] == [1]
    assert [one["people"] for one in await entries(store, "affected:contacts-back")] == [1]


async def test_who_has_left_an_account_is_told_of_all_else(store: Store, keys: Keys) -> None:
    """Of their own data, and of the account that they are a contact of now, in the same freeze."""
    other = person("D1", "d@c.example", account=("C", "Gamma"), data_held=("health",))
    await add(store, keys, [OWNER, other, *_records("C", [1], "US", "health")])
    incident = await declared(store)
    await _tell(store, keys, incident, "everybody", "health")
    async with store.begin() as tx:
        exposure = Exposure.read("health", incident)
        await for_accounts(tx, keys, incident, ["C"], exposure, basis="x", actor="alice")
    await _contact(store, "")
    async with store.begin() as tx:
        await part(tx, incident, actor="alice")
    await affect(store, incident, "number = Z-1", "email")
    await _contact(store, "owner", account="C")
    async with store.read() as tx:
        rows = await tx.rows("SELECT excluded FROM affected WHERE via_account_id = 0")
    assert [row.excluded for row in rows] == [""]
    frozen = (await members(store, (await _freeze(store, keys, incident)).code))["Z-1"]
    assert (frozen.state, frozen.categories) == ("due", " health email ")


async def test_who_was_excluded_while_away_stays_so(store: Store, keys: Keys) -> None:
    """Coming back to the account does not undo what somebody said."""
    await add(store, keys, [OWNER, person("P", "p@example.com"), *_records("C", [1], "US", "health")])
    incident = await declared(store)
    await _tell(store, keys, incident, "everybody", "health")
    await affect(store, incident, "number = P")
    await _contact(store, "")
    await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["Z-1"], reason="told in person", actor="alice")
    await _contact(store, "owner")
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    async with store.read() as tx:
        assert await tx.scalar("SELECT excluded FROM affected WHERE via_account_id <> 0") == "told in person"


async def test_a_freeze_with_nobody_to_tell_says_so(store: Store, keys: Keys) -> None:
    """Nothing else is on the list: the account is named as the reason, and an audience counts it."""
    await add(store, keys, [person("P", "p@example.com"), *_records("C", [1, 2], "US")])
    incident = await declared(store)
    await _tell(store, keys, incident, "everybody", "health")
    with pytest.raises(NothingNew, match="1 account with nobody to tell"):
        await _freeze(store, keys, incident)
    await affect(store, incident, "number = P")
    assert (await _freeze(store, keys, incident)).selection["silent_accounts"] == 1


@pytest.mark.parametrize("own_first", [True, False])
async def test_who_is_excluded_by_number_is_so_in_either_order(
    store: Store, keys: Keys, *, own_first: bool
) -> None:
    """A contact named by number gets no notice about their own data either, also if that comes later."""
    await add(store, keys, [OWNER, *_records("C", [1], "US", "health")])
    incident = await declared(store)
    await _tell(store, keys, incident, "everybody", "health")
    if own_first:
        await affect(store, incident, "number = 'Z-1'")
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["Z-1"], reason="told by phone", actor="alice")
    await affect(store, incident, "number = 'Z-1'")
    async with store.read() as tx:
        rows = await tx.rows("SELECT excluded FROM affected ORDER BY via_account_id")
    assert [row.excluded for row in rows] == ["told by phone", "told by phone"]
