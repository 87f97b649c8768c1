"""Who is written to for whom: guardians, next of kin and account contacts, on both databases."""

from __future__ import annotations

from typing import Any

from incidents.affected import view
from incidents.affected.accounts import for_accounts
from incidents.affected.acts import Counted
from incidents.affected.criteria import Exposure
from incidents.affected.details import open_details
from incidents.affected.exclusion import Excluded, exclude
from incidents.affected.successors import Moved
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import Incident, find
from notifier.audit.entry import Event
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, entries, members, person


async def _frozen(store: Store, keys: Keys, incident: Incident) -> dict[str, Any]:
    async with store.begin() as tx:
        audience = await freeze(tx, keys, await find(tx, incident.code), actor="alice")
    return await members(store, audience.code)


async def _account(store: Store, keys: Keys, incident: Incident, number: str) -> Any:
    async with store.begin() as tx:
        exposure = Exposure.read("", incident)
        return await for_accounts(tx, keys, incident, [number], exposure, basis="x", actor="alice")


async def test_nobody_stands_for_another_who_cannot(store: Store, keys: Keys) -> None:
    """A guardian who has died, or is a minor too, is not written to: these people need another way."""
    await add(
        store,
        keys,
        [
            person("late", "late@example.com", marks=("deceased",)),
            person("young", "young@example.com", marks=("minor",)),
            person("child", "child@example.com", marks=("minor",), guardian="late"),
            person("heir", "heir@example.com", marks=("deceased",), guardian="young"),
        ],
    )
    incident = await declared(store)
    await affect(store, incident, "number in (child, heir)")
    found = await _frozen(store, keys, incident)
    assert {number: (one.state, one.variant, one.reason) for number, one in found.items()} == {
        "child": ("needs-channel", "person", "no-guardian"),
        "heir": ("needs-channel", "person", "deceased"),
    }


async def test_an_account_goes_to_a_contact_who_lives(store: Store, keys: Keys) -> None:
    """A contact who has died is passed over for the next role; nobody left is reported."""
    await add(
        store,
        keys,
        [
            person("late", "late@a.example", account=("A", "Alpha", "security"), marks=("deceased",)),
            person("boss", "boss@a.example", account=("A", "Alpha", "owner")),
            person("gone", "gone@b.example", account=("B", "Beta", "owner"), marks=("deceased",)),
        ],
    )
    incident = await declared(store)
    assert (await _account(store, keys, incident, "A")).without_contact == ()
    assert (await _account(store, keys, incident, "B")).without_contact == ("B",)
    found = await _frozen(store, keys, incident)
    assert {number: one.state for number, one in found.items()} == {"boss": "due"}


async def test_a_contact_who_died_since_is_not_written_to(store: Store, keys: Keys) -> None:
    """The freeze goes by what is known of a contact then."""
    await add(store, keys, [person("boss", "boss@a.example", account=("A", "Alpha", "owner"))])
    incident = await declared(store)
    await _account(store, keys, incident, "A")
    async with store.begin() as tx:
        await tx.write("UPDATE customer SET marks = ' deceased '", {})
        tx.record(Event("test:changed"))
    boss = (await _frozen(store, keys, incident))["boss"]
    assert (boss.state, boss.reason, boss.contact_point_id) == ("needs-channel", "deceased", None)


async def _with_own_data(store: Store, keys: Keys) -> Incident:
    await add(store, keys, [person("boss", "boss@a.example", account=("A", "Alpha", "owner"))])
    incident = await declared(store)
    await _account(store, keys, incident, "A")
    await affect(store, incident, "number = boss", "name")
    return incident


async def test_a_contact_affected_in_person_is_told_of_both(store: Store, keys: Keys) -> None:
    """The account's data categories stand in the one notice beside the contact's own."""
    incident = await _with_own_data(store, keys)
    boss = (await _frozen(store, keys, incident))["boss"]
    assert (boss.variant, set(boss.categories.split())) == ("person", {"password-hash", "email", "name"})


