"""Freezing who is affected, on both databases: the snapshot, its commitment, and top-ups."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson
import pytest

from incidents.affected.accounts import for_accounts
from incidents.affected.compromise import compromise_channels
from incidents.affected.criteria import Exposure
from incidents.affected.exclusion import exclude
from incidents.errors import NothingNew, StepRefused
from incidents.freeze import freeze
from incidents.lifecycle import Step
from incidents.selection import Selection
from incidents.store import Incident, find, take_step
from notifier import audiences
from notifier.audit import frozen
from notifier.audit.entry import Event
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, entries, members, person


async def _freeze(store: Store, keys: Keys, incident: Incident, **more: Any) -> audiences.Audience:
    async with store.begin() as tx:
        return await freeze(tx, keys, await find(tx, incident.code), actor="alice", **more)


async def _change(store: Store, sql: str, **params: Any) -> None:
    async with store.begin() as tx:
        assert await tx.write(sql, params)
        tx.record(Event("test:changed"))


async def test_everybody_is_in_it_with_how_they_are_told(store: Store, keys: Keys) -> None:
    """Best usable address; none, dead, compromised and excluded are counted, never dropped."""
    await add(
        store,
        keys,
        [
            person("ok", "a@example.com", "b@example.com", country="DE", locale="de"),
            person("none", "+4915112345678"),
            person("dead", "d@example.com"),
            person("second", "e@example.com", "f@example.com"),
            person("bad", "g@example.com", attributes={"leak": "yes"}),
            person("out", "h@example.com"),
        ],
    )
    incident = await declared(store)
    await affect(store, incident)
    await _change(
        store,
        "UPDATE contact_point SET state = 'dead' WHERE rank = 0 AND customer_id IN (SELECT id FROM customer WHERE number IN ('dead', 'second'))",
    )
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["out"], reason="told in person", actor="alice")
        chosen = Selection.read("attribute.leak = yes")
        await compromise_channels(tx, incident, ["email"], selection=chosen, reason="x", actor="alice")
    frozen = await _freeze(store, keys, incident)
    assert (frozen.code, frozen.kind, frozen.people) == (f"{incident.code}/1", "first", 6)
    found = await members(store, frozen.code)
    assert {number: (one.state, one.reason) for number, one in found.items()} == {
        "ok": ("due", ""),
        "none": ("needs-channel", "none"),
        "dead": ("needs-channel", "dead"),
        "second": ("due", ""),
        "bad": ("needs-channel", "compromised"),
        "out": ("excluded", "told in person"),
    }
    assert found["ok"].categories == " password-hash email "
    assert frozen.counts["state"] == {"due": 2, "needs-channel": 3, "excluded": 1}
    assert frozen.counts["country"] == {"DE": 1, "unknown": 5}
    async with store.read() as tx:
        ranks = await tx.rows(
            "SELECT c.number, p.rank FROM audience_member m JOIN customer c ON c.id = m.customer_id JOIN contact_point p ON p.id = m.contact_point_id"
        )
    assert {row.number: row.rank for row in ranks} == {"ok": 0, "second": 1}


async def test_the_trail_commits_to_everybody(store: Store, keys: Keys) -> None:
    """The entry has the root over all members, and the digest of the audience's own facts."""
    await add(store, keys, [person(str(n), f"p{n}@example.com") for n in range(9)])
    incident = await declared(store)
    await affect(store, incident)
    made = await _freeze(store, keys, incident)
    assert all(len(one.uid) == 32 for one in (await members(store, made.code)).values())
    signed = {
        "code": made.code, "subject": incident.code, "kind": "first", "frozen_at": made.frozen_at,
        "frozen_by": "alice", "people": 9, "root": made.root, "counts": made.counts,
        "selection": made.selection,
    }  # fmt: skip
    async with store.read() as tx:
        salt = bytes(await tx.scalar("SELECT salt FROM audience WHERE id = :id", id=made.id))
    assert made.digest == sha256(salt + orjson.dumps(signed, option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert [act["what"] for act in made.selection["acts"]] == ["everybody"]
    (entry,) = await entries(store, "audience:frozen")
    assert (entry["people"], entry["root"], entry["digest"]) == (9, made.root, made.digest)
    async with store.read() as tx:
        assert await frozen.fault(tx, made.id) == ""


async def test_guardians_are_written_to_for_minors(store: Store, keys: Keys) -> None:
    """The guardian's address and language, the child's country and name; nobody to turn to is counted."""
    ids = await add(
        store,
        keys,
        [
            person("parent", "parent@example.com", name="Pat", locale="fr"),
            person(
                "child",
                "child@example.com",
                name="Kim",
                locale="de",
                country="CH",
                marks=("minor",),
                guardian="parent",
            ),
            person("alone", "alone@example.com", marks=("minor",)),
            person("late", "late@example.com", marks=("deceased",), guardian="parent"),
            person("gone", "gone@example.com", marks=("deceased",)),
        ],
    )
    incident = await declared(store)
    await affect(store, incident, "not number = parent")
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert {number: (one.state, one.variant, one.reason) for number, one in found.items()} == {
        "child": ("due", "guardian", ""),
        "alone": ("needs-channel", "person", "no-guardian"),
        "late": ("due", "next-of-kin", ""),
        "gone": ("needs-channel", "person", "deceased"),
    }
    child = found["child"]
    assert (child.locale, child.country) == ("fr", "CH")
    async with store.read() as tx:
        assert (
            await tx.scalar("SELECT customer_id FROM contact_point WHERE id = :id", id=child.contact_point_id)
            == ids["parent"]
        )
        row = await tx.row(
            "SELECT c.uid, k.wrapped FROM customer c JOIN subject_key k ON k.customer_id = c.id WHERE c.number = 'child'"
        )
    details = orjson.loads(keys.subject(row.uid, bytes(row.wrapped)).open(bytes(child.sealed), b"member"))
    assert details == {"subject": "Kim", "reader": "Pat"}


async def test_a_guardian_whose_mailbox_leaked_is_not_written_to(store: Store, keys: Keys) -> None:
    """The compromise of a mailbox counts for every notice that would go there."""
    await add(
        store,
        keys,
        [person("parent", "parent@example.com"), person("child", marks=("minor",), guardian="parent")],
    )
    incident = await declared(store)
    await affect(store, incident, "number = child")
    await affect(store, incident, "number = parent", compromised=("email",))
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert {number: one.reason for number, one in found.items()} == {
        "parent": "compromised",
        "child": "compromised",
    }


async def test_an_account_contact_gets_one_notice(store: Store, keys: Keys) -> None:
    """Contact of two accounts: one member of variant account; also affected in person: a person."""
    await add(
        store,
        keys,
        [
            person("boss", "boss@a.example", account=("A", "Alpha", "owner")),
            person("a1", "a1@a.example", account=("A", "Alpha")),
            person("b1", "b1@b.example", account=("B", "Beta")),
        ],
    )
    await _change(
        store,
        "INSERT INTO account_contact (account_id, customer_id, role) SELECT a.id, c.id, 'owner' FROM account a, customer c WHERE a.number = 'B' AND c.number = 'boss'",
    )
    incident = await declared(store)
    async with store.begin() as tx:
        await for_accounts(
            tx,
            keys,
            incident,
            ["A", "B"],
            Exposure.read("", incident),
            selection=Selection.read("number in (a1, b1)"),
            basis="x",
            actor="alice",
        )
    frozen = await _freeze(store, keys, incident)
    (boss,) = (await members(store, frozen.code)).values()
    async with store.read() as tx:
        row = await tx.row(
            "SELECT c.uid, k.wrapped FROM customer c JOIN subject_key k ON k.customer_id = c.id WHERE c.number = 'boss'"
        )
    details = orjson.loads(keys.subject(row.uid, bytes(row.wrapped)).open(bytes(boss.sealed), b"member"))
    assert (boss.variant, details) == (
        "account",
        {
            "subject": "Alpha, Beta",
            "records": ["Alpha: a1", "Beta: b1"],
            "count": 2,
            "categories": {"password-hash": False, "email": False},
        },
    )
    await affect(store, incident, "number = boss", "name")
    again = await members(store, (await _freeze(store, keys, incident, replace=frozen.code)).code)
    assert (again["boss"].variant, again["boss"].categories) == ("person", " password-hash email name ")
    both = orjson.loads(
        keys.subject(row.uid, bytes(row.wrapped)).open(bytes(again["boss"].sealed), b"member")
    )
    assert both["categories"] == {"name": False}
    assert [(one["subject"], one["records"], sorted(one["categories"])) for one in both["accounts"]] == [
        ("Alpha", ["a1"], ["email", "password-hash"]),
        ("Beta", ["b1"], ["email", "password-hash"]),
    ]


async def test_a_top_up_has_only_what_is_new(store: Store, keys: Keys) -> None:
    """New people, and people whose exposure grew with what is new; the rest has been told."""
    await add(store, keys, [person(str(n), f"p{n}@example.com") for n in range(4)])
    incident = await declared(store)
    await affect(store, incident, "number in (0, 1, 2)", "email")
    await _freeze(store, keys, incident)
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    await affect(store, incident, "number in (1, 3)", "password")
    second = await _freeze(store, keys, incident)
    found = await members(store, second.code)
    assert second.kind == "top-up"
    assert {number: (one.variant, one.categories, one.new_categories) for number, one in found.items()} == {
        "1": ("update", " password email ", " password "),
        "3": ("person", " password ", ""),
    }
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    await affect(store, incident, "number = 1", "health")
    third = await members(store, (await _freeze(store, keys, incident)).code)
    assert {number: one.new_categories for number, one in third.items()} == {"1": " health "}


async def test_who_could_not_be_told_comes_back_when_they_can(store: Store, keys: Keys) -> None:
    """Counted once as needing another channel; due as soon as there is an address; excluded ones once readmitted."""
    await add(
        store,
        keys,
        [person("1", "a@example.com"), person("2", "b@example.com"), person("3", "c@example.com")],
    )
    incident = await declared(store)
    await affect(store, incident)
    await _change(
        store,
        "UPDATE contact_point SET state = 'dead' WHERE customer_id = (SELECT id FROM customer WHERE number = '1')",
    )
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["2"], reason="x", actor="alice")
    await _freeze(store, keys, incident)
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    await _change(store, "UPDATE contact_point SET state = 'usable'")
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["2"], reason="x", readmit=True, actor="alice")
    found = await members(store, (await _freeze(store, keys, incident)).code)
    assert {number: (one.state, one.variant) for number, one in found.items()} == {
        "1": ("due", "person"),
        "2": ("due", "person"),
    }


