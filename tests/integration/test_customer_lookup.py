"""Finding customers, adding people by hand, duplicates and counts, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.customers.counting import count_customers, list_customers
from notifier.customers.duplicates import WITHDRAW, decide_duplicate, gather_matches, list_duplicates
from notifier.customers.lookup import add_typed, find, match_many, open_profiles
from notifier.customers.normalise import emails
from notifier.customers.values import CustomerRecord
from notifier.errors import Conflict, NotFound
from notifier.keys import Keys
from notifier.store import Store
from tests.imports import import_text

PEOPLE = """number,name,email,phone,country,street,zip,city,guardian
1,Anna Example,anna.e@gmail.com,+12025550101,US,Oak Avenue 1,20001,Washington,
2,Anna E.,ANNAE+shop@googlemail.com,,US,,,,
3,Bo Example,bo@example.com,(202) 555-0101,US,,,,
4,ANNA EXAMPLE,,,US,"Oak Avenue, 1",20001,washington,
5,Child,anna.e@gmail.com,,US,,,,1
6,Cy Example,cy@example.com,,,,,,
"""


async def test_people_are_found_by_number_address_and_telephone(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Whatever way it is written, the same address finds the same people; nothing is decrypted."""
    await import_text(store, keys, tmp_path, PEOPLE)
    async with store.read() as tx:
        assert await find(tx, keys, " 3 ") == [3]
        assert await find(tx, keys, "BO@EXAMPLE.COM") == [3]
        assert await find(tx, keys, "anna.e@gmail.com") == [1, 5]
        assert await find(tx, keys, "+1 (202) 555 0101") == [1, 3]
        assert await find(tx, keys, "nobody@example.com") == await find(tx, keys, "\x00") == []


async def test_many_values_are_matched_at_once(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Each value as given gets the people it names: none, one or several."""
    await import_text(store, keys, tmp_path, PEOPLE)
    async with store.read() as tx:
        wanted = [
            "Bo@example.com",
            "anna.e@gmail.com",
            "no address",
            *(f"x{n}@example.com" for n in range(1200)),
        ]
        found = await match_many(tx, keys, "email", wanted)
        assert (found["Bo@example.com"], found["anna.e@gmail.com"], found["no address"]) == ([3], [1, 5], [])
        assert len(found) == 1203
        assert await match_many(tx, keys, "number", ["6", "7"]) == {"6": [6], "7": []}
        assert await match_many(tx, keys, "phone", ["202-555-0101"], country="US") == {"202-555-0101": [1, 3]}


async def test_duplicates_are_listed_and_never_merged(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Folded address, telephone, and name with postal address; a child with a guardian's address is none."""
    done = await import_text(store, keys, tmp_path, PEOPLE)
    async with store.read() as tx:
        found = [
            (c.first_number, c.second_number, c.reason) for c in await list_duplicates(tx, "open", 0, 10)
        ]
        assert sorted(found) == [("1", "2", "email"), ("1", "3", "phone"), ("1", "4", "name-and-address")]
        assert await tx.scalar("SELECT count(*) FROM customer") == 6
    assert done.duplicates.open == 3


async def test_a_candidate_that_no_longer_matches_is_withdrawn(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Corrected data takes open candidates off the list, and leaves decisions alone."""
    await import_text(store, keys, tmp_path, PEOPLE)
    async with store.begin() as tx:
        (first, *_) = [c for c in await list_duplicates(tx, "open", 0, 10) if c.reason == "phone"]
        await decide_duplicate(tx, first.id, "different", "operator:ada")
    done = await import_text(
        store, keys, tmp_path, "number,email,phone\n2,other@example.com,\n3,bo@example.com,\n"
    )
    assert (done.duplicates.withdrawn, done.duplicates.open) == (1, 1)
    async with store.read() as tx:
        (kept,) = await list_duplicates(tx, "different", 0, 10)
        assert (kept.id, kept.decided_by) == (first.id, "operator:ada")


async def test_withdrawing_looks_candidates_up_instead_of_reading_all(sqlite_url: str) -> None:
    """The search stays linear: with a quarter of a million candidates a scan for each would never end."""
    store = Store.open(sqlite_url, origin="x")
    async with store.begin() as tx:
        await gather_matches(tx)
        plan = " ".join(str(row[3]) for row in await tx.rows(f"EXPLAIN QUERY PLAN {WITHDRAW}"))
    await store.close()
    assert "SEARCH f USING" in plan
    assert "SCAN f" not in plan


async def test_a_decision_is_on_record_once(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The same decision twice is a conflict, an unknown candidate is not found, minds may change."""
    await import_text(store, keys, tmp_path, PEOPLE)
    async with store.begin() as tx:
        candidate = (await list_duplicates(tx, "open", 0, 1))[0].id
        await decide_duplicate(tx, candidate, "same", "operator:ada")
        with pytest.raises(Conflict):
            await decide_duplicate(tx, candidate, "same", "operator:bo")
        with pytest.raises(NotFound):
            await decide_duplicate(tx, 999, "same", "operator:bo")
        await decide_duplicate(tx, candidate, "different", "operator:bo")
    async with store.read() as tx:
        assert (
            await tx.scalar("SELECT count(*) FROM audit_event WHERE action = 'customers:duplicate:decided'")
            == 2
        )


async def test_a_shared_number_gives_no_flood(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A group of n gives n - 1 candidates."""
    text = "number,phone\n" + "".join(f"{n},+12025550150\n" for n in range(50))
    assert (await import_text(store, keys, tmp_path, text)).duplicates.found == 49


async def test_people_can_be_typed_in(store: Store, keys: Keys) -> None:
    """Somebody who is no customer gets a number and can be opened like everybody else."""
    record = CustomerRecord("", name="Dee Example", points=(emails.email("dee@example.com"),), locale="en")
    async with store.begin() as tx:
        key = await add_typed(tx, keys, record, actor="operator:ada")
        with pytest.raises(Conflict):
            await add_typed(tx, keys, CustomerRecord((await open_profiles(tx, keys, [key]))[key].number))
    async with store.read() as tx:
        (opened,) = (await open_profiles(tx, keys, [key, 99])).values()
        assert (opened.name, opened.points[0].value) == ("Dee Example", "dee@example.com")
        assert await tx.scalar("SELECT origin FROM customer WHERE id = :id", id=key) == "typed"


async def test_customers_are_counted_and_listed_without_opening_anything(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Counts come from what stands in the clear; pages go by id."""
    await import_text(store, keys, tmp_path, PEOPLE)
    async with store.read() as tx:
        counts = await count_customers(tx)
        assert counts.by_country == {"US": 5, "": 1}
        assert counts.by_channel == {"email": 5, "letter": 2, "sms": 2}
        assert (counts.customers, counts.without_channel, counts.open_duplicates) == (6, 0, 3)
        page = await list_customers(tx, 1, 2, country="US")
        assert [(each.number, each.channels) for each in page] == [("2", "email"), ("3", "email sms")]
