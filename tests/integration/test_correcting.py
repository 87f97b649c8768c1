"""Support corrects what is known of one person: it counts from then on, and is offered to be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.customers.correcting import correct
from notifier.errors import BadInput, NotFound
from notifier.escalation.resend import decide, offered_to
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.audiences import Someone
from tests.desk import Desk
from tests.journeys import DEAD, Journey, journey

ANNA = Someone("Anna Albrecht", "anna@mail.test", phone="+4915155500001", street="Weg 1")
RIGHT = {"email": "anna.albrecht@example.com"}


@pytest.fixture
async def lost(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Journey:
    """Anna's mailbox is gone, and the plan has nothing else."""
    made = await journey(store, keys, clock, tmp_path, [ANNA])
    made.email.answer(ANNA.email, DEAD)
    await made.send()
    return made


async def _points(store: Store) -> list[tuple[str, str]]:
    async with store.read() as tx:
        rows = await tx.rows("SELECT channel, state FROM contact_point ORDER BY id")
        return [(row.channel, row.state) for row in rows]


async def test_a_corrected_address_is_offered_and_reached(lost: Journey) -> None:
    """The new one can be used, what it was goes on record without a value, and the notice arrives there."""
    async with lost.store.begin() as tx:
        done = await correct(tx, lost.keys, "C1", RIGHT, learned="call", actor="alice")
        assert (done.changed, done.unusable) == (True, {})
        ((code, channel),) = await offered_to(tx, done.customer)
        number, occasion = await decide(tx, code, channel, operator="alice", reason="corrected")
    assert channel == "email"
    (entry,) = await lost.entries("customer:corrected")
    assert (entry["fields"], entry["learned"], entry["actor"]) == (["email"], "call", "operator:alice")
    assert "albrecht" not in str(entry)
    assert await lost.escalation.resend(number, "email", occasion) == 1
    await lost.send()
    assert (await lost.deliveries())[ANNA.email] == ["email first rejected", "email resend-1 accepted"]
    async with lost.store.read() as tx:
        assert await offered_to(tx, done.customer) == []


async def test_what_was_so_already_leaves_no_trace(lost: Journey) -> None:
    """Nothing changes, and no entry says that it did."""
    async with lost.store.begin() as tx:
        await correct(tx, lost.keys, "C1", RIGHT, learned="call", actor="alice")
        again = await correct(tx, lost.keys, "C1", RIGHT, learned="letter", actor="alice")
    assert not again.changed
    assert len(await lost.entries("customer:corrected")) == 1


async def test_a_dash_says_that_there_is_none_any_more(store: Store, lost: Journey) -> None:
    """The number is retired, not deleted, and a national one is read where its owner lives."""
    async with store.begin() as tx:
        await correct(tx, lost.keys, "C1", {"phone": "-"}, learned="call", actor="alice")
    assert ("sms", "retired") in await _points(store)
    async with store.begin() as tx:
        await tx.write("UPDATE customer SET country = 'DE'")
        await correct(tx, lost.keys, "C1", {"phone": "01512 3456789"}, learned="call", actor="alice")
    assert ("sms", "usable") in await _points(store)


async def test_an_address_that_is_dead_stays_so_and_that_is_said(lost: Journey) -> None:
    """Who types the old address once more learns why it is not used."""
    async with lost.store.begin() as tx:
        done = await correct(tx, lost.keys, "C1", {"email": ANNA.email}, learned="call", actor="alice")
        assert await offered_to(tx, done.customer) == []
    assert done.unusable["email"].startswith("dead")


@pytest.mark.parametrize(
    "typed", [{"email": "no address"}, {"country": "Atlantis"}, {"phone": "+49 1"}, {"locale": "Klingon"}]
)
async def test_what_cannot_be_used_changes_nothing(lost: Journey, typed: dict[str, str]) -> None:
    """Not even the part of it that could."""
    before = await _points(lost.store)
    with pytest.raises(BadInput, match="cannot be used"):
        async with lost.store.begin() as tx:
            await correct(tx, lost.keys, "C1", {**RIGHT, **typed}, learned="call", actor="alice")
    assert await _points(lost.store) == before
    with pytest.raises(NotFound):
        async with lost.store.begin() as tx:
            await correct(tx, lost.keys, "C404", RIGHT, learned="call", actor="alice")


def test_the_same_file_does_not_undo_it(store_url: str, tmp_path: Path) -> None:
    """Only a file that says something new about the person does."""
    desk = Desk(tmp_path / "home", store_url)
    file = desk.file("people.csv", "number,name,email\nC1,Anna Albrecht,wrong@example.com\n")
    words = ("customers", "import", file, "--yes", "--operator", "alice")
    assert desk.say(*words)[0] == 0
    how = ("--learned", "call", "--operator", "alice")
    said = desk.say("customers", "correct", "C1", "--email", *how, typed="right@example.com\n")
    assert said == (0, "C1 is corrected.\n")
    assert desk.say(*words)[0] == 0
    shown = desk.say("customers", "show", "C1", "--operator", "alice")[1]
    assert "right@example.com, usable" in shown
    assert "wrong@example.com, retired" in shown
