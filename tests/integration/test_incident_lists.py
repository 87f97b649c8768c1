"""Lists and typed people: nobody doubled, nothing lost, every doubtful row reported; on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incidents.affected.accounts import AccountsTold, for_accounts
from incidents.affected.acts import Counted
from incidents.affected.criteria import Exposure
from incidents.affected.details import open_details
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ListOptions, ListResult, by_list
from incidents.affected.typed import by_hand
from incidents.store import Incident
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, entries, listed, person


async def _upload(store: Store, keys: Keys, incident: Incident, path: Path, text: str) -> ListResult:
    path.write_text(text, encoding="utf-8")
    options = ListOptions("x", Exposure.read("", incident), add_unknown=True)
    async with store.begin() as tx:
        return await by_list(tx, keys, incident, PeopleList(path), options, actor="alice")


async def _details(store: Store, keys: Keys, number: str = "C-1") -> dict[str, Any]:
    """Return the facts about one customer alone."""
    async with store.read() as tx:
        row = await tx.row(
            "SELECT a.customer_id, a.sealed FROM affected a JOIN customer c ON c.id = a.customer_id"
            " WHERE c.number = :number",
            number=number,
        )
        assert row is not None
        return (await open_details(tx, keys, {row.customer_id: row.sealed}))[row.customer_id]


async def test_a_list_uploaded_twice_brings_nobody_in_again(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A number that nobody has does not make a second person of the same e-mail address or phone."""
    incident = await declared(store)
    text = "number,email,phone,country\nX-1,lea@example.com,,\nX-2,,030 1234567,DE\n"
    first = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    again = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert (first.brought_in, again.brought_in, again.problems) == (2, 0, [])
    assert len(await listed(store, incident)) == 2
    assert len(await entries(store, "customers:typed")) == 2


