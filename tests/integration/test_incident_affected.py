"""Who is affected: by criteria, lists, by hand and through accounts, on both databases."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from incidents.affected import view
from incidents.affected.accounts import for_accounts
from incidents.affected.compromise import compromise_addresses, compromise_channels
from incidents.affected.criteria import Exposure
from incidents.affected.exclusion import exclude
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ListOptions, ListResult, by_list
from incidents.affected.typed import by_hand
from incidents.errors import StepRefused
from incidents.lifecycle import Step
from incidents.selection import Selection
from incidents.store import Incident, find, take_step
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, entries, listed, person

BOTH = ("email", "password-hash")


async def _count(store: Store, table: str) -> int:
    async with store.read() as tx:
        return int(await tx.scalar(f"SELECT count(*) FROM {table}"))


async def _upload(
    store: Store, keys: Keys, incident: Incident, path: Path, content: str, **options
) -> ListResult:
    path.write_text(content, encoding="utf-8")
    exposure = Exposure.read(options.pop("exposed", ""), incident)
    async with store.begin() as tx:
        return await by_list(
            tx,
            keys,
            incident,
            PeopleList(path),
            ListOptions("a leaked file", exposure, **options),
            actor="alice",
        )


async def test_criteria_take_what_is_held(store: Store, keys: Keys) -> None:
    """Only exposed data that is held; everything where that is not known; who holds none is not affected."""
    await add(
        store,
        keys,
        [
            person("1", "a@example.com", data_held=("password-hash", "email", "name")),
            person("2", "b@example.com"),
            person("3", "c@example.com", data_held=("name",)),
            person("4", "d@example.com", data_held=("email",), country="DE"),
        ],
    )
    incident = await declared(store)
    done = await affect(store, incident)
    assert (done.matched, done.added, done.holding_none) == (4, 3, 1)
    assert await listed(store, incident) == {
        "1": ("password-hash", "email"),
        "2": ("password-hash", "email"),
        "4": ("email",),
    }
    (entry,) = await entries(store, "affected:criteria")
    assert (entry["matched"], entry["added"], entry["actor"]) == (4, 3, "operator:alice")


async def test_exposure_only_grows(store: Store, keys: Keys) -> None:
    """A second act adds categories and people, and takes nothing away; the same again changes nothing."""
    await add(store, keys, [person(str(n), f"p{n}@example.com") for n in range(3)])
    incident = await declared(store)
    await affect(store, incident, "number in (0, 1)", "email")
    done = await affect(store, incident, "everybody", "name,password")
    assert (done.added, done.grown) == (1, 2)
    assert await listed(store, incident) == {
        "0": ("password", "email", "name"),
        "1": ("password", "email", "name"),
        "2": ("password", "name"),
    }
    again = await affect(store, incident, "everybody", "name")
    assert (again.added, again.grown, again.unchanged) == (0, 0, 3)


async def test_exposed_held_and_as_given(store: Store, keys: Keys) -> None:
    """`held` takes all that is held, else the record's; `as given` takes what is said."""
    await add(
        store,
        keys,
        [person("1", "a@example.com", data_held=("health", "name")), person("2", "b@example.com")],
    )
    incident = await declared(store)
    await affect(store, incident, "everybody", "held")
    assert await listed(store, incident) == {"1": ("health", "name"), "2": ("password-hash", "email")}
    await affect(store, incident, "number = 1", "photos", as_given=True)
    assert (await listed(store, incident))["1"] == ("health", "photos", "name")


@pytest.mark.parametrize(
    ("where", "exposed"),
    [("number = nobody", "email"), ("everybody", "shoe-size"), ("everybody", "email,,x")],
)
async def test_wrong_criteria_leave_nothing_behind(
    store: Store, keys: Keys, where: str, exposed: str
) -> None:
    """Nobody described, or unknown data: refused as wrong input."""
    await add(store, keys, [person("1", "a@example.com")])
    incident = await declared(store)
    with pytest.raises(BadInput):
        await affect(store, incident, where, exposed)
    assert await _count(store, "affected") == await _count(store, "affected_act") == 0


async def test_an_ended_incident_takes_nobody_in(store: Store, keys: Keys) -> None:
    """Stood down means stood down."""
    await add(store, keys, [person("1", "a@example.com")])
    incident = await declared(store)
    async with store.begin() as tx:
        await take_step(tx, incident.code, Step.STAND_DOWN, actor="alice", reason="a false alarm")
        incident = await find(tx, incident.code)
    with pytest.raises(StepRefused):
        await affect(store, incident)


