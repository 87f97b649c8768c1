"""From record and audience to a drafted announcement: the facts, and who may not be told again."""

from __future__ import annotations

import orjson
import pytest

from incidents import examples, records
from incidents.announce import announce, facts
from incidents.errors import StepRefused
from incidents.freeze import freeze
from incidents.lifecycle import Order, Step
from incidents.store import Incident, find, revise, steps, take_step
from notifier.announcements import announcement
from notifier.audiences import Audience
from notifier.errors import BadInput, Refused
from notifier.keys import Keys
from notifier.settings import Organisation
from notifier.store import Store
from tests.affected import RECORD, add, affect, declared, person

HOUSE = Organisation(brand="Acme", verify_address="acme.example/check", time_zone="Europe/Berlin")


def _facts(record: bytes) -> dict:
    return facts(records.read(record), code="INC-2026-001", organisation=HOUSE, drill=False)


def test_nothing_internal_becomes_a_fact() -> None:
    """Whatever stands under `internal` stays inside, in all that is made for customers."""
    said = orjson.dumps(_facts(RECORD)).decode()
    assert "Your data was seen." in said
    assert "SECRET" not in said


@pytest.mark.parametrize("name", list(examples.TITLES))
def test_facts_of_the_ready_records(name: str) -> None:
    """Six languages, moments with offsets, the house's check address."""
    said = _facts(examples.text(name).encode())
    assert sorted(said["texts"]) == ["ar", "de", "en", "es", "fr", "hi"]
    assert said["check"] == {"address": "acme.example/check", "url": "https://acme.example/check"}
    assert said["brand"] == "Acme"
    assert "internal" not in said


def test_what_is_unknown_is_an_empty_text() -> None:
    """An empty record has all its facts, empty; a third party's word counts as discovery."""
    said = _facts(b"title: unknown")
    assert (said["occurred"], said["discovered"], said["next_update"]) == ({"from": "", "to": ""}, "", "")
    assert said["texts"] == {}
    told = _facts(b"detected: 2026-03-02T00:00:00Z\ntold_by_third_party: 2026-03-01T23:00:00+01:00\n")
    assert told["discovered"] == "2026-03-01T23:00:00+01:00"


def test_some_readers_have_texts_of_their_own() -> None:
    """A variant replaces what it says and inherits the rest."""
    said = _facts(b"texts: {en: {summary: S, what_happened: [W], variants: {account: {summary: For you.}}}}")
    assert said["texts"]["en"]["variants"] == {"account": {"summary": "For you."}}


async def _ready(store: Store, keys: Keys) -> tuple[Incident, Audience]:
    await add(store, keys, [person("1", "a@example.com"), person("2", "b@example.com")])
    incident = await declared(store)
    await affect(store, incident)
    async with store.begin() as tx:
        return incident, await freeze(tx, keys, incident, actor="alice")


async def _announce(store: Store, incident: Incident, audience: Audience, **plan: object) -> str:
    async with store.begin() as tx:
        return await announce(
            tx, await find(tx, incident.code), audience, plan, organisation=HOUSE, author="alice"
        )


async def test_a_draft_is_made_and_the_incident_is_notifying(store: Store, keys: Keys) -> None:
    """Facts and plan are in the draft; the step is on record."""
    incident, audience = await _ready(store, keys)
    code = await _announce(store, incident, audience, canary=1, waves=2, wave_every_minutes=10)
    async with store.read() as tx:
        made = await announcement(tx, code)
        taken = await steps(tx, incident)
        assert (await find(tx, incident.code)).state == "notifying"
    assert (made.state, made.facts["code"], made.plan.canary) == ("draft", incident.code, 1)
    assert taken[-1].after == "notifying"


async def test_who_wrote_the_record_wrote_the_announcement(store: Store, keys: Keys) -> None:
    """Whoever changed what notices say is one of its writers; a note that stays inside makes none."""
    incident, audience = await _ready(store, keys)
    told = records.read(RECORD.replace(b"Your data was seen.", b"Your data was copied."))
    inside = records.read(
        RECORD.replace(b"Your data was seen.", b"Your data was copied.").replace(b"SECRET", b"HIDDEN")
    )
    async with store.begin() as tx:
        await revise(tx, incident.code, told, actor="ben")
        await revise(tx, incident.code, inside, actor="carol")
    code = await _announce(store, incident, audience)
    async with store.read() as tx:
        assert (await announcement(tx, code)).writers == {"alice", "ben"}


async def test_nobody_is_announced_to_twice(store: Store, keys: Keys) -> None:
    """A second announcement to the same audience, or to a replaced or foreign one, is refused."""
    incident, audience = await _ready(store, keys)
    async with store.begin() as tx:
        newer = await freeze(tx, keys, incident, replace=audience.code, actor="alice")
    with pytest.raises(Refused, match="replaced"):
        await _announce(store, incident, audience)
    await _announce(store, incident, newer)
    with pytest.raises(Refused, match="already"):
        await _announce(store, incident, newer)
    other = await declared(store)
    with pytest.raises(BadInput, match="another incident"):
        await _announce(store, other, newer)


async def test_what_cannot_be_announced_leaves_nothing_behind(store: Store, keys: Keys) -> None:
    """On hold, without texts, or with a plan that cannot be carried out."""
    incident, audience = await _ready(store, keys)
    with pytest.raises(BadInput):
        await _announce(store, incident, audience, canary=5)
    order = Order("4 Js 12/26", 1 << 52)
    async with store.begin() as tx:
        await take_step(tx, incident.code, Step.HOLD, actor="alice", reason="police", order=order)
    with pytest.raises(StepRefused, match="hold"):
        await _announce(store, incident, audience)
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM announcement") == 0


async def test_without_texts_nothing_is_announced(store: Store, keys: Keys) -> None:
    """A record that tells customers nothing is refused."""
    await add(store, keys, [person("1", "a@example.com")])
    incident = await declared(store, b"title: T\ndata_categories: email\n")
    await affect(store, incident)
    async with store.begin() as tx:
        audience = await freeze(tx, keys, incident, actor="alice")
    with pytest.raises(BadInput, match="no customer texts"):
        await _announce(store, incident, audience)


async def test_an_audience_of_updates_is_announced_as_an_update(store: Store, keys: Keys) -> None:
    """Where everybody has been told before, the notice says so in its title."""
    incident, audience = await _ready(store, keys)
    first = await _announce(store, incident, audience)
    await affect(store, incident, "number = 1", "password")
    async with store.begin() as tx:
        newer = await freeze(tx, keys, await find(tx, incident.code), actor="alice")
    second = await _announce(store, incident, newer)
    async with store.read() as tx:
        kinds = [(await announcement(tx, code)).facts["kind"] for code in (first, second)]
    assert kinds == ["first", "update"]
