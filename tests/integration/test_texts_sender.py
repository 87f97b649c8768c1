"""Reports that say that we are the trouble stop the text messages, and neither numbers nor other channels."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifier import orders
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.engine import batches, control, recovery
from notifier.engine.forecasting import forecast
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.receipts.sender import LEAST
from notifier.store import Store
from tests import world
from tests.desk import Desk
from tests.integration.test_receipts import findings, points, states
from tests.integration.test_sending import DEFERRED, INLINE, QUARANTINE, claim
from tests.texts import Twilio, installed, texted


@pytest.fixture
def twilio(store: Store, keys: Keys) -> Twilio:
    return Twilio(installed(), keys, store)


async def standing(store: Store) -> tuple[str, list[tuple[str, str]]]:
    """Return the announcement's control, and kind and owner of its open holds."""
    async with store.read() as tx:
        control_ = await tx.scalar("SELECT control FROM announcement")
        holds = await tx.rows("SELECT kind, owner FROM hold WHERE ended_at IS NULL ORDER BY id")
    return str(control_), [(row.kind, row.owner) for row in holds]


@pytest.mark.parametrize("code", [30034, 30929, 30007, 30002, 30023])
async def test_several_such_reports_stop_the_texts_still_to_go(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path, code: int
) -> None:
    """Registration, filter, account, quota: fewer prove nothing; the numbers are as good as before."""
    references = await texted(store, keys, LEAST + 1, tmp_path, answers=[DEFERRED])
    for place in range(1, LEAST):
        await twilio.report(references[place], "failed", place=place, code=code)
    assert await standing(store) == ("run", [])
    await twilio.report(references[LEAST], "undelivered", place=LEAST, code=code)
    assert await standing(store) == ("run", [("sender", "anna")])
    store.clock.advance(hours=5)
    assert await claim(store) is None
    assert set((await points(store)).values()) == {"usable"}
    assert sorted((await states(store)).values()) == [*["bounced"] * LEAST, "deferred"]
    assert await findings(store, tmp_path) == set()


async def stopped(store: Store, keys: Keys, twilio: Twilio, folder: Path) -> None:
    """Stop the texts of an announcement; one of its people waits for a text, one for an e-mail."""
    answers = [DEFERRED, DEFERRED]
    references = await texted(store, keys, LEAST + 2, folder, answers=answers, batch_size=1)
    async with store.begin() as tx:
        await tx.housekeep(
            "UPDATE send_batch SET channel = 'email' WHERE id = (SELECT batch_id FROM delivery"
            " WHERE reference = :reference)",
            {"reference": references[1]},
        )
    for place in range(2, LEAST + 2):
        await twilio.report(references[place], "failed", place=place, code=30034)


