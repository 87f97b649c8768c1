"""Everyone accounted for over an incident, on both databases."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from incidents.accounting import Accounts, accounts, unreached
from incidents.affected.exclusion import exclude
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.audit.log_key import LogKey
from notifier.customers.values import PostalAddress
from notifier.keys import Keys
from notifier.receipts.taking import take
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import add, affect, declared, person
from tests.desk import Desk
from tests.integration.test_incident_topups import _announce, _freeze, _sent
from tests.integration.test_receipts import bounce


async def _counted(store: Store, incident: Incident, hours: float = 72) -> Accounts:
    async with store.read() as tx:
        found = await accounts(tx, incident, settled_hours=hours)
    assert found.unaccounted == 0
    return found


async def test_everybody_stands_somewhere(store: Store, keys: Keys, clock: FakeClock) -> None:
    """From the list to the answers: each person counts once, with the evidence or the reason."""
    people = [person(str(n), f"p{n}@example.com") for n in range(8)]
    await add(store, keys, [*people, person("8"), person("9", "p9@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    assert (await _counted(store, incident)).parts == {"pending": {"not frozen yet": 10}}
    async with store.begin() as tx:
        await exclude(tx, keys, incident, numbers=["9"], reason="told in person", actor="alice")
    first = await _freeze(store, keys, incident)
    assert (await _counted(store, incident)).parts["pending"] == {"not announced yet": 8}
    code = await _announce(store, incident, first)
    assert (await _counted(store, incident)).parts["pending"] == {"announced, not released": 8}
    states = ("accepted", "delivered", "bounced", "refused", "held", "deferred", "suppressed", "cancelled")
    await _sent(store, code, {str(n): state for n, state in enumerate(states)})
    found = await _counted(store, incident)
    assert found.parts == {
        "notified": {"email, delivered": 1, "email, accepted and not returned": 1},
        "pending": {"held": 1, "deferred": 1},
        "unreachable": {
            "cancelled": 1, "no address, none": 1, "email rejected, refused": 1,
            "email returned, no reason given": 1, "email suppressed": 1,
        },
        "excluded": {"told in person": 1},
    }  # fmt: skip
    assert found.people == 10


async def test_what_was_accepted_counts_once_it_has_not_come_back(
    store: Store, keys: Keys, clock: FakeClock
) -> None:
    """Until then it is pending; a report that it came back makes it unreached, with the reason."""
    await add(store, keys, [person("0", "p0@example.com"), person("1", "p1@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"0": "accepted", "1": "accepted"})
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET changed_at = :now, attempts = 1", {"now": tx.now_us()})
        reference = await tx.scalar("SELECT reference FROM delivery ORDER BY id LIMIT 1")
    assert (await _counted(store, incident)).parts == {"pending": {"email, accepted just now": 2}}
    clock.advance(hours=73)
    assert (await _counted(store, incident)).parts == {"notified": {"email, accepted and not returned": 2}}
    async with store.begin() as tx:
        await take(tx, keys, "email", [bounce(str(reference))])
    found = await _counted(store, incident)
    assert found.parts["unreachable"] == {"email returned, address-dead": 1}
    async with store.read() as tx:
        (part,) = [one async for one in unreached(tx, incident, settled_hours=72)]
    assert [one.reason for one in part] == ["email returned, address-dead"]


async def test_what_was_withdrawn_is_not_waited_for(store: Store, keys: Keys) -> None:
    """A banner that nobody has seen by the end has reached nobody, and hides no other reason."""
    await add(store, keys, [person(str(n), f"p{n}@example.com") for n in range(3)])
    incident = await declared(store)
    await affect(store, incident)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"0": "accepted", "1": "cancelled", "2": "bounced"})
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET channel = 'banner' WHERE state <> 'bounced'")
        await tx.housekeep("UPDATE announcement SET state = 'closed'")
    found = await _counted(store, incident)
    returned = "email returned, no reason given"
    assert found.parts == {"unreachable": {"banner not seen": 2, returned: 1}}
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET member_id = (SELECT max(d.member_id) FROM delivery d)")
    assert (await _counted(store, incident)).parts["unreachable"] == {returned: 1}


async def test_each_person_s_listing_is_looked_up(store: Store, keys: Keys) -> None:
    """Counting twice as many people costs twice as much: no list of all is read once for each."""
    incident = await declared(store)
    asked: list[tuple[str, Any]] = []
    event.listen(
        store.engine.sync_engine,
        "before_cursor_execute",
        lambda _connection, _cursor, sql, values, *_: asked.append((sql, values)),
    )
    await _counted(store, incident)
    if store.dialect == "sqlite":
        sql, values = next(one for one in asked if one[0].startswith("WITH people"))
        async with store.engine.connect() as connection:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)).all()
        # Announcements are few; the people themselves are read through once.
        read_through = {row.detail.split()[1] for row in plan if row.detail.startswith("SCAN ")}
        assert read_through == {"a", "p"}


async def test_the_newest_audience_counts(store: Store, keys: Keys) -> None:
    """Whoever is in a top-up stands where it leaves them; a replaced audience counts for nobody."""
    await add(store, keys, [person("0", "p0@example.com"), person("1", "p1@example.com")])
    incident = await declared(store)
    await affect(store, incident, "number = 0")
    first = await _freeze(store, keys, incident)
    await _sent(store, await _announce(store, incident, first), {"0": "delivered"})
    await affect(store, incident, "everybody", "health", as_given=True)
    second = await _freeze(store, keys, incident)
    assert (await _counted(store, incident)).parts == {"pending": {"not announced yet": 2}}
    await _freeze(store, keys, incident, replace=second.code)
    assert (await _counted(store, incident)).parts == {"pending": {"not announced yet": 2}}


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """An installation with an incident that two people could not be told of, one of them erased since."""
    made = Desk(tmp_path / "home", store_url)
    LogKey.generate("notices.example.com/audit").save(made.home / "keys")

    async def fill() -> None:
        origin = "notices.example.com/audit"
        store = Store.open(store_url, origin=origin, load_keys=lambda: made.keys)
        try:
            people = [person(number, name="=cmd|x") for number in ("1", "2")]
            await add(store, made.keys, people)
            incident = await declared(store)
            await affect(store, incident)
            await _freeze(store, made.keys, incident)
            async with store.begin() as tx:
                await tx.housekeep(
                    "DELETE FROM subject_key WHERE customer_id = (SELECT id FROM customer WHERE number = '2')"
                )
                tx.record(Event("test:erased"))
        finally:
            await store.close()

    asyncio.run(fill())
    return made


def test_the_unreached_are_written_to_a_file(desk: Desk, tmp_path: Path) -> None:
    """For letters: with name, address and reason, formula-safe, for the owner's eyes; it is on record."""
    path = tmp_path / "unreached.csv"
    code, said = desk.say("incidents", "accounts", "INC-2026-001", "--export", str(path))
    assert (code, "--operator is missing" in said) == (2, True)
    wanted = ("incidents", "accounts", "INC-2026-001", "--export", str(path), "--operator", "alice")
    code, said = desk.say(*wanted, typed=desk.alice.lines())
    assert code == 0, said
    for part in (
        "2 people affected",
        "not reached",
        "no address, none",
        "unaccounted: 0",
        "Not in it: 1 person",
    ):
        assert part in said
    (row,) = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    assert (row["number"], row["name"], row["reason"]) == ("1", "'=cmd|x", "no address, none")
    assert path.stat().st_mode & 0o777 == 0o600
    value = desk.ask("incidents", "accounts", "INC-2026-001")
    assert value == {"people": 2, "unreachable": {"no address, none": 2}, "unaccounted": 0}
    desk.say("audit", "sequence")
    (entry,) = desk.ask("audit", "entries", "--action", "incident:unreached:exported")
    assert (entry["entry"]["data"]["people"], entry["entry"]["data"]["actor"]) == (1, "operator:alice")


