"""Top-ups on both databases: whoever was never told is told, nobody twice, and nobody is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from incidents.affected.accounts import for_accounts
from incidents.affected.criteria import Exposure
from incidents.affected.details import open_details
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ListOptions, by_list
from incidents.announce import announce
from incidents.errors import NothingNew
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import Incident, find
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.settings import Organisation
from notifier.store import Store
from tests.affected import add, affect, declared, members, person

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
                    " relay, reason, event_id) VALUES (:id, 1, 0, 0, :outcome, 0, '', '', :reason, '')",
                    {
                        "id": made.id,
                        "outcome": "unknown" if state == "unanswered" else "rejected",
                        "reason": state,
                    },
                )
        await tx.write(
            "UPDATE announcement SET state = :end WHERE id = :id", {"end": end, "id": announcement}
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