async def test_a_list_accounts_for_every_row(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Matched by number, e-mail or phone; unmatched, ambiguous and empty rows are reported with their lines."""
    await add(
        store,
        keys,
        [
            person("C-1", "one@example.com"),
            person("C-2", "two@example.com", "+4915112345678"),
            person("C-3", "shared@example.com"),
            person("C-4", "shared@example.com"),
        ],
    )
    incident = await declared(store)
    text = (
        "Customer Number;E-Mail;Phone;Exposed\n"
        "C-1;;;name\n"
        ";;+49 1511 2345678;password, shoe-size\n"
        ";TWO@Example.com;;\n"
        ";shared@example.com;;\n"
        ";nobody@example.com;;\n"
        ";;;name\n"
    )
    result = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert {(one.line, one.problem) for one in result.problems} == {
        (5, "ambiguous"),
        (6, "unmatched"),
        (7, "invalid"),
    }
    assert (result.rows, result.counted.added, [one.line for one in result.partly]) == (6, 2, [3])
    assert await listed(store, incident) == {"C-1": ("name",), "C-2": ("password", *BOTH[::-1])}
    assert await _count(store, "list_row") == 3
    both = await _upload(store, keys, incident, tmp_path / "l.csv", text, all_matches=True)
    assert both.counted.added == 2
    assert await _count(store, "list_row") == 2


async def test_of_a_wrong_list_some_lines_are_kept(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is no list does not fill the store; how many lines are beyond is in the result."""
    monkeypatch.setattr("incidents.affected.lists.KEPT", 3)
    incident = await declared(store)
    text = "number\n" + "".join(f"no-{n}\n" for n in range(10))
    result = await _upload(store, keys, incident, tmp_path / "l.csv", text)
    assert (len(result.problems), result.not_kept, await _count(store, "list_row")) == (10, 7, 3)


@pytest.mark.parametrize(
    "content",
    [
        "C-1\nC-2\n",
        "one@example.com\ntwo@example.com\n",
        "id\nC-1\nC-2\n",
        '{"id": "C-1"}\n{"id": "C-2"}\n',
        "\ufeffC-1\r\n\r\nC-2",
    ],
)
async def test_plain_lines_and_json_are_lists_too(
    store: Store, keys: Keys, tmp_path: Path, content: str
) -> None:
    """Whatever people have at hand."""
    await add(store, keys, [person("C-1", "one@example.com"), person("C-2", "two@example.com")])
    incident = await declared(store)
    result = await _upload(store, keys, incident, tmp_path / "list", content)
    assert (result.counted.added, result.problems) == (2, [])


async def test_a_list_brings_in_people_who_are_no_customers(store: Store, keys: Keys, tmp_path: Path) -> None:
    """With --add-unknown, once each; a number that nobody has stays unmatched."""
    incident = await declared(store)
    text = "name,email,locale,number\nLea Öz,lea@example.com,de,\nSame,LEA@example.com,,\n,,,C-9\nBad,not-an-address,,\n"
    result = await _upload(store, keys, incident, tmp_path / "l.csv", text, add_unknown=True)
    assert (result.brought_in, result.counted.added) == (1, 1)
    assert [one.line for one in result.problems] == [4, 5]
    async with store.read() as tx:
        row = await tx.row("SELECT locale, origin FROM customer")
    assert (row.locale, row.origin) == ("de", "list")


async def test_details_of_a_row_are_sealed(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Hints and records can be opened with the person's key alone."""
    ids = await add(store, keys, [person("C-1", "one@example.com")])
    incident = await declared(store)
    await _upload(
        store, keys, incident, tmp_path / "l.csv", "id,hint bank-account,records\nC-1,ends in 1234,R1; R2\n"
    )
    async with store.read() as tx:
        row = await tx.row(
            "SELECT a.sealed, c.uid, k.wrapped FROM affected a JOIN customer c ON c.id = a.customer_id"
            " JOIN subject_key k ON k.customer_id = c.id WHERE c.id = :id",
            id=ids["C-1"],
        )
    opened = orjson.loads(keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), b"member"))
    assert opened == {"hints": {"bank-account": "ends in 1234"}, "records": ["R1", "R2"]}


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "%PDF-1.7 x", "\x00\x01\x02" * 50])
def test_what_is_no_list_is_refused(tmp_path: Path, content: str) -> None:
    """Empty, without a known column, or no text at all."""
    (tmp_path / "x").write_text(content)
    with pytest.raises(BadInput):
        PeopleList(tmp_path / "x")
    with pytest.raises(BadInput):
        PeopleList(tmp_path / "missing")


async def test_people_are_typed_in(store: Store, keys: Keys) -> None:
    """Known ones are found, new ones are brought in, each with their own data."""
    await add(store, keys, [person("C-1", "one@example.com")])
    incident = await declared(store)
    async with store.begin() as tx:
        people = ["Somebody,one@example.com", '"Öz, Lea",lea@example.com,de,health,name']
        done = await by_hand(
            tx, keys, incident, people, Exposure.read("", incident), basis="a call", actor="alice"
        )
    assert (done.matched, done.added) == (2, 2)
    found = await listed(store, incident)
    assert found.pop("C-1") == BOTH[::-1]
    assert list(found.values()) == [("health", "name")]
    for wrong in ("Öz, Lea", "C-404", "", "Name,", "Name,a@b@c", "Name,x@example.com,???"):
        with pytest.raises(BadInput):
            async with store.begin() as tx:
                await by_hand(
                    tx, keys, incident, [wrong], Exposure.read("", incident), basis="x", actor="alice"
                )
    assert await _count(store, "customer") == 2


