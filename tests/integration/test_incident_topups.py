"""Top-ups on both databases: whoever was never told is told, nobody twice, and nobody is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from incidents import growth, untold
from incidents.affected.accounts import for_accounts
from incidents.affected.criteria import Exposure
from incidents.affected.details import known_details, open_details
from incidents.affected.exclusion import exclude
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ListOptions, by_list
from incidents.announce import announce
from incidents.closing import require_nobody_new
from incidents.errors import NothingNew, StepRefused
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import Incident, find
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.settings import Organisation
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import RECORD, add, affect, declared, entries, members, person

ENDS = {
    "unanswered": "cancelled",
    **dict.fromkeys(("refused", "unroutable", "content-refused", "too-big"), "rejected"),
}
HOUSE = Organisation(brand="Acme", verify_address="acme.example/check", time_zone="Europe/Berlin")


async def _freeze(store: Store, keys: Keys, incident: Incident, **more: Any) -> Audience:
    async with store.begin() as tx:
        return await freeze(tx, keys, await find(tx, incident.code), actor="alice", **more)


async def _announce(store: Store, incident: Incident, audience: Audience) -> str:
    async with store.begin() as tx:
        return await announce(
            tx, await find(tx, incident.code), audience, {}, organisation=HOUSE, author="alice"
        )


async def _sent(store: Store, code: str, states: Mapping[str, str], *, end: str = "released") -> None:
    """Put deliveries in these states on record, by customer number; ``unanswered`` was cancelled after, and
    ``refused`` and the like are rejected for that reason.
    """
    async with store.begin() as tx:
        announcement = await tx.scalar("SELECT id FROM announcement WHERE code = :code", code=code)
        (wave,) = await tx.write_returning(
            "INSERT INTO wave (announcement_id, number, people, start_at, state)"
            " VALUES (:id, 1, 1, 0, 'done') RETURNING id",
            {"id": announcement},
        )
        (batch,) = await tx.write_returning(
            "INSERT INTO send_batch (announcement_id, wave_id, number, size, state, not_before, claim_token,"
            " worker, failures) VALUES (:id, :wave, 0, 1, 'done', 0, '', '', 0) RETURNING id",
            {"id": announcement, "wave": wave.id},
        )
        (shared,) = await tx.write_returning(
            "INSERT INTO notice_dictionary (announcement_id, locale, variant, content)"
            " VALUES (:id, 'en', 'person', :empty) RETURNING id",
            {"id": announcement, "empty": b""},
        )
        for number, state in states.items():
            reference = f"{announcement}-{number}"
            await tx.write(
                "INSERT INTO notice (reference, announcement_id, member_id, channel, occasion, locale,"
                " dictionary_id, digest, size, sealed) SELECT :reference, n.id, m.id, 'email', 'first', 'en',"
                " :shared, :empty, 0, :empty FROM announcement n JOIN audience_member m"
                " ON m.audience_id = n.audience_id JOIN customer c ON c.id = m.customer_id"
                " WHERE n.id = :id AND c.number = :number",
                {
                    "reference": reference,
                    "shared": shared.id,
                    "empty": b"",
                    "id": announcement,
                    "number": number,
                },
            )
            (made,) = await tx.write_returning(
                "INSERT INTO delivery (reference, announcement_id, member_id, customer_id, contact_point_id,"
                " channel, occasion, notice_id, batch_id, state, attempts, due_at, claim_token, changed_at)"
                " SELECT n.reference, n.announcement_id, m.id, m.customer_id, m.contact_point_id, 'email',"
                " 'first', n.id, :batch, :state, 1, 0, '', 0 FROM notice n JOIN audience_member m"
                " ON m.id = n.member_id WHERE n.reference = :reference RETURNING id",
                {
                    "batch": batch.id,
                    "state": ENDS.get(state, state),
                    "reference": reference,
                },
            )
            if state in ENDS:
                await tx.write(
                    "INSERT INTO attempt (delivery_id, number, opened_at, closed_at, outcome, code, enhanced,"
                    " relay, reason, event_id, carrier_id) VALUES (:id, 1, 0, 0, :outcome, 0, '', '', :reason, '', '')",
                    {
                        "id": made.id,
                        "outcome": "unknown" if state == "unanswered" else "rejected",
                        "reason": state,
                    },
                )
        await tx.write(
            "UPDATE announcement SET state = :end, released_at = 1 WHERE id = :id",
            {"end": end, "id": announcement},
        )
        tx.record(Event("test:sent"))


async def _crowd(store: Store, keys: Keys, count: int) -> Incident:
    await add(store, keys, [person(str(n), f"p{n}@example.com") for n in range(count)])
    incident = await declared(store)
    await affect(store, incident)
    return incident


async def test_what_may_have_left_is_not_announced_again(store: Store, keys: Keys) -> None:
    """After a cancelled canary the audience is refused; the top-up has those never told."""
    incident = await _crowd(store, keys, 3)
    first = await _freeze(store, keys, incident)
    code = await _announce(store, incident, first)
    await _sent(store, code, {"0": "accepted", "1": "unanswered", "2": "cancelled"}, end="cancelled")
    with pytest.raises(Refused, match="may have been told"):
        await _announce(store, incident, first)
    second = await _freeze(store, keys, incident)
    assert list(await members(store, second.code)) == ["2"]
    await _announce(store, incident, second)


async def test_a_cancelled_audience_taken_up_by_a_newer_one_is_refused(store: Store, keys: Keys) -> None:
    """Nobody left the house, and all of its people are in the newer audience: only that one is announced."""
    incident = await _crowd(store, keys, 2)
    first = await _freeze(store, keys, incident)
    await _sent(store, await _announce(store, incident, first), {}, end="cancelled")
    second = await _freeze(store, keys, incident)
    with pytest.raises(Refused, match=second.code):
        await _announce(store, incident, first)
    await _announce(store, incident, second)


NEVER_TOLD = ("content-refused", "too-big", "bounced", "suppressed", "expired", "cancelled", "")
TOLD = ("accepted", "delivered", "unknown", "held", "handing-over", "planned", "deferred", "unanswered")


@pytest.mark.parametrize(("states", "comes_back"), [(NEVER_TOLD, True), (TOLD, False)])
async def test_who_was_never_told_comes_back(
    store: Store, keys: Keys, states: tuple[str, ...], comes_back: bool
) -> None:
    """Refused, returned, suppressed, expired, set aside: never told; under way or perhaps gone: told."""
    incident = await _crowd(store, keys, len(states))
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {str(n): state for n, state in enumerate(states) if state})
    if not comes_back:
        with pytest.raises(NothingNew):
            await _freeze(store, keys, incident)
        return
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert {(one.state, one.variant, one.new_categories) for one in found.values()} == {("due", "person", "")}
    assert len(found) == len(states)


async def test_a_refused_address_is_not_asked_twice(store: Store, keys: Keys) -> None:
    """Who was refused there is reached by another address, else counted once their exposure grows."""
    incident = await _crowd(store, keys, 3)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"0": "refused", "1": "unroutable", "2": "accepted"})
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await tx.write(
            "INSERT INTO contact_point (customer_id, channel, rank, sealed, value_index, folded_index, site,"
            " state, state_reason) SELECT customer_id, channel, 1, sealed, :new, :new, site, state, ''"
            " FROM contact_point WHERE customer_id = (SELECT id FROM customer WHERE number = '0')",
            {"new": b"another"},
        )
        tx.record(Event("test:address"))
    await affect(store, incident, "number in (1, 2)", "health", as_given=True)
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert {number: (one.state, one.reason, one.variant) for number, one in found.items()} == {
        "0": ("due", "", "person"),
        "1": ("needs-channel", "refused", "person"),
        "2": ("due", "", "update"),
    }
    assert await _rank(store, found["0"].contact_point_id) == 1


async def test_refusals_that_were_about_us_are_asked_again(store: Store, keys: Keys) -> None:
    """On the operator's word, where a relay's fault looked like the readers' refusal."""
    incident = await _crowd(store, keys, 2)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"0": "refused", "1": "accepted"})
    again = await _freeze(store, keys, incident, ask_again=True)
    found = await members(store, again.code)
    assert {number: (one.state, one.variant) for number, one in found.items()} == {"0": ("due", "person")}
    assert again.selection["asks_again"] == 1


