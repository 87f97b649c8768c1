"""Letters of an announcement on both databases: printed in batches, on record, never twice without a record."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from notifier.channels.letter import Letter, LetterRenderer, Made, Sender
from notifier.customers.values import PostalAddress
from notifier.engine import batches, control, recovery
from notifier.errors import Conflict, LostLease, Refused
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.story import tell
from notifier.testing import FakeClock
from tests.audiences import Someone
from tests.integration.test_audit_verify import checked
from tests.journeys import Journey, journey
from tests.letters import text
from tests.logs import Log
from tests.mailhouse import (
    RENDERER,
    SENDER,
    attempts,
    letters,
    manifest,
    open_holds,
    pdf,
    printed,
    printing,
    states,
)

ANNA = Someone("Anna Albrecht", "anna@mail.test", street="Weg 1")
BRUNO = Someone("Bruno Castellano", "bruno@mail.test", street="Weg 2")
CARLA = Someone("Carla Dupontel", "carla@mail.test", street="Weg 3")


@pytest.fixture
async def made(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Journey:
    """Three people whose letters wait."""
    (tmp_path / "home").mkdir()
    made = await journey(store, keys, clock, tmp_path / "home", [ANNA, BRUNO, CARLA], "letter:always")
    await made.escalation.round()
    return made


class Meddling(LetterRenderer):
    """Does something in the middle of a batch."""

    def __init__(self, act) -> None:
        super().__init__(SENDER)
        self._act = act

    def make(self, letter: Letter) -> Made:
        """Do it, then make the letter."""
        self._act()
        return super().make(letter)


async def test_a_batch_is_printed_and_on_record(made: Journey, tmp_path: Path) -> None:
    """Every letter is accepted under the batch's name; the trail commits to the pages, and verifies."""
    log = Log.of(made.store, tmp_path)
    assert await open_holds(made) == ["letters"]
    run = await printed(made, tmp_path / "batch.zip")
    assert (run.batch.totals.letters, run.waiting.all, run.ended) == (3, 0, 0)
    assert await states(made) == ["accepted"] * 3
    assert await attempts(made) == [(1, "accepted", "batch-1", "")] * 3
    assert await open_holds(made) == []
    assert (await made.account()).unaccounted == 0
    (begun,) = await made.entries("letters:batch:begun")
    (over,) = await made.entries("letters:batch:printed")
    assert (begun["letters"], over["letters"], over["actor"]) == (3, 3, "operator:alice")
    await log.sequencer().drain()
    assert (await checked(log)).findings == []
    async with made.store.read() as tx:
        (membership,) = await tell(tx, made.keys, made.audience.subjects[ANNA.email])
    (letter,) = [one for one in membership.announcements[0].deliveries if one.channel == "letter"]
    assert letter.attempts[0].proven is True
    assert hashlib.sha256(pdf(tmp_path / "batch.zip")).hexdigest() in letter.attempts[0].reply
    assert b"Weg 1" in letter.message


async def test_what_is_kept_gives_the_same_pages_again(made: Journey, tmp_path: Path) -> None:
    """From the store, days later, byte for byte; and it is small."""
    await printed(made, tmp_path / "batch.zip")
    made.clock.advance(hours=50)
    async with made.store.begin() as tx:
        assert await tx.scalar("SELECT max(length(sealed)) FROM notice WHERE channel = 'letter'") < 250
        await tx.housekeep("UPDATE delivery SET state = 'planned', due_at = 0 WHERE channel = 'letter'")
        await tx.housekeep("UPDATE send_batch SET state = 'ready', not_before = 0 WHERE channel = 'letter'")
    await printed(made, tmp_path / "again.zip", name="batch-2")
    assert pdf(tmp_path / "again.zip") == pdf(tmp_path / "batch.zip")
    shown = text(pdf(tmp_path / "batch.zip"))
    assert "AnnaAlbrecht" in shown
    assert "50667KÖLN" in shown


async def test_nothing_to_print_is_said(made: Journey, tmp_path: Path) -> None:
    """With what to do; and there is no archive."""
    await printed(made, tmp_path / "batch.zip")
    with pytest.raises(Refused, match="can be printed now"):
        await printed(made, tmp_path / "more.zip")
    assert not (tmp_path / "more.zip").exists()