async def test_exclusion_has_a_reason_and_can_be_undone(store: Store, keys: Keys) -> None:
    """By number or by selection; a number that is not on the list refuses the whole act."""
    await add(
        store,
        keys,
        [person(str(n), f"p{n}@example.com", marks=("employee",) if n == 2 else ()) for n in range(3)],
    )
    incident = await declared(store)
    await affect(store, incident)

    async def act(**how):
        async with store.begin() as tx:
            return (await exclude(tx, keys, incident, actor="alice", **how)).people

    assert await act(numbers=["0"], reason="told by phone") == 1
    assert await act(selection=Selection.read("marked employee"), reason="told in person") == 1
    for wrong in (
        {"numbers": ["1", "99"], "reason": "x"},
        {"numbers": ["1"], "reason": " "},
        {"reason": "x"},
        {"numbers": ["0"], "reason": "x"},
    ):
        with pytest.raises(BadInput):
            await act(**wrong)
    assert await act(numbers=["0"], reason="was a mistake", readmit=True) == 1
    async with store.read() as tx:
        found = await view.counts(tx, incident)
    assert (found["people"], found["excluded because"]) == (3, {"told in person": 1})


async def test_compromised_addresses_are_marked(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Single addresses by list, whole channels by exposure; what cannot be read is reported."""
    await add(store, keys, [person("1", "a@example.com", "b@example.com"), person("2", "c@example.com")])
    incident = await declared(store)
    await affect(store, incident, "number = 1", "password")
    (tmp_path / "l").write_text("A@example.com\nc@example.com\nrubbish@@x\n")
    async with store.begin() as tx:
        done = await compromise_addresses(
            tx, keys, incident, PeopleList(tmp_path / "l"), reason="x", actor="alice"
        )
    assert (done.marked, done.points, done.waiting) == (2, 1, 1)
    assert [(one.line, one.problem) for one in done.problems] == [(3, "no-address")]
    async with store.begin() as tx:
        assert (
            await compromise_channels(tx, incident, ["email"], exposed="password", reason="x", actor="alice")
            == 1
        )
    for wrong in (
        {"channels": ["pigeon"]},
        {"channels": []},
        {"channels": ["email"], "exposed": "shoe-size"},
    ):
        with pytest.raises(BadInput):
            async with store.begin() as tx:
                await compromise_channels(tx, incident, reason="x", actor="alice", **wrong)


async def test_accounts_are_told_through_their_contacts(store: Store, keys: Keys) -> None:
    """The first role that has anybody; records and counts sealed; an account without contact is named."""
    await add(
        store,
        keys,
        [
            person("boss", "boss@a.example", account=("A", "Alpha", "owner", "security")),
            person("dpo", "dpo@a.example", account=("A", "Alpha", "privacy")),
            *(person(f"a{n}", f"a{n}@a.example", account=("A", "Alpha")) for n in range(60)),
            person("b1", "b1@b.example", account=("B", "Beta")),
        ],
    )
    incident = await declared(store)
    async with store.begin() as tx:
        told = await for_accounts(
            tx, keys, incident, ["all"], Exposure.read("", incident), basis="x", actor="alice"
        )
    assert (told.accounts, told.records, told.without_contact, told.counted.added) == (2, 63, ("B",), 1)
    async with store.read() as tx:
        row = await tx.row(
            "SELECT a.sealed, a.via_account_id, c.number, c.uid, k.wrapped FROM affected a"
            " JOIN customer c ON c.id = a.customer_id JOIN subject_key k ON k.customer_id = c.id"
        )
    details = orjson.loads(keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), b"member"))
    assert (row.number, details["subject"], details["count"]) == ("boss", "Alpha", 62)
    assert (len(details["records"]), details["records"][-1]) == (51, "+ 12")
    for numbers, roles in ((["C"], ("owner",)), (["A"], ("chef",))):
        with pytest.raises(BadInput):
            async with store.begin() as tx:
                await for_accounts(
                    tx,
                    keys,
                    incident,
                    numbers,
                    Exposure.read("", incident),
                    roles=roles,
                    basis="x",
                    actor="alice",
                )


async def test_the_list_shows_no_more_than_needed(store: Store, keys: Keys) -> None:
    """Initials, masked addresses."""
    await add(store, keys, [person("1", "anna@example.com", name="Anna Berg", country="DE")])
    incident = await declared(store)
    await affect(store, incident)
    async with store.read() as tx:
        (shown,) = await view.masked(tx, keys, incident, most=5)
    assert (shown["name"], shown["email"], shown["country"]) == ("A. B.", "a…@e….com", "DE")
