"""Contact points that turn out to be compromised after the freeze, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from incidents import examples
from incidents.affected.compromise import compromise_addresses, compromise_channels
from incidents.affected.criteria import Exposure
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ListOptions, by_list
from incidents.affected.request import Request, carry_out
from incidents.affected.typed import by_hand
from incidents.announce import announce
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import Incident, find
from notifier.announcements import announcement
from notifier.approvals import approval
from notifier.barring import bar
from notifier.channels.email import EmailChannel
from notifier.channels.email.sink import LoopbackSink
from notifier.engine import batches
from notifier.engine.loading import Loader
from notifier.keys import Keys
from notifier.preflight import Preflight, PreflightReport
from notifier.settings import EmailSettings, Organisation, RelaySettings
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests import world
from tests.affected import add, affect, declared, entries, person
from tests.audiences import rules_of, settings_in
from tests.integration.test_sending import claim, run_next, start, states
from tests.integration.test_worker import live, parts, running, until

__all__ = ["live"]

HOUSE = Organisation(brand="Acme", verify_address="acme.example/check", time_zone="Europe/Berlin")


async def _drafted(store: Store, keys: Keys) -> tuple[Incident, int]:
    await add(store, keys, [person("1", "a@example.com"), person("2", "b@example.com")])
    incident = await declared(store, examples.text("lost-backup-at-a-vendor").encode())
    await affect(store, incident)
    async with store.begin() as tx:
        audience = await freeze(tx, keys, incident, actor="alice")
        incident = await find(tx, incident.code)
        code = await announce(tx, incident, audience, {}, organisation=HOUSE, author="alice")
        return await find(tx, incident.code), (await announcement(tx, code)).id


async def _preflight(store: Store, keys: Keys, home: Path, number: int) -> PreflightReport:
    return await Preflight(store, keys, settings_in(home, organisation=HOUSE)).run(number)


async def _compromise(store: Store, incident: Incident, where: str) -> None:
    chosen = Selection.read(where)
    async with store.begin() as tx:
        await compromise_channels(tx, incident, ["email"], selection=chosen, reason="x", actor="bob")


async def test_compromise_after_the_freeze_voids_what_was_approved(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """The approval is void at once, and the next preflight sets the person aside."""
    incident, number = await _drafted(store, keys)
    assert (await _preflight(store, keys, tmp_path, number)).ready == 2
    async with store.begin() as tx:
        rules = rules_of(settings_in(tmp_path))
        await rules.approve_locales(tx, await announcement(tx, number), ["en"], operator="bob")
        await rules.approve(tx, number, operator="bob", people=2)
    await _compromise(store, incident, "number = 2")
    async with store.read() as tx:
        assert await approval(tx, number) is None
        assert (await announcement(tx, number)).state == "draft"
    again = await _preflight(store, keys, tmp_path, number)
    assert (again.ready, again.needs_repair, again.unaccounted) == (1, 1, 0)
    assert await entries(store, "audience:barred") == [
        {"actor": "operator:bob", "subject": incident.code, "people": 1}
    ]


async def test_single_addresses_and_marks_on_the_way_are_barred(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """A list of addresses and `affect --compromised` reach the audiences that exist."""
    incident, number = await _drafted(store, keys)
    (path := tmp_path / "points.csv").write_text("email\na@example.com\n")
    listed = PeopleList(path)
    async with store.begin() as tx:
        await compromise_addresses(tx, keys, incident, listed, reason="x", actor="bob")
        assert await tx.scalar("SELECT count(*) FROM barred_point") == 1
        wanted = Request("the log", selection=Selection.read("number = 2"), channels=("email",))
        await carry_out(tx, keys, incident, wanted, actor="bob")
        assert await tx.scalar("SELECT count(*) FROM barred_point") == 2
    assert (await _preflight(store, keys, tmp_path, number)).ready == 0


async def test_whichever_act_marks_somebody_bars_them(store: Store, keys: Keys, tmp_path: Path) -> None:
    """By criteria, by hand, by list, or by a rule that an act makes true: nothing else has to be called."""
    numbers = ["1", "2", "3", "4"]
    await add(store, keys, [person(number, f"p{number}@example.com") for number in numbers])
    incident = await declared(store)
    await affect(store, incident)
    (path := tmp_path / "list").write_text("3\n")
    email = Exposure.read("email", incident)
    async with store.begin() as tx:
        await freeze(tx, keys, incident, actor="alice")
        await compromise_channels(tx, incident, ["email"], exposed="health", reason="x", actor="bob")
    await affect(store, incident, "number = 1", compromised=("email",))
    await affect(store, incident, "number = 4", "health", as_given=True)
    async with store.begin() as tx:
        await by_hand(tx, keys, incident, ["2"], email, basis="x", compromised=("email",), actor="bob")
        options = ListOptions("x", email, ("email",))
        await by_list(tx, keys, incident, PeopleList(path), options, actor="bob")
        assert await tx.scalar("SELECT count(*) FROM barred_point") == 4


async def test_a_guardian_is_barred_for_the_ward_alone(store: Store, keys: Keys) -> None:
    """A mark on the ward keeps the guardian's own notice, as at the freeze."""
    await add(store, keys, [person("g", "g@example.com"), person("w", marks=("minor",), guardian="g")])
    incident = await declared(store)
    await affect(store, incident)
    async with store.begin() as tx:
        await freeze(tx, keys, incident, actor="alice")
    await _compromise(store, incident, "number = w")
    async with store.read() as tx:
        barred = await tx.rows(
            "SELECT c.number FROM barred_point b JOIN audience_member m ON m.id = b.member_id"
            " JOIN customer c ON c.id = m.customer_id"
        )
    assert [row.number for row in barred] == ["w"]