async def _rank(store: Store, point: int) -> int:
    async with store.read() as tx:
        return int(await tx.scalar("SELECT rank FROM contact_point WHERE id = :id", id=point))


async def test_a_top_up_waits_for_the_first_notice(store: Store, keys: Keys) -> None:
    """While people of an earlier audience have no announcement, a later one is refused."""
    incident = await _crowd(store, keys, 2)
    first = await _freeze(store, keys, incident)
    await affect(store, incident, "number = 0", "health", as_given=True)
    second = await _freeze(store, keys, incident)
    with pytest.raises(Refused, match=f"{first.code} was not announced: 2 people"):
        await _announce(store, incident, second)
    await _announce(store, incident, first)
    await _announce(store, incident, second)


async def _accounts(store: Store, keys: Keys) -> Incident:
    await add(
        store,
        keys,
        [
            person("boss", "boss@a.example", account=("A", "Alpha", "owner")),
            *(person(f"a{n}", f"a{n}@a.example", account=("A", "Alpha")) for n in range(3)),
        ],
    )
    return await declared(store)


async def _account(
    store: Store, keys: Keys, incident: Incident, who: str, exposed: str, account: str = "A"
) -> None:
    async with store.begin() as tx:
        await for_accounts(
            tx,
            keys,
            incident,
            [account],
            Exposure.read(exposed, incident, as_given=True),
            selection=Selection.read(f"number in ({who})"),
            basis="x",
            actor="alice",
        )


