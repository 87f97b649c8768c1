"""Acknowledgements: what is taken, what counts, what it ends, and how it is on record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from notifier.acknowledgements import ACKNOWLEDGED, Acknowledged, acknowledge
from notifier.barring import bar
from notifier.categories import ACCESS
from notifier.errors import BadInput, NotFound, Refused
from notifier.keys import Keys
from notifier.store import Store
from notifier.story import tell
from notifier.testing import FakeClock, FaultyStore
from notifier.testing.store import Failure
from tests.audiences import Someone
from tests.integration.test_audit_verify import checked, damage
from tests.journeys import DEAD, Journey, journey
from tests.logs import Log

ANNA = Someone("Anna Albrecht", "anna@mail.test", phone="+4915155500001", street="Weg 1")
BRUNO = Someone("Bruno Castellano", "bruno@mail.test", phone="+4915155500002")


async def reference_of(made: Journey, someone: Someone) -> str:
    """Return the reference of a person's newest notice."""
    async with made.store.read() as tx:
        found = await tx.scalar(
            "SELECT reference FROM delivery WHERE customer_id = :id ORDER BY id DESC LIMIT 1",
            id=made.audience.subjects[someone.email],
        )
    return str(found)


async def acknowledged(made: Journey, someone: Someone) -> bool:
    """Say whether a person's acknowledgement counts for those who ask."""
    async with made.store.read() as tx:
        found = await tx.scalar(
            f"SELECT 1 FROM audience_member m WHERE m.customer_id = :id AND {ACKNOWLEDGED}",
            id=made.audience.subjects[someone.email],
        )
    return found is not None