async def test_an_archive_that_is_there_costs_nothing(made: Journey, tmp_path: Path) -> None:
    """It is looked at before anything is opened."""
    for place in (tmp_path / "batch.zip", tmp_path / "none" / "batch.zip"):
        (tmp_path / "batch.zip").touch()
        with pytest.raises(Refused):
            await printed(made, place)
    assert await attempts(made) == []
    assert await states(made) == ["planned"] * 3


async def test_a_batch_that_cannot_be_written_gives_its_letters_back(made: Journey, tmp_path: Path) -> None:
    """The attempt is on record, is no try of the reader's, and the next batch has them all."""
    there = tmp_path / "batch.zip"
    with pytest.raises(Conflict):
        await printed(made, there, renderer=Meddling(there.touch))
    assert await attempts(made) == [(1, "deferred", "", "relay-down")] * 3
    assert [one.name for one in tmp_path.glob("*batch*")] == ["batch.zip"]
    assert await open_holds(made) == ["letters"]
    run = await printed(made, tmp_path / "next.zip")
    assert run.batch.totals.letters == 3
    assert await states(made) == ["accepted"] * 3


async def test_an_error_in_the_middle_gives_them_back_too(made: Journey, tmp_path: Path) -> None:
    """Whatever goes wrong before the archive is there, nobody is in doubt."""

    def fail() -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await printed(made, tmp_path / "batch.zip", renderer=Meddling(fail))
    assert await states(made) == ["deferred"] * 3
    assert (await printed(made, tmp_path / "batch.zip")).batch.totals.letters == 3


async def test_only_so_many_as_wanted(made: Journey, tmp_path: Path) -> None:
    """The others wait, and are in the next batch."""
    run = await printed(made, tmp_path / "one.zip", most=2)
    assert (run.batch.totals.letters, run.waiting.ready) == (2, 1)
    assert await open_holds(made) == ["letters"]
    run = await printed(made, tmp_path / "two.zip")
    assert (run.batch.totals.letters, run.waiting.all) == (1, 0)
    both = [*manifest(tmp_path / "one.zip"), *manifest(tmp_path / "two.zip")]
    assert len({one["reference"] for one in both}) == 3


async def test_who_must_not_be_written_to_is_not(made: Journey, tmp_path: Path) -> None:
    """A suppressed address, an erased person: ended with the reason; the others are printed."""
    async with made.store.begin() as tx:
        await tx.housekeep(
            "UPDATE contact_point SET state = 'dead' WHERE channel = 'letter' AND customer_id = :id",
            {"id": made.audience.subjects[ANNA.email]},
        )
        await tx.housekeep(
            "DELETE FROM subject_key WHERE customer_id = :id", {"id": made.audience.subjects[BRUNO.email]}
        )
    run = await printed(made, tmp_path / "batch.zip")
    assert (run.batch.totals.letters, run.ended) == (1, 2)
    assert await states(made) == ["suppressed", "suppressed", "accepted"]


async def test_a_paused_announcement_is_not_printed(made: Journey, tmp_path: Path) -> None:
    """The refusal says why."""
    async with made.store.begin() as tx:
        await tx.housekeep("UPDATE announcement SET control = 'pause'")
    with pytest.raises(Refused) as refused:
        await printed(made, tmp_path / "batch.zip")
    assert "stopped" in refused.value.advice()
    assert await states(made) == ["planned"] * 3


async def test_a_lost_lease_publishes_nothing(made: Journey, tmp_path: Path) -> None:
    """Somebody else has the letters: no archive, and what was open is in doubt, on record."""
    begun, gone = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert gone.wait(30)

    run = await printing(made, renderer=Meddling(wait), sending=SendingSettings(lease_seconds=0.3))

    async def take() -> None:
        await asyncio.to_thread(begun.wait, 30)
        async with made.store.begin() as tx:
            await tx.housekeep("UPDATE send_batch SET lease_until = 1 WHERE channel = 'letter'")
        while not await recovery.free_idle(made.store, quarantine_seconds=60):
            async with made.store.begin() as tx:  # It was renewed in between.
                await tx.housekeep("UPDATE send_batch SET lease_until = 1 WHERE channel = 'letter'")
        while not run._leases.over:
            await asyncio.sleep(0.01)
        gone.set()

    taking = asyncio.create_task(take())
    with pytest.raises(LostLease):
        await run.run(tmp_path / "batch.zip", processes=0)
    await taking
    assert not list(tmp_path.glob("*.zip"))
    assert await states(made) == ["unknown"] * 3
    made.clock.advance(seconds=61)
    assert (await printed(made, tmp_path / "next.zip")).batch.totals.letters == 3
    assert [one[:2] for one in await attempts(made)] == [(1, "unknown")] * 3 + [(2, "accepted")] * 3