async def _top_up(store: Store, keys: Keys, incident: Incident) -> tuple[str, str]:
    """Freeze again: the boss's variant and new categories, and then there is nothing new."""
    boss = (await members(store, (await _freeze(store, keys, incident)).code))["boss"]
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    return boss.variant, boss.new_categories


async def test_an_account_is_told_of_another_record(store: Store, keys: Keys) -> None:
    """The same data of one record more: told again, with what it is about."""
    incident = await _accounts(store, keys)
    await _account(store, keys, incident, "a0", "health")
    await _freeze(store, keys, incident)
    await _account(store, keys, incident, "a0, a1", "health")
    assert await _top_up(store, keys, incident) == ("account", " health ")
    await _account(store, keys, incident, "a0, a1", "health")
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)


async def test_a_contact_is_told_of_their_own_data(store: Store, keys: Keys) -> None:
    """After the account's notice their own data makes a first notice in person, also of the same category."""
    incident = await _accounts(store, keys)
    await _account(store, keys, incident, "a0", "health, email")
    await _freeze(store, keys, incident)
    await affect(store, incident, "number = boss", "email", as_given=True)
    assert await _top_up(store, keys, incident) == ("person", "")


async def test_somebody_told_in_person_is_told_of_their_account(store: Store, keys: Keys) -> None:
    """An account's data is new to its contact, also where the category is not."""
    incident = await _accounts(store, keys)
    await affect(store, incident, "number = boss", "health", as_given=True)
    await _freeze(store, keys, incident)
    await _account(store, keys, incident, "a0", "health")
    assert await _top_up(store, keys, incident) == ("update", " health ")
    details = await _told(store, keys, "boss")
    assert details["categories"] == {"health": False}
    assert details["accounts"][0]["categories"] == {"health": True}


async def _told(store: Store, keys: Keys, number: str) -> dict[str, Any]:
    """Return the details of this customer's newest notice."""
    async with store.read() as tx:
        row = await tx.row(
            "SELECT m.customer_id, m.sealed FROM audience_member m JOIN customer c ON c.id = m.customer_id"
            " WHERE c.number = :number ORDER BY m.id DESC LIMIT 1",
            number=number,
        )
        assert row is not None
        return (await open_details(tx, keys, {row.customer_id: row.sealed}))[row.customer_id]


async def _upload(store: Store, keys: Keys, incident: Incident, path: Path, **columns: str) -> None:
    values = {"number": "0", **{name.replace("_", " "): value for name, value in columns.items()}}
    path.write_text(f"{','.join(values)}\n{','.join(values.values())}\n")
    async with store.begin() as tx:
        options = ListOptions("a leaked file", Exposure.read("", incident))
        await by_list(tx, keys, incident, PeopleList(path), options, actor="alice")