async def test_an_acknowledgement_ends_reminders_but_no_required_step(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Who has acknowledged gets no reminder and no further optional channel; the other gets all of them."""
    steps = ("email:unacknowledged:48", "sms:unacknowledged:24", "letter:always:required")
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO], *steps)
    await made.send()
    async with store.begin() as tx:
        await acknowledge(tx, keys, reference=await reference_of(made, ANNA), how="page")
    for _ in range(4):
        await made.go(50)
    found = await made.deliveries()
    assert [one.rpartition(" ")[0] for one in found[ANNA.email]] == ["email first", "letter first"]
    assert "email reminder-1 accepted" in found[BRUNO.email]
    assert [one.recipient for one in made.sms.sent] == [BRUNO.phone]


async def test_a_reminder_that_waits_is_not_sent_any_more(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The acknowledgement comes between the step and its hand-over: nothing is handed over."""
    made = await journey(store, keys, clock, tmp_path, [ANNA], "email:unacknowledged:48")
    await made.send()
    first = await reference_of(made, ANNA)
    clock.advance(hours=49)
    await made.escalation.round()
    async with store.begin() as tx:
        await acknowledge(tx, keys, reference=first, how="page")
    await made.send()
    assert len(made.email.sent) == 1
    assert (await made.deliveries())[ANNA.email][1] == "email reminder-1 suppressed"


async def test_a_repetition_changes_nothing(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The first moment stays, and there is one entry, which names no person; the reason can be read by key alone."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    await made.send()
    reference = await reference_of(made, ANNA)
    said = {"reference": reference, "how": "support", "by": "alice", "reason": "she called us"}
    async with store.begin() as tx:
        first = await acknowledge(tx, keys, **said)
    clock.advance(hours=1)
    async with store.begin() as tx:
        again = await acknowledge(tx, keys, **said)
    assert (first.new, first.counts, again) == (True, True, replace(first, new=False))
    (entry,) = await made.entries("acknowledgement:taken")
    assert (entry["delivery"], entry["how"], entry["counts"]) == (reference, "support", 1)
    assert entry["actor"] == "operator:alice"
    async with store.read() as tx:
        kept = await tx.rows("SELECT * FROM acknowledgement")
        assert "called" not in f"{entry}{kept}"
        assert "she called us" in str(await tell(tx, keys, made.audience.subjects[ANNA.email]))


@pytest.mark.parametrize("code", sorted(ACCESS))
async def test_where_the_sign_in_was_exposed_it_takes_an_assurance(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, code: str
) -> None:
    """The word of whoever has the link is kept and counts for nothing, until something else vouches."""
    exposed = replace(ANNA, categories=f" {code} name ")
    made = await journey(store, keys, clock, tmp_path, [exposed])
    await made.send()
    reference = await reference_of(made, ANNA)
    async with store.begin() as tx:
        plain = await acknowledge(tx, keys, reference=reference, how="page")
    assert (plain.new, plain.counts, await acknowledged(made, ANNA)) == (True, False, False)
    async with store.begin() as tx:
        sure = await acknowledge(tx, keys, reference=reference, how="banner", assurance="fresh-sign-in")
    assert (sure.counts, await acknowledged(made, ANNA)) == (True, True)


@pytest.mark.parametrize("before", [True, False])
async def test_a_compromised_contact_point_takes_an_assurance(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, *, before: bool
) -> None:
    """Whether that is learnt before the acknowledgement or after it."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    await made.send()
    reference = await reference_of(made, ANNA)
    for barring in (before, not before):
        async with store.begin() as tx:
            if barring:
                await bar(tx, subject="INC-2026-001", condition="1 = 1", params={}, actor="alice")
            else:
                await acknowledge(tx, keys, reference=reference, how="page")
    assert not await acknowledged(made, ANNA)
    async with store.begin() as tx:
        said = {"how": "support", "by": "alice", "reason": "asked her", "assurance": "identified"}
        assert (await acknowledge(tx, keys, reference=reference, **said)).counts


async def test_what_was_never_handed_over_cannot_be_acknowledged(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Nor can a notice that does not exist, and support gives a reason; nothing of it is kept."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    reference = await reference_of(made, ANNA)
    for state in ("planned", "suppressed", "cancelled", "rejected"):
        async with store.begin() as tx:
            await tx.housekeep("UPDATE delivery SET state = :state", {"state": state})
            with pytest.raises(Refused, match="not handed over"):
                await acknowledge(tx, keys, reference=reference, how="page")
    async with store.begin() as tx:
        with pytest.raises(NotFound):
            await acknowledge(tx, keys, reference="0" * 16, how="page")
        with pytest.raises(BadInput, match="reason"):
            await acknowledge(tx, keys, reference=reference, how="support", by="alice", reason=" ")
    assert await made.entries("acknowledgement:taken") == []


@pytest.mark.parametrize(("phase", "state", "taken"), [
    ("released", "planned", True), ("released", "accepted", True), ("closed", "planned", True),
    ("cancelled", "cancelled", False), ("cancelled", "planned", False), ("countdown", "planned", False),
])  # fmt: skip
async def test_a_banner_is_there_from_the_release_on(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, phase: str, state: str, *, taken: bool
) -> None:
    """It waits for its reader in the service; once the announcement is cancelled it does not."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET channel = 'banner', state = :state", {"state": state})
        await tx.housekeep("UPDATE announcement SET state = :phase", {"phase": phase})
    reference = await reference_of(made, ANNA)
    async with store.begin() as tx:
        if not taken:
            with pytest.raises(Refused):
                await acknowledge(tx, keys, reference=reference, how="banner")
            return
        done = await acknowledge(tx, keys, reference=reference, how="banner")
    assert (done.new, done.late) == (True, phase == "closed")
    (entry,) = await made.entries("acknowledgement:taken")
    assert entry.get("late", 0) == int(phase == "closed")


async def test_of_an_erased_person_nothing_more_is_kept(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Their key is gone, so their word is not taken."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    await made.send()
    reference = await reference_of(made, ANNA)
    async with store.begin() as tx:
        await tx.housekeep("DELETE FROM subject_key")
    async with store.begin() as tx:
        with pytest.raises(Refused, match="erased"):
            await acknowledge(tx, keys, reference=reference, how="page")


async def test_acknowledgements_verify_and_their_loss_shows(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Rows are held against the entries, and entries against the rows."""
    log = Log.of(store, tmp_path)
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO])
    await made.send()
    async with store.begin() as tx:
        said = {"how": "support", "by": "alice", "reason": "called"}
        await acknowledge(tx, keys, reference=await reference_of(made, ANNA), **said)
        await acknowledge(tx, keys, reference=await reference_of(made, BRUNO), how="page")
    await log.sequencer().drain()
    assert (await checked(log)).counts == {}
    await damage(
        log,
        "UPDATE acknowledgement SET sealed = NULL WHERE how = 'support'",
        "DELETE FROM acknowledgement WHERE how = 'page'",
    )
    found = (await checked(log)).counts
    assert (found["acknowledgement-differs"], found["acknowledgement-lost"]) == (1, 1)


async def test_the_story_has_acknowledgements_and_steps_passed_over(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Each with its reason; a text's bytes are as they were approved, with no Date put before them."""
    made = await journey(store, keys, clock, tmp_path, [BRUNO], "sms:unreached", "letter:always:required")
    made.email.answer(BRUNO.email, DEAD)
    await made.send()
    await made.go()
    async with store.begin() as tx:
        await acknowledge(tx, keys, reference=await reference_of(made, BRUNO), how="page")
    async with store.read() as tx:
        (membership,) = await tell(tx, keys, made.audience.subjects[BRUNO.email])
    (announcement,) = membership.announcements
    assert [(one.step, one.channel, one.reason) for one in announcement.skipped] == [
        (2, "letter", "no-contact-point")
    ]
    _, text = announcement.deliveries
    assert (text.channel, text.intact) == ("sms", True)
    assert text.message
    assert text.message.startswith(b"Example Company")
    assert [(one.how, one.counts, one.proven) for one in text.acknowledgements] == [("page", True, True)]


async def test_said_twice_at_once_it_is_on_record_once(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Two devices, or an impatient finger: one of them takes it, the others learn when it was taken."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    await made.send()
    reference = await reference_of(made, ANNA)

    async def press() -> Acknowledged:
        async with store.begin() as tx:
            return await acknowledge(tx, keys, reference=reference, how="page")

    done = await asyncio.gather(*(press() for _ in range(5)))
    assert sorted(one.new for one in done) == [False] * 4 + [True]
    assert len({one.at for one in done}) == 1
    assert len(await made.entries("acknowledgement:taken")) == 1


@pytest.mark.parametrize("failure", ["unkept", "kept"])
async def test_a_commit_that_fails_leaves_all_or_nothing(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, failure: Failure
) -> None:
    """Row and entry together; pressing again ends with one of each."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    await made.send()
    reference = await reference_of(made, ANNA)
    faulty = FaultyStore(
        store.engine, origin="notices.example.com/audit", clock=clock, load_keys=lambda: keys
    )
    faulty.plan = lambda commit: failure if commit == 1 else ""
    with pytest.raises(OperationalError):
        async with faulty.begin() as tx:
            await acknowledge(tx, keys, reference=reference, how="page")
    assert len(await made.entries("acknowledgement:taken")) == int(failure == "kept")
    async with faulty.begin() as tx:
        again = await acknowledge(tx, keys, reference=reference, how="page")
    assert again.new is (failure == "unkept")
    assert len(await made.entries("acknowledgement:taken")) == 1