async def test_what_goes_another_way_goes_on(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """The e-mail of the same announcement is claimed and opened, its text message only once resumed."""
    await stopped(store, keys, twilio, tmp_path)
    store.clock.advance(hours=5)
    first, second = await claim(store), await claim(store)
    assert (first and first.channel, second) == ("email", None)
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    third = await claim(store)
    assert third
    assert third.channel == "sms"
    assert await standing(store) == ("run", [])


async def test_a_batch_under_way_opens_no_text_more(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """A flush reads that the channel stands still, and a lease that lapses then frees what it left."""
    references = await texted(store, keys, LEAST + 1, tmp_path, answers=[DEFERRED])
    store.clock.advance(hours=5)
    lease = await claim(store, lease_us=-1)
    assert lease
    async with store.read() as tx:
        waiting = await tx.scalar("SELECT id FROM delivery WHERE state = 'deferred'")
    opening = batches.Opening(int(waiting), references[0], 1)
    for place in range(1, LEAST + 1):
        await twilio.report(references[place], "failed", place=place, code=30034)
    flushed = await batches.flush(store, lease, [], [opening], [])
    assert flushed == batches.Flushed(frozenset(), "pause")
    async with store.read() as tx:
        assert await batches.control_of(tx, lease) == "pause"
    await recovery.free_idle(store, quarantine_seconds=QUARANTINE)
    async with store.read() as tx:
        assert await tx.scalar("SELECT state FROM send_batch") == "ready"


async def test_a_resume_ends_a_pause_and_the_stop_together(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """Until then the forecast says that it stands still; afterwards there is nothing to resume."""
    await stopped(store, keys, twilio, tmp_path)
    async with store.begin() as tx:
        assert (await forecast(tx, 1)).stopped
        await control.pause(tx, world.CODE, operator="ben", reason="to look")
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
        assert not (await forecast(tx, 1)).stopped
    assert await standing(store) == ("run", [])
    async with store.begin() as tx:
        with pytest.raises(Conflict):
            await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)


async def test_an_order_that_ends_leaves_the_texts_stopped(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """The end of one cause does not let the other go on."""
    await stopped(store, keys, twilio, tmp_path)
    async with store.begin() as tx:
        subject = str(await tx.scalar("SELECT subject FROM audience"))
        await orders.hold_all(tx, subject, reason="by order", operator="ben")
        await orders.go_on(tx, subject, operator="ben")
    assert await standing(store) == ("run", [("sender", "anna")])


def test_the_status_says_that_the_texts_stand_still(store_url: str, tmp_path: Path) -> None:
    """And why, and what ends it; the announcement itself is not paused."""
    desk = Desk(tmp_path / "home", store_url)

    async def fill() -> None:
        async with desk.store() as store:
            await stopped(store, desk.keys, Twilio(installed(), desk.keys, store), tmp_path)

    asyncio.run(fill())
    value = desk.ask("announcements", "status", world.CODE)
    assert (value["control"], value["stopped_channels"]) == ("run", ["sms"])
    said = " ".join(desk.say("announcements", "status", world.CODE)[1].split())
    assert "sms stands still, resume ends that" in said
    assert "so no text message goes out; the other channels go on" in said


async def test_a_reader_s_own_trouble_pauses_nothing(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """Numbers that do not exist, telephones that are off, carriers that block: their next step is due."""
    references = await texted(store, keys, 9, tmp_path, answers=[DEFERRED])
    for place in range(1, 9):
        code = (30003, 30004, 30005, 30006)[place % 4]
        await twilio.report(references[place], "undelivered", place=place, code=code)
    assert await standing(store) == ("run", [])


async def test_a_few_among_many_pause_nothing(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """One carrier's filter is not everybody's."""
    people = LEAST * 6
    references = await texted(store, keys, people, tmp_path, answers=[DEFERRED])
    for place in range(1, people):
        name, code = ("undelivered", 30007) if place > people - LEAST - 1 else ("delivered", 0)
        await twilio.report(references[place], name, place=place, code=code)
    assert await standing(store) == ("run", [])


async def test_a_flood_of_other_reports_hides_nothing(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """E-mails that arrive by the hundred, while texts fail one by one, are not what is looked at."""
    references = await texted(store, keys, LEAST + 1, tmp_path, answers=[DEFERRED])
    for place in range(1, LEAST + 1):
        await twilio.report(references[place], "failed", place=place, code=30034)
        async with store.begin() as tx:
            (row,) = await tx.rows("SELECT * FROM receipt ORDER BY id LIMIT 1")
            columns = [name for name in row._mapping if name != "id"]
            given = {**row._mapping, "kind": "delayed"}
            tx.record(Event(AuditAction.RECEIPT_SHOWN, {"report": str(place)}))
            noise = [{**given, "key": f"{place}-{number}"} for number in range(400)]
            await tx.insert_many("receipt", columns, [tuple(one[name] for name in columns) for one in noise])
    assert await standing(store) == ("run", [("sender", "anna")])


async def test_many_processes_at_once_stop_it_once(store: Store, keys: Keys, tmp_path: Path) -> None:
    """None of them keeps another's reports from being taken."""
    references = await texted(store, keys, 4 * LEAST + 1, tmp_path, answers=[DEFERRED])
    processes = [Twilio(installed(), keys, store) for _ in range(4)]
    answers = await asyncio.gather(
        *(
            processes[place % 4].report(references[place], "failed", place=place, code=30034)
            for place in range(1, 4 * LEAST + 1)
        )
    )
    assert {one.status_code for one in answers} == {204}
    assert await standing(store) == ("run", [("sender", "anna")])


async def test_whoever_resumes_begins_anew(store: Store, keys: Keys, twilio: Twilio, tmp_path: Path) -> None:
    """What was reported before counts no more, and resuming ends the hold; the same again pauses again."""
    references = await texted(store, keys, 3 * LEAST, tmp_path, answers=[DEFERRED])
    for place in range(1, LEAST + 1):
        await twilio.report(references[place], "failed", place=place, code=30034)
    store.clock.advance(minutes=1)
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await standing(store) == ("run", [])
    store.clock.advance(seconds=1)
    for place in range(LEAST + 1, 2 * LEAST):
        await twilio.report(references[place], "failed", place=place, code=30034)
    assert await standing(store) == ("run", [])
    await twilio.report(references[2 * LEAST], "failed", place=2 * LEAST, code=30034)
    assert await standing(store) == ("run", [("sender", "anna")])


async def test_where_nothing_is_left_to_go_somebody_is_asked_to_look(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """There is nothing to pause, and everybody's message came to nothing."""
    references = await texted(store, keys, LEAST, tmp_path)
    for place, reference in enumerate(references):
        await twilio.report(reference, "failed", place=place, code=30034)
    assert await standing(store) == ("run", [("sender-warning", "anna")])