async def test_more_records_of_one_person_are_new(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The same categories with another record are told, and the record by name; the same list again is not."""
    incident = await _crowd(store, keys, 2)
    upload = partial(_upload, store, keys, incident, tmp_path / "l.csv")
    await upload(records="order 1")
    await _freeze(store, keys, incident)
    for records, before, new in (
        ("order 1; order 2", ["order 1"], ["order 2"]),
        ("order 3; order 2", ["order 1", "order 2"], ["order 3"]),
    ):
        await upload(records=records)
        found = await members(store, (await _freeze(store, keys, incident)).code)
        assert {number: (one.variant, one.new_categories) for number, one in found.items()} == {
            "0": ("update", " password-hash email ")
        }
        told = await _told(store, keys, "0")
        assert told["categories"] == {"password-hash": False, "email": False}
        assert (told["records"], told["records_new"]) == (before, new)
        await upload(records=records)
        with pytest.raises(NothingNew):
            await _freeze(store, keys, incident)


async def test_another_hint_is_new_of_its_category_alone(store: Store, keys: Keys, tmp_path: Path) -> None:
    """So is a category beside a new record: the others, and the records known, were told before."""
    incident = await _crowd(store, keys, 1)
    upload = partial(_upload, store, keys, incident, tmp_path / "l.csv")
    await upload(records="order 1", hint_email="ends in .org")
    await _freeze(store, keys, incident)
    await upload(hint_email="ends in .com")
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert found["0"].new_categories == " email "
    told = await _told(store, keys, "0")
    assert told["categories"] == {"password-hash": False, "email": True}
    assert (told["records"], told["records_new"]) == (["order 1"], [])
    await affect(store, incident, exposed="health", as_given=True)
    await upload(records="order 2")
    await _freeze(store, keys, incident)
    told = await _told(store, keys, "0")
    assert told["categories"] == {"password-hash": False, "health": True, "email": False}
    assert (told["records"], told["records_new"]) == (["order 1"], ["order 2"])


async def test_a_guardian_is_told_what_is_new(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Of the ward's records too, and by the ward's name still."""
    await add(
        store,
        keys,
        [person("G", "g@example.com"), person("0", "c@example.com", marks=("minor",), guardian="G")],
    )
    incident = await declared(store)
    await affect(store, incident, "number = 0")
    upload = partial(_upload, store, keys, incident, tmp_path / "l.csv")
    await upload(records="order 1")
    await _freeze(store, keys, incident)
    before = await _told(store, keys, "0")
    await upload(records="order 2")
    assert (await members(store, (await _freeze(store, keys, incident)).code))["0"].variant == "guardian"
    told = await _told(store, keys, "0")
    assert (told["records"], told["records_new"]) == (["order 1"], ["order 2"])
    assert {name: told.get(name) for name in ("subject", "reader")} == {
        name: before.get(name) for name in ("subject", "reader")
    }
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)


async def test_an_account_is_told_which_records_are_new(store: Store, keys: Keys) -> None:
    """Also where there are more than a notice lists; another name of the account is nothing new."""
    people = [person(f"a{n:02}", f"a{n}@a.example", account=("A", "Alpha")) for n in range(70)]
    await add(store, keys, [person("boss", "boss@a.example", account=("A", "Alpha", "owner")), *people])
    incident = await declared(store)
    await _account(store, keys, incident, ", ".join(f"a{n:02}" for n in range(1, 61)), "health")
    await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await tx.write("UPDATE account SET name = 'Alpha and Sons'")
        tx.record(Event("test:renamed"))
    await _account(store, keys, incident, "a01", "health")
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    await _account(store, keys, incident, "a00, a65, a66", "health")
    assert await _top_up(store, keys, incident) == ("account", " health ")
    told = await _told(store, keys, "boss")
    assert (told["subject"], told["count"], told["categories"]) == ("Alpha and Sons", 63, {"health": False})
    assert told["records_new"] == ["a00", "+ 2"]
    assert told["records"] == [*(f"a{n:02}" for n in range(1, 50)), "+ 11"]