async def test_excluding_people_does_not_silence_an_account(store: Store, keys: Keys) -> None:
    """A selection excludes one person, for their own data; the account is still told through them."""
    incident = await _with_own_data(store, keys)
    async with store.begin() as tx:
        chosen = Selection.read("number = boss")
        done = await exclude(tx, keys, incident, selection=chosen, reason="told in person", actor="alice")
    assert done == Excluded(1)
    boss = (await _frozen(store, keys, incident))["boss"]
    assert (boss.state, boss.variant, boss.categories) == ("due", "account", " password-hash email ")


async def test_an_account_whose_contacts_are_excluded_is_named(store: Store, keys: Keys) -> None:
    """By number a person is excluded as a contact too, and counts once."""
    incident = await _with_own_data(store, keys)
    async with store.begin() as tx:
        done = await exclude(tx, keys, incident, numbers=["boss"], reason="x", actor="alice")
        assert done == Excluded(1, (), ("A",))
        assert (await view.counts(tx, incident))["accounts with nobody to tell"] == 1
    assert (await _frozen(store, keys, incident))["boss"].state == "excluded"


async def test_a_contact_affected_in_person_counts_once(store: Store, keys: Keys) -> None:
    """People are counted, not the reasons for which they stand on the list."""
    incident = await _with_own_data(store, keys)
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["boss"], reason="x", actor="alice")
        found = await view.counts(tx, incident)
    assert (found["people"], found["excluded"], found["country"]) == (1, 1, {"unknown": 1})
    assert found["excluded because"] == {"x": 1}


async def test_the_next_role_is_told_instead(store: Store, keys: Keys) -> None:
    """Security, privacy, owner, billing: whoever is left is told of the same records; then nobody is."""
    roles = {"sec": "security", "law": "privacy", "pay": "billing"}
    people = [person(one, f"{one}@a.example", account=("A", "Alpha", role)) for one, role in roles.items()]
    await add(store, keys, people)
    incident = await declared(store)
    await _account(store, keys, incident, "A")
    await affect(store, incident, "number = law", "name")

    async def out(number: str) -> Excluded:
        async with store.begin() as tx:
            return await exclude(tx, keys, incident, numbers=[number], reason="x", actor="alice")

    assert await out("sec") == Excluded(1, (Moved("A", "privacy", 1),))
    found = await _frozen(store, keys, incident)
    assert {number: one.state for number, one in found.items()} == {"sec": "excluded", "law": "due"}
    assert set(found["law"].categories.split()) == {"password-hash", "email", "name"}
    assert await out("law") == Excluded(1, (Moved("A", "billing", 1),))
    assert await out("pay") == Excluded(1, (), ("A",))
    assert [one["contacts"] for one in await entries(store, "affected:contact")] == [1, 1]
    async with store.read() as tx:
        rows = await tx.rows("SELECT customer_id, sealed FROM affected WHERE via_account_id <> 0")
        details = await open_details(tx, keys, {row.customer_id: row.sealed for row in rows})
    assert {one["count"] for one in details.values()} == {3}


async def test_who_is_excluded_is_not_chosen_as_the_next_contact(store: Store, keys: Keys) -> None:
    """Neither as a successor nor by a later `--for-account`: the role after theirs is."""
    roles = {"sec": "security", "law": "privacy", "boss": "owner"}
    people = [person(one, f"{one}@a.example", account=("A", "Alpha", role)) for one, role in roles.items()]
    await add(store, keys, people)
    incident = await declared(store)
    await _account(store, keys, incident, "A")
    await affect(store, incident, "number = law")
    async with store.begin() as tx:
        done = await exclude(tx, keys, incident, numbers=["law", "sec"], reason="x", actor="alice")
    assert done == Excluded(2, (Moved("A", "owner", 1),))
    told = await _account(store, keys, incident, "A")
    assert (told.without_contact, told.counted) == ((), Counted(1, 0, 0, 1))