@pytest.mark.parametrize(("act", "left"), [("cancel", "cancelled"), ("pause", "deferred")])
async def test_what_is_stopped_while_its_pages_are_set_is_not_printed(
    made: Journey, tmp_path: Path, act: str, left: str
) -> None:
    """There is no archive with the wrong words; a pause costs nobody the letter."""
    begun, gone = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert gone.wait(30)

    async def stop() -> None:
        await asyncio.to_thread(begun.wait, 30)
        async with made.store.begin() as tx:
            code = await tx.scalar("SELECT code FROM announcement")
            await getattr(control, act)(tx, code, operator="alice", reason="wrong day")
        gone.set()

    stopping = asyncio.create_task(stop())
    with pytest.raises(Refused, match="stopped meanwhile"):
        await printed(made, tmp_path / "batch.zip", renderer=Meddling(wait))
    await stopping
    assert not list(tmp_path.glob("*.zip*"))
    if act == "cancel":
        async with made.store.begin() as tx:
            await control.cancel_rest(tx, made.id)
    assert await states(made) == [left] * 3


async def test_a_worker_that_starts_leaves_what_is_being_printed(made: Journey) -> None:
    """It voids its own channels' leases; those of letters run out by themselves."""
    lease = await batches.claim(
        made.store, worker="w", drill=False, lease_us=60_000_000, quarantine_us=0, channels=["letter"]
    )
    assert lease is not None
    assert await recovery.void_leases(made.store, quarantine_seconds=0) == 0
    async with made.store.read() as tx:
        assert await tx.scalar("SELECT claim_token FROM send_batch WHERE channel = 'letter'") == lease.token


async def test_a_drills_letters_reach_nobody(made: Journey, tmp_path: Path) -> None:
    """They bear the sender's address."""
    await printed(made, tmp_path / "batch.zip", divert=SENDER)
    shown = text(pdf(tmp_path / "batch.zip"))
    assert "Weg1" not in shown
    assert "AnnaAlbrecht" in shown


async def test_what_only_the_page_shows_is_rejected_at_printing(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Its finding is the reason on record, and nobody else waits for it."""
    odd = replace(ANNA, details={"records": ["\u4e2d\u6587"]})
    made = await journey(store, keys, clock, tmp_path, [odd, BRUNO], "letter:always")
    await made.escalation.round()
    run = await printed(made, tmp_path / "batch.zip")
    assert [one.findings[0].code for one in run.set_aside] == ["no-glyph"]
    assert await states(made) == ["rejected", "accepted"]
    assert (1, "rejected", "batch-1", "no-glyph") in await attempts(made)
    assert await open_holds(made) == []


@pytest.mark.parametrize(
    ("street", "why"), [("W" * 400, "address-wide"), ("Weg 1, Hof 2 " * 40, "address-long")]
)
async def test_an_address_that_does_not_fit_skips_the_step(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, street: str, why: str
) -> None:
    """The finding is the reason, before anything is printed."""
    made = await journey(store, keys, clock, tmp_path, [replace(ANNA, street=street)], "letter:always")
    await made.escalation.round()
    assert await made.skipped() == [(1, why)]
    assert await letters(made) == []
    assert await open_holds(made) == []


async def test_a_broken_sender_costs_nobody_the_letter(made: Journey, tmp_path: Path) -> None:
    """What is wrong with us leaves every letter waiting."""
    wide = Sender("X" * 300, PostalAddress("Y" * 300, "50667", "Köln", "", "DE"))
    with pytest.raises(Refused):
        await printed(made, tmp_path / "batch.zip", renderer=LetterRenderer(wide))
    assert await states(made) == ["deferred"] * 3
    assert (await printed(made, tmp_path / "batch.zip", renderer=RENDERER)).batch.totals.letters == 3