async def test_a_contact_of_two_accounts_is_told_whose_records_are_new(store: Store, keys: Keys) -> None:
    """Each record by its account: of one that nothing was told about, all of them."""
    incident = await _accounts(store, keys)
    await _account(store, keys, incident, "a0", "health")
    await _freeze(store, keys, incident)
    await add(store, keys, [person("b0", "b0@b.example", account=("B", "Beta"))])
    async with store.begin() as tx:
        await tx.write(
            "INSERT INTO account_contact (account_id, customer_id, role) SELECT a.id, c.id, 'owner'"
            " FROM account a, customer c WHERE a.number = 'B' AND c.number = 'boss'"
        )
        tx.record(Event("test:contact"))
    await _account(store, keys, incident, "b0", "health", account="B")
    assert await _top_up(store, keys, incident) == ("account", " health ")
    told = await _told(store, keys, "boss")
    assert (told["records"], told["records_new"], told["count"]) == (["Alpha: a0"], ["Beta: b0"], 2)
    assert told["subject"] == "Alpha, Beta"


async def test_records_beyond_those_a_notice_lists_are_new(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A person told of sixty records, fifty of them by name, is told that there are more."""
    incident = await _crowd(store, keys, 2)
    records = [f"order {n}" for n in range(61)]
    await _upload(store, keys, incident, tmp_path / "l.csv", records="; ".join(records[:60]))
    await _freeze(store, keys, incident)
    await _upload(store, keys, incident, tmp_path / "l.csv", records="; ".join(records))
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert [(number, one.variant) for number, one in found.items()] == [("0", "update")]


@pytest.mark.parametrize("more", [{"records": "order 2"}, {"hint_email": "ends in .org"}])
async def test_who_cannot_be_told_of_more_is_counted(
    store: Store, keys: Keys, tmp_path: Path, more: dict[str, str]
) -> None:
    """Somebody told once whose address is dead by now: counted as needing a channel, and once for each growth."""
    incident = await _crowd(store, keys, 1)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"0": "accepted"})
    async with store.begin() as tx:
        await tx.write("UPDATE contact_point SET state = 'dead'")
        tx.record(Event("test:dead"))
    for again in (more, {"records": "order 3"}):
        await _upload(store, keys, incident, tmp_path / "l.csv", **again)
        found = await members(store, (await _freeze(store, keys, incident)).code)
        assert [(one.state, one.reason, one.variant) for one in found.values()] == [
            ("needs-channel", "dead", "update")
        ]
        with pytest.raises(NothingNew):
            await _freeze(store, keys, incident)


async def test_a_first_notice_keeps_what_the_account_was_told_apart(store: Store, keys: Keys) -> None:
    """A contact whose own data joins gets a first notice; their account's new record is named in its list."""
    incident = await _accounts(store, keys)
    await _account(store, keys, incident, "a0", "health")
    await _freeze(store, keys, incident)
    await affect(store, incident, "number = boss", "email", as_given=True)
    await _account(store, keys, incident, "a0, a1", "health")
    assert await _top_up(store, keys, incident) == ("person", "")
    told = await _told(store, keys, "boss")
    assert told["categories"] == {"email": False}
    assert "records_new" not in told
    (account,) = told["accounts"]
    assert account["categories"] == {"health": False}
    assert (account["records"], account["records_new"]) == (["a0"], ["a1"])


async def test_a_new_reader_gets_a_first_notice(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Next of kin, or another guardian, were never written to: what is new to them is everything."""
    kin = [person(f"G{n}", f"g{n}@example.com") for n in (1, 2)]
    await add(store, keys, [*kin, person("0", "p@example.com", guardian="G1")])
    incident = await declared(store)
    await affect(store, incident, "number = 0", "email", as_given=True)
    await _upload(store, keys, incident, tmp_path / "l.csv", records="order 1")
    await _freeze(store, keys, incident)
    for mark, guardian, exposed, variant in (
        (" deceased ", "G1", "health", "next-of-kin"),
        (" minor ", "G2", "name", "guardian"),
    ):
        async with store.begin() as tx:
            await tx.write(
                "UPDATE customer SET marks = :mark, guardian_id = (SELECT g.id FROM customer g WHERE"
                " g.number = :guardian) WHERE number = '0'",
                {"mark": mark, "guardian": guardian},
            )
            tx.record(Event("test:marked"))
        with pytest.raises(NothingNew):
            await _freeze(store, keys, incident)
        await affect(store, incident, "number = 0", exposed, as_given=True)
        found = (await members(store, (await _freeze(store, keys, incident)).code))["0"]
        assert (found.variant, found.new_categories) == (variant, "")
        told = await _told(store, keys, "0")
        assert told["records"] == ["order 1"]
        assert "records_new" not in told
        assert True not in told.get("categories", {}).values()
    await affect(store, incident, "number = 0", "phone", as_given=True)
    found = (await members(store, (await _freeze(store, keys, incident)).code))["0"]
    assert (found.variant, found.new_categories) == ("guardian", " phone ")
    assert (await _told(store, keys, "0"))["records_new"] == []


async def test_the_same_hints_in_another_order_are_nothing_new(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Nor are fewer of them: a corrected list writes to nobody again."""
    incident = await _crowd(store, keys, 1)
    path = tmp_path / "l.csv"

    async def upload(*hints: str) -> None:
        path.write_text("number,hint email\n" + "".join(f"0,{hint}\n" for hint in hints))
        async with store.begin() as tx:
            options = ListOptions("a leaked file", Exposure.read("", incident))
            await by_list(tx, keys, incident, PeopleList(path), options, actor="alice")

    await upload("ends in 1111", "ends in 2222")
    await _freeze(store, keys, incident)
    for hints in (("ends in 2222", "ends in 1111"), ("ends in 2222",)):
        await upload(*hints)
        with pytest.raises(NothingNew):
            await _freeze(store, keys, incident)
    await upload("ends in 2222", "ends in 3333")
    assert (await members(store, (await _freeze(store, keys, incident)).code))[
        "0"
    ].new_categories == " email "


async def test_an_account_that_was_told_is_told(store: Store, keys: Keys) -> None:
    """Its contact has left since: nobody is missing, until there are more records; nor is an exclusion news."""
    incident = await _accounts(store, keys)
    await _account(store, keys, incident, "a0", "health")
    await _sent(
        store, await _announce(store, incident, await _freeze(store, keys, incident)), {"boss": "accepted"}
    )
    async with store.begin() as tx:
        await tx.write("DELETE FROM account_contact")
        tx.record(Event("test:left"))
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await untold.check(tx, incident.code, incident.id)
    await _account(store, keys, incident, "a1", "health")
    async with store.begin() as tx:
        with pytest.raises(StepRefused, match="1 account with nobody to tell: A"):
            await untold.check(tx, incident.code, incident.id)


async def test_who_has_left_is_not_told_of_more(store: Store, keys: Keys, clock: FakeClock) -> None:
    """A record that was added while they were a contact still, and not frozen: it waits for the next contact."""
    incident = await _accounts(store, keys)
    await _account(store, keys, incident, "a0", "health")
    await _sent(
        store, await _announce(store, incident, await _freeze(store, keys, incident)), {"boss": "accepted"}
    )
    clock.advance(minutes=1)
    await _account(store, keys, incident, "a0, a1", "health")
    async with store.begin() as tx:
        await tx.write("DELETE FROM account_contact")
        tx.record(Event("test:left"))
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await require_nobody_new(tx, keys, incident, actor="alice")
        with pytest.raises(StepRefused, match="1 account with nobody to tell: A"):
            await untold.check(tx, incident.code, incident.id)


async def test_who_was_told_and_is_excluded_makes_no_audience(store: Store, keys: Keys) -> None:
    """Also where all they were told was an account's."""
    incident = await _accounts(store, keys)
    await _account(store, keys, incident, "a0", "health")
    await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["boss"], reason="told in person", actor="alice")
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)