async def test_what_is_released_already_is_not_handed_over(store: Store, keys: Keys, tmp_path: Path) -> None:
    """A barred person's delivery is suppressed, with the reason on record; the others' go out."""
    await world.released(store, keys, 3)
    async with store.begin() as tx:
        await bar(
            tx, subject="INC-2026-001", condition="m.customer_id = :who", params={"who": 1}, actor="bob"
        )
    await start(store)
    channel = ScriptedChannel()
    await run_next(store, keys, channel, tmp_path)
    async with store.read() as tx:
        states = await tx.rows("SELECT state FROM delivery ORDER BY customer_id")
    assert [row.state for row in states] == ["suppressed", "accepted", "accepted"]
    (entry,) = await entries(store, "delivery:suppressed")
    assert entry["reason"] == "contact-point-compromised"


async def test_a_message_in_memory_is_not_handed_over_once_it_is_barred(
    live: Store, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has prepared everybody's message when one person is barred: that one is not opened."""
    await world.released(live, keys, 6)
    monkeypatch.setattr(Loader, "prepare", _then_bar(Loader.prepare, live, who=2))
    async with LoopbackSink(keep=True) as sink:
        relay = RelaySettings(name="sink", host="127.0.0.1", port=sink.port, tls="none")
        channel = EmailChannel(EmailSettings(relays=(relay,)))

        async def all_ended() -> bool:
            return not {"planned", "handing-over"} & (await states(live)).keys()

        made = parts(live, keys, channel, tmp_path)
        async with running(made):
            await until(all_ended)
        assert await states(live) == {"accepted": 5, "suppressed": 1}
        assert not any(world.address(1) in one.recipients for one in sink.accepted)
    assert [one["reason"] for one in await entries(live, "delivery:suppressed")] == [
        "contact-point-compromised"
    ]


def _then_bar(prepare: Callable[..., Awaitable[Any]], store: Store, *, who: int) -> Callable[..., Any]:
    """Return ``prepare`` with somebody else's bar right behind it."""

    async def prepared(loader: Loader, *given: Any, **named: Any) -> Any:
        part = await prepare(loader, *given, **named)
        async with store.begin() as tx:
            condition = "m.customer_id = :who"
            await bar(tx, subject="INC-2026-001", condition=condition, params={"who": who}, actor="bob")
        return part

    return prepared


async def test_an_opening_waits_for_a_bar_that_is_being_written(store: Store, keys: Keys) -> None:
    """Whichever comes first is over before the other begins: nothing is opened to whoever is barred."""
    await world.released(store, keys, 3)
    await start(store)
    lease = await claim(store)
    assert lease is not None
    async with store.read() as tx:
        rows = await tx.rows("SELECT id, reference FROM delivery ORDER BY customer_id")
    chosen = [batches.Opening(row.id, row.reference, 1) for row in rows]
    async with store.begin() as tx:
        condition = "m.customer_id = :who"
        await bar(tx, subject="INC-2026-001", condition=condition, params={"who": 1}, actor="bob")
        opening = asyncio.create_task(batches.flush(store, lease, [], chosen, []))
        assert not (await asyncio.wait({opening}, timeout=0.3))[0]
    assert (await opening).opened == {row.id for row in rows[1:]}
