"""What the trail holds of lists, descriptions, reasons and people cannot be guessed; on both databases."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from incidents.affected.acts import acts
from incidents.affected.compromise import compromise_addresses, compromise_channels
from incidents.affected.criteria import Exposure
from incidents.affected.exclusion import exclude
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ListOptions, by_list
from incidents.lifecycle import Step
from incidents.selection import Selection
from incidents.store import revise, take_step
from incidents.trail import CHECKS
from notifier.audit.high_water import HighWater
from notifier.audit.verify import verify
from notifier.errors import BadSettings
from notifier.keys import Keys
from notifier.store import Store
from tests.affected import add, affect, declared, entries, person
from tests.logs import Log

WORDS = ("email: number = C-1", "number = C-1", "number = C-2", "1 number", "She asked for it", "one\n")


@pytest.fixture
async def acted(store: Store, keys: Keys, tmp_path: Path) -> Store:
    """A store in which every act that is described in words was done."""
    await add(store, keys, [person("C-1", "lea@example.com"), person("C-2", "bo@example.com")])
    incident = await declared(store)
    one = Selection.read("number = C-1")
    await affect(store, incident, "number = C-1")
    (tmp_path / "one.txt").write_text("bo@example.com\n")
    async with store.begin() as tx:
        listed = PeopleList(tmp_path / "one.txt")
        options = ListOptions("x", Exposure.read("", incident))
        await by_list(tx, keys, incident, listed, options, actor="alice")
        await compromise_addresses(tx, keys, incident, listed, reason="x", actor="alice")
        await compromise_channels(tx, incident, ["email"], selection=one, reason="x", actor="alice")
        await exclude(tx, keys, incident, numbers=["C-2"], reason="She asked for it", actor="alice")
        record = incident.record.model_copy(update={"title": "Other"})
        await revise(tx, incident.code, record, actor="alice", reason="She asked for it")
        await take_step(tx, incident.code, Step.NOTIFY, actor="alice", reason="She asked for it")
    return store


async def test_no_digest_in_the_trail_can_be_guessed(acted: Store) -> None:
    """None is the plain digest of a short text that is guessed easily, such as a list of one address."""
    guesses = {sha256(text.encode()).hexdigest() for text in (*WORDS, "bo@example.com\n")}
    guesses |= {sha256(f"list {guess}".encode()).hexdigest() for guess in guesses}
    async with acted.read() as tx:
        rows = await tx.rows("SELECT entry FROM audit_event")
    said = {digest for row in rows for digest in re.findall(r"\b[0-9a-f]{64}\b", bytes(row.entry).decode())}
    assert len(said) >= 6
    assert not said & guesses


async def test_the_store_keeps_no_plain_digest_of_a_list(acted: Store) -> None:
    """What is kept of the act and of its doubtful lines outlives an erasure."""
    plain = sha256(b"bo@example.com\n").hexdigest()
    async with acted.read() as tx:
        kept = await tx.rows("SELECT what AS words FROM affected_act UNION SELECT list_digest FROM list_row")
    assert kept
    assert not [row for row in kept if plain in row.words]


async def test_who_has_the_key_can_prove_what_was_said(acted: Store, keys: Keys) -> None:
    """The same words under the index key have the digest that stands in the trail."""
    (facts,) = await entries(acted, "affected:criteria")
    made = keys.committing("selection")
    made.update(b"number = C-1")
    assert facts["selection_digest"] == made.hexdigest()


async def test_who_has_no_keys_verifies_all_but_the_reasons(
    acted: Store, store_url: str, tmp_path: Path
) -> None:
    """An auditor with a copy of the store and the log's public key needs no secret of ours."""

    def no_keys() -> Keys:
        raise BadSettings("index.key is missing")

    log = Log.of(acted, tmp_path)
    await log.sequencer().drain()
    opened = Store.open(store_url, origin=acted.origin, clock=acted.clock, load_keys=no_keys)
    report = await verify(
        opened,
        log.key.verifier,
        high_water=log.high_water,
        memory=HighWater(tmp_path / "seen", log.key.verifier),
        also=CHECKS,
    )
    await opened.close()
    assert (report.findings, opened.has_keys) == ([], False)


async def test_who_was_excluded_is_committed_to(store: Store, keys: Keys) -> None:
    """Two numbers make another commitment than two others; the same people the same, however they are named."""
    await add(store, keys, [person(f"C-{n}", f"p{n}@example.com") for n in range(4)])
    incident = await declared(store)
    await affect(store, incident)
    own = Selection.read("number in (C-1, C-0)")
    for how in (
        {"numbers": ["C-0", "C-1"]},
        {"numbers": ["C-3", "C-2"]},
        {"numbers": ["C-1", "C-0"], "readmit": True},
        {"selection": own},
    ):
        async with store.begin() as tx:
            await exclude(tx, keys, incident, reason="x", actor="alice", **how)
    async with store.read() as tx:
        kept = [str(one["what"]).split(": ") for one in await acts(tx, incident) if one["kind"] != "criteria"]
    assert [words for words, _ in kept] == ["2 numbers"] * 3 + [own.text]
    (_, first), (_, other), (_, back), (_, again) = kept
    assert (first == back == again, first == other) == (True, False)
    said = [facts["who_digest"] for facts in await entries(store, "affected:excluded")]
    assert sorted(said) == sorted([first, other, again])


async def test_a_commitment_to_people_can_be_made_from_their_ids(store: Store, keys: Keys) -> None:
    """Whoever has the key and the store proves by the random ids in order who was meant."""
    await add(store, keys, [person(f"C-{n}", f"p{n}@example.com") for n in range(3)])
    incident = await declared(store)
    await affect(store, incident)
    async with store.begin() as tx:
        await exclude(tx, keys, incident, selection=Selection.read("everybody"), reason="x", actor="alice")
        uids = sorted(row.uid for row in await tx.rows("SELECT uid FROM customer"))
    made = keys.committing("people")
    made.update("".join(f"{uid}\n" for uid in uids).encode())
    (facts,) = await entries(store, "affected:excluded")
    assert facts["who_digest"] == made.hexdigest()