async def test_nobody_behind_many_who_are_excluded_is_passed_over(
    store: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People are compared in parts; a part in which all are excluded is not the last."""
    monkeypatch.setattr(growth, "_NEXT_LAST", growth._NEXT_LAST.replace("LIMIT 500", "LIMIT 1"))
    accounts = [("A", "Alpha"), ("B", "Beta")]
    await add(
        store,
        keys,
        [
            *(
                person(f"boss{code}", f"{code}@a.example", account=(code, name, "owner"))
                for code, name in accounts
            ),
            *(person(f"{code}{n}", account=(code, name)) for code, name in accounts for n in range(2)),
        ],
    )
    incident = await declared(store)
    for code, _name in accounts:
        await _account(store, keys, incident, f"{code}0", "health", account=code)
    await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["bossA"], reason="told in person", actor="alice")
    await _account(store, keys, incident, "B0, B1", "health", account="B")
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert list(found) == ["bossB"]
    told = await _told(store, keys, "bossB")
    assert (told["records"], told["records_new"]) == (["B0"], ["B1"])


async def test_nothing_is_closed_over_more_than_was_frozen(store: Store, keys: Keys) -> None:
    """A category noted after the freeze keeps it open until it is frozen too; asking changes nothing."""
    incident = await _crowd(store, keys, 2)
    await _freeze(store, keys, incident)

    async def ask() -> None:
        async with store.begin() as tx:
            await require_nobody_new(tx, keys, incident, actor="alice")

    await ask()
    await affect(store, incident, "number = 0", "health", as_given=True)
    before = len(await entries(store, "audience:frozen"))
    with pytest.raises(StepRefused, match="more is known of 1 person"):
        await ask()
    assert len(await entries(store, "audience:frozen")) == before
    await _freeze(store, keys, incident)
    await ask()


async def test_an_account_with_data_beside_nothing_of_their_own(store: Store, keys: Keys) -> None:
    """Of the contact's own data none is known to be exposed: the account's is not said to be theirs."""
    await _accounts(store, keys)
    unknown = RECORD.replace(b"data_categories: [email, password-hash]\n", b"")
    incident = await declared(store, unknown)
    await affect(store, incident, "number = boss", "held")
    await _account(store, keys, incident, "a0", "health")
    found = (await members(store, (await _freeze(store, keys, incident)).code))["boss"]
    assert (found.variant, found.categories) == ("account", " health ")
    assert (await _told(store, keys, "boss"))["subject"] == "Alpha"


async def test_many_accounts_share_the_places_of_one_notice(store: Store, keys: Keys) -> None:
    """Thirty accounts of sixty records: each is named, with the first of its own and how many more."""
    codes = [f"K{n:02}" for n in range(30)]
    await add(
        store,
        keys,
        [
            person("boss", "boss@a.example", account=(codes[0], codes[0], "owner")),
            *(person(f"{code}-{n:02}", account=(code, code)) for code in codes for n in range(60)),
        ],
    )
    incident = await declared(store)
    async with store.begin() as tx:
        await tx.write(
            "INSERT INTO account_contact (account_id, customer_id, role) SELECT a.id, c.id, 'owner' FROM"
            " account a, customer c WHERE c.number = 'boss' AND a.number <> :first",
            {"first": codes[0]},
        )
        tx.record(Event("test:contact"))
        exposure = Exposure.read("health", incident, as_given=True)
        await for_accounts(tx, keys, incident, ["all"], exposure, basis="x", actor="alice")
    await _freeze(store, keys, incident)
    told = await _told(store, keys, "boss")
    assert (len(told["records"]), told["count"]) == (60, 30 * 60 + 1)
    assert told["records"][2:4] == ["K01: K01-00", "K01: + 59"]


async def test_known_details_are_looked_up_instead_of_read_through(store: Store, keys: Keys) -> None:
    """A list of many rows beside many affected people: each row costs the same."""
    incident = await _crowd(store, keys, 1)
    asked: list[tuple[str, Any]] = []
    event.listen(
        store.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, sql, values, *_: asked.append((sql, values)),
    )
    async with store.read() as tx:
        assert await known_details(tx, keys, incident, [1]) == {}
    if store.dialect == "sqlite":
        sql, values = next(one for one in asked if "JOIN affected" in one[0])
        async with store.engine.connect() as connection:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)).all()
        (look,) = [row.detail for row in plan if " a " in f"{row.detail} "]
        assert "customer_id=?" in look


async def test_who_was_told_by_a_later_step_is_told(store: Store, keys: Keys) -> None:
    """Somebody without an e-mail address who was reached otherwise is in no top-up; who was not, is."""
    phones = [person(str(n), f"+4915155500{n:03}") for n in range(2)]
    await add(store, keys, [person("9", "p9@example.com"), *phones])
    incident = await declared(store)
    await affect(store, incident)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"9": "accepted", "0": "accepted", "1": "rejected"})
    await add(store, keys, [person("10", "p10@example.com")])
    await affect(store, incident)
    topped = await _freeze(store, keys, incident)
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT c.number FROM audience_member m JOIN customer c ON c.id = m.customer_id"
            " WHERE m.audience_id = :id",
            id=topped.id,
        )
    assert [row.number for row in rows] == ["10"]