@pytest.fixture
def family(store_url: str, tmp_path: Path) -> Desk:
    """An installation with an incident about a child, a dead person, and one whose row is damaged."""
    made = Desk(tmp_path / "home", store_url)
    LogKey.generate("notices.example.com/audit").save(made.home / "keys")

    async def fill() -> None:
        store = Store.open(store_url, origin="notices.example.com/audit", load_keys=lambda: made.keys)
        try:
            home = PostalAddress("Weg 1", "50667", "Köln", "", "DE")
            people = [
                person("parent", address=home),
                person("child", guardian="parent", marks=("minor",)),
                person("late", marks=("deceased",), address=home),
                person("damaged", address=home),
                person("told", "told@example.com"),
            ]
            await add(store, made.keys, people)
            incident = await declared(store)
            await affect(store, incident, "number != 'parent'")
            async with store.begin() as tx:
                await exclude(
                    tx, made.keys, incident, numbers=["told"], reason="by phone [/b]", actor="alice"
                )
            await _freeze(store, made.keys, incident)
            async with store.begin() as tx:
                await tx.housekeep(
                    "UPDATE customer SET sealed = :bad WHERE number = 'damaged'", {"bad": b"damaged"}
                )
                tx.record(Event("test:damaged"))
        finally:
            await store.close()

    asyncio.run(fill())
    return made


def test_letters_go_to_who_stands_for_somebody(family: Desk, tmp_path: Path) -> None:
    """A child's guardian is named, nobody for the dead; and a damaged row keeps no other from the list."""
    path = tmp_path / "unreached.csv"
    wanted = ("incidents", "accounts", "INC-2026-001", "--export", str(path), "--operator", "alice")
    code, said = family.say(*wanted, typed=family.alice.lines())
    assert (code, "Not in it: 1 person" in said, "by phone [/b]" in said) == (0, True, True), said
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["number"], row["name"], row["street"], row["in_place_of"]) for row in rows] == [
        ("child", "Name parent", "Weg 1", "Name child"),
        ("late", "", "", "Name late"),
    ]