async def test_a_customer_known_by_address_is_no_stranger(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The list's number is unknown, its e-mail address is a customer's; an address of several is reported."""
    people = [
        person("C-1", "lea@example.com"),
        person("C-2", "us@example.com"),
        person("C-3", "us@example.com"),
    ]
    await add(store, keys, people)
    incident = await declared(store)
    text = "number,email\nX-1,Lea@example.com\nX-2,us@example.com\n"
    result = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert (result.brought_in, [(one.line, one.problem) for one in result.problems]) == (
        0,
        [(3, "ambiguous")],
    )
    assert list(await listed(store, incident)) == ["C-1"]


async def test_another_spelling_of_a_mailbox_is_no_stranger(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Exactly first; then by the mailbox, where one customer has it. The report names the lines."""
    people = [
        person("C-1", "bo.gm+x@gmail.com", "bogm@googlemail.com"),
        person("C-2", "lea.lea@gmail.com"),
        person("C-3", "le.alea@gmail.com"),
    ]
    await add(store, keys, people)
    incident = await declared(store)
    text = "email\nbogm@gmail.com\nlealea@gmail.com\nlea.lea@gmail.com\nnew.one@gmail.com\nnewone@gmail.com\n"
    result = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert [(one.line, one.problem) for one in result.problems] == [(3, "ambiguous")]
    assert (result.respelled, result.brought_in) == ([2, 6], 1)
    assert list(await listed(store, incident))[:2] == ["C-1", "C-2"]


async def test_somebody_typed_in_another_spelling_is_no_stranger(store: Store, keys: Keys) -> None:
    """The customer who has the mailbox is meant."""
    await add(store, keys, [person("C-1", "bogm@googlemail.com")])
    incident = await declared(store)
    async with store.begin() as tx:
        exposure = Exposure.read("", incident)
        await by_hand(tx, keys, incident, ["Bo,bo.gm@gmail.com"], exposure, basis="x", actor="alice")
    assert list(await listed(store, incident)) == ["C-1"]


async def test_who_shares_a_telephone_is_brought_in_and_shown(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Their own address makes them somebody else; the duplicate search says that they may be one."""
    await add(store, keys, [person("C-1", "a@example.com", "+493012345678", name="Lea Example")])
    incident = await declared(store)
    text = "name,number,email,phone\nLea Example,X-1,b@example.com,+493012345678\n"
    assert (await _upload(store, keys, incident, tmp_path / "l.csv", text)).brought_in == 1
    (search,) = await entries(store, "customers:duplicates:searched")
    assert search["actor"] == "system"


async def test_unknown_data_is_reported_and_nothing_assumed(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Only unknown categories: the row is not used. Some: used without them. Both are named by line."""
    await add(store, keys, [person(f"C-{n}", f"p{n}@example.com") for n in range(3)])
    incident = await declared(store)
    text = "number,email,data\nC-0,,shoe-size\nC-1,,name; shoe-size\nC-2,,\n,new@example.com,hat\n"
    result = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert [(one.line, one.problem) for one in result.doubtful] == [
        (2, "unknown-data"),
        (3, "partly-used"),
        (5, "unknown-data"),
    ]
    assert result.brought_in == 0
    found = await listed(store, incident)
    assert found == {"C-1": ("name",), "C-2": ("password-hash", "email")}


async def test_a_person_typed_twice_keeps_both_exposures(store: Store, keys: Keys) -> None:
    """The categories are joined; typed once without any, the incident's are among them."""
    await add(store, keys, [person("C-1", "lea@example.com"), person("C-2", "kim@example.com")])
    incident = await declared(store)
    typed = ["Lea,lea@example.com,health", "Lea,lea@example.com,name", "C-2", "Kim,kim@example.com,photos"]
    async with store.begin() as tx:
        exposure = Exposure.read("email", incident)
        done = await by_hand(tx, keys, incident, typed, exposure, basis="x", actor="alice")
    assert done.added == 2
    found = await listed(store, incident)
    assert {number: set(words) for number, words in found.items()} == {
        "C-1": {"health", "name"},
        "C-2": {"photos", "email"},
    }


async def test_the_same_list_again_changes_nobody(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Details that are as they were are no growth, for an account's contacts neither; people are counted."""
    boss = person("C-0", "boss@a.example", account=("A", "Alpha", "owner"))
    await add(store, keys, [boss, *(person(f"C-{n}", f"p{n}@example.com") for n in (1, 2))])
    incident = await declared(store)
    rows = "".join(f"C-1,order {n},\n" for n in range(600))
    text = f"number,records,hint bank-account\nC-0,order 7,4242\nC-2,,\n{rows}"
    first = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert first.counted == Counted(3, 3, 0, 0)
    again = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert again.counted == Counted(3, 0, 0, 3)
    told = [await _for_account(store, keys, incident) for _ in range(2)]
    assert [one.counted for one in told] == [Counted(1, 0, 1, 0), Counted(1, 0, 0, 1)]


async def test_records_and_hints_add_up(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Rows and lists about the same person add to each other; nothing that was exposed is forgotten."""
    await add(store, keys, [person("C-1", "p1@example.com")])
    incident = await declared(store)
    await _upload(store, keys, incident, tmp_path / "l.csv", "number,records\nC-1,order 1\nC-1,order 2\n")
    text = "number,records,hint bank-account\nC-1,order 2; order 3,42\n"
    assert (await _upload(store, keys, incident, tmp_path / "l.csv", text)).counted == Counted(1, 0, 1, 0)
    assert await _details(store, keys) == {
        "records": ["order 1", "order 2", "order 3"],
        "hints": {"bank-account": "42"},
    }


@pytest.mark.parametrize("sep", ["; ", "\nC-1,"])
async def test_what_a_list_says_is_kept_in_any_layout(
    store: Store, keys: Keys, tmp_path: Path, sep: str
) -> None:
    """A hundred and fifty records in one row or in as many: all are kept, and nothing is to be looked at."""
    await add(store, keys, [person("C-1", "p1@example.com")])
    incident = await declared(store)
    records = [f"order {n} {'x' * 30}" for n in range(150)]
    text = f"number,records\nC-1,{sep.join(records)}\n"
    assert (await _upload(store, keys, incident, tmp_path / "l.csv", text)).doubtful == []
    assert (await _details(store, keys))["records"] == records


async def test_a_row_that_was_cut_is_used_and_reported(store: Store, keys: Keys, tmp_path: Path) -> None:
    """By line and column: a long record, a long hint, and each row beyond a thousand records, in any list."""
    await add(store, keys, [person("C-1", "p1@example.com")])
    incident = await declared(store)
    many = "; ".join(f"order {n}" for n in range(998))
    text = f"number,records,hint email\nC-1,{many},\nC-1,{'r' * 201},\nC-1,,{'h' * 201}\n"
    first = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert [(one.line, one.said) for one in first.doubtful] == [
        (3, "shortened (records)"),
        (4, "shortened (hint email)"),
    ]
    more = "number,records\nC-1,a\nC-1,b\nC-1,c\n"
    second = await _upload(store, keys, incident, tmp_path / "l.csv", more)
    assert [(one.line, one.columns) for one in second.doubtful] == [(3, "records"), (4, "records")]
    details = await _details(store, keys)
    assert details["records"][998:] == ["r" * 200, "a"]
    assert details["hints"] == {"email": "h" * 200}


@pytest.mark.parametrize("between", [0, 600])
async def test_hints_of_one_list_are_joined(store: Store, keys: Keys, tmp_path: Path, between: int) -> None:
    """Two exposed bank accounts are both told, wherever their rows stand; another list corrects them."""
    await add(store, keys, [person("C-1", "p1@example.com"), person("C-2", "p2@example.com")])
    incident = await declared(store)
    head, others = "number,hint bank-account\n", "C-2,\n" * between
    await _upload(store, keys, incident, tmp_path / "l.csv", f"{head}C-1,wrong\n")
    text = f"{head}C-1,ends in 1111\n{others}C-1,ends in 2222\nC-1,ends in 1111\n"
    assert (await _upload(store, keys, incident, tmp_path / "l.csv", text)).doubtful == []
    assert (await _details(store, keys))["hints"] == {"bank-account": "ends in 1111; ends in 2222"}
    text = f"{head}C-1,{'a' * 150}\nC-1,{'b' * 150}\n"
    long = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert [(one.line, one.columns) for one in long.doubtful] == [(3, "hint bank-account")]
    await _upload(store, keys, incident, tmp_path / "l.csv", f"{head}C-1,ends in 3333\n")
    assert (await _details(store, keys))["hints"] == {"bank-account": "ends in 3333"}


async def test_a_mark_is_no_growth(store: Store, keys: Keys) -> None:
    """Who is named again for a compromised channel is as before, and marked."""
    await add(store, keys, [person("C-1", "p1@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    assert await affect(store, incident, compromised=("email",)) == Counted(1, 0, 0, 1)
    async with store.read() as tx:
        assert await tx.scalar("SELECT compromised FROM affected") == " email "


async def test_who_is_told_for_an_account_is_no_new_person(store: Store, keys: Keys) -> None:
    """Affected in person as well: one person on the list, with more exposed data."""
    await add(store, keys, [person("C-0", "boss@a.example", account=("A", "Alpha", "owner"))])
    incident = await declared(store)
    await _for_account(store, keys, incident)
    assert await affect(store, incident) == Counted(1, 0, 1, 0)


async def _for_account(store: Store, keys: Keys, incident: Incident) -> AccountsTold:
    exposure = Exposure.read("", incident)
    async with store.begin() as tx:
        return await for_accounts(tx, keys, incident, ["A"], exposure, basis="x", actor="alice")