async def _announcement(store: Store, audience: audiences.Audience, state: str) -> None:
    await _change(
        store,
        "INSERT INTO announcement (code, revision, kind, notice, drill, audience_id, state, facts, plan, author,"
        " created_at, audience_digest, texts_digest, plan_digest, channels_digest, preflight_inputs, control)"
        f" VALUES ('X{state}', 1, 'breach', 'breach-notice', false, :id, :state, '{{}}', '{{}}', 'alice', 0, '', '', '', '', '', 'run')",
        id=audience.id,
        state=state,
    )


@pytest.mark.parametrize(("state", "people"), [("cancelled", 2), ("draft", 0), ("released", 0)])
async def test_a_cancelled_announcement_told_nobody(
    store: Store, keys: Keys, state: str, people: int
) -> None:
    """Its people are due again; those of one that stands are not."""
    await add(store, keys, [person("1", "a@example.com"), person("2", "b@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    await _announcement(store, await _freeze(store, keys, incident), state)
    if not people:
        with pytest.raises(NothingNew):
            await _freeze(store, keys, incident)
        return
    again = await _freeze(store, keys, incident)
    assert (again.kind, again.people) == ("first", people)


async def test_an_audience_nobody_was_told_from_can_be_replaced(store: Store, keys: Keys) -> None:
    """The new one has everybody; an announced, replaced or unknown one cannot be replaced."""
    await add(store, keys, [person("1", "a@example.com"), person("2", "b@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    first = await _freeze(store, keys, incident)
    second = await _freeze(store, keys, incident, replace=first.code)
    assert (second.kind, second.people, second.selection["replaces"]) == ("first", 2, first.code)
    await _announcement(store, second, "draft")
    for code in (first.code, second.code, "INC-1999-001/1"):
        with pytest.raises(Refused):
            await _freeze(store, keys, incident, replace=code)


async def test_nothing_is_frozen_too_early_or_on_hold(store: Store, keys: Keys) -> None:
    """Nobody affected; not declared any more: refused, and nothing is left behind."""
    await add(store, keys, [person("1", "a@example.com")])
    incident = await declared(store)
    with pytest.raises(NothingNew, match="nobody is affected"):
        await _freeze(store, keys, incident)
    await affect(store, incident)
    async with store.begin() as tx:
        await take_step(tx, incident.code, Step.NO_NOTIFICATION, actor="alice", reason="encrypted")
    with pytest.raises(StepRefused):
        await _freeze(store, keys, incident)
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM audience") == 0


async def test_open_duplicates_are_counted_and_hold_nobody_back(store: Store, keys: Keys) -> None:
    """Both are in the audience, and both are counted as undecided."""
    ids = await add(
        store,
        keys,
        [person("1", "a@example.com"), person("2", "a@example.com"), person("3", "c@example.com")],
    )
    await _change(
        store,
        "INSERT INTO duplicate_candidate (first_id, second_id, reason, state, decided_by) VALUES (:one, :two, 'email', 'open', '')",
        one=ids["1"],
        two=ids["2"],
    )
    incident = await declared(store)
    await affect(store, incident)
    frozen = await _freeze(store, keys, incident)
    assert (frozen.people, frozen.counts["open_duplicates"], frozen.counts["state"]) == (3, 2, {"due": 3})
