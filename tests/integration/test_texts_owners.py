"""STOP and START that readers send, through the web application into the store, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifier.engine import batches
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests.affected import add, person
from tests.desk import Desk
from tests.integration.test_receipts import findings, points, states
from tests.integration.test_sending import DEFERRED, INLINE, QUARANTINE, claim, run_next
from tests.texts import Twilio, installed, number, texted

CALLED = ("--operator", "alice", "--because", "they called")


@pytest.fixture
def twilio(store: Store, keys: Keys) -> Twilio:
    return Twilio(installed(), keys, store)


async def test_a_stop_ends_the_use_of_a_number(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """And a START its end; each is answered with nothing, and moves no delivery."""
    references = await texted(store, keys, 2, tmp_path)
    answer = await twilio.text(1, "Stop", 1)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.text.endswith("<Response/>")
    assert await points(store) == {"C0": "usable", "C1": "stopped"}
    await twilio.text(1, "START", 2, OptOutType="START")
    assert await points(store) == {"C0": "usable", "C1": "usable"}
    assert await states(store) == dict.fromkeys(references, "accepted")
    assert await findings(store, tmp_path) == set()


async def test_a_stop_holds_for_a_text_that_is_made_already(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """Made before the STOP was heard, it waits for its turn; it is not opened, and ends the next time."""
    (reference,) = await texted(store, keys, 1, tmp_path, answers=[DEFERRED])
    store.clock.advance(hours=5)
    lease = await claim(store)
    assert lease
    await twilio.text(0, "STOP", 1)
    async with store.read() as tx:
        waiting = int(await tx.scalar("SELECT id FROM delivery"))
    flushed = await batches.flush(store, lease, [], [batches.Opening(waiting, reference, 1)], [])
    assert flushed.opened == frozenset()
    await batches.give_back(store, lease, INLINE, quarantine_us=QUARANTINE)
    await run_next(store, keys, ScriptedChannel(), tmp_path / "spill")
    assert await states(store) == {reference: "suppressed"}


async def test_an_old_message_posted_again_changes_nothing(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """A START that was heard before the last STOP does not take that back, nor the other way round."""
    await texted(store, keys, 1, tmp_path)
    for words, message, state in (
        ("STOP", 1, "stopped"),
        ("STOP", 1, "stopped"),
        ("START", 2, "usable"),
        ("STOP", 1, "usable"),
        ("STOP", 3, "stopped"),
        ("START", 2, "stopped"),
        ("START", 1, "stopped"),
    ):
        assert (await twilio.text(0, words, message)).status_code == 200
        assert await points(store) == {"C0": state}
    assert await findings(store, tmp_path) == set()


async def test_what_else_readers_write_is_not_kept(store: Store, twilio: Twilio) -> None:
    """It is acknowledged, and nothing of it or of its sender is in the store."""
    for message, words in enumerate(("Is this real?", "HELP", "please STOP this", "")):
        assert (await twilio.text(0, words, message)).text.endswith("<Response/>")
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM parked_receipt") == 0
        assert await tx.scalar("SELECT count(*) FROM audit_event") == 0


async def test_a_stop_holds_for_who_is_imported_later(store: Store, keys: Keys, twilio: Twilio) -> None:
    """By blind index, so that the number itself is nowhere."""
    await twilio.text(7, "STOP", 1)
    await add(store, keys, [person("1", number(7))])
    async with store.read() as tx:
        state = await tx.scalar("SELECT state FROM contact_point WHERE channel = 'sms'")
        kept = await tx.rows("SELECT entry FROM audit_event")
        (row,) = await tx.rows("SELECT state, settled_by, sealed FROM parked_receipt")
    assert (state, row.state, row.settled_by) == ("stopped", "matched", "system")
    assert keys.house().open(bytes(row.sealed), b"receipt") == b'{"address":"","text":""}'
    assert not any(number(7).encode() in bytes(one.entry) for one in kept)


async def test_a_forged_stop_stops_nobody(store: Store, keys: Keys, twilio: Twilio, tmp_path: Path) -> None:
    """Nor does a forged START let anybody be written to."""
    await texted(store, keys, 1, tmp_path)
    fields = {"MessageSid": "SM" + "0" * 32, "SmsStatus": "received", "From": number(0), "Body": "STOP"}
    answer = await twilio.post(f"{twilio.urls.base}/sms/inbound", fields, token="other")
    assert (answer.status_code, await points(store)) == (403, {"C0": "usable"})


def test_nobody_but_its_owner_takes_a_stop_back(store_url: str, tmp_path: Path) -> None:
    """An operator's own entry they can lift, a STOP they cannot."""
    desk = Desk(tmp_path / "home", store_url)

    async def fill() -> None:
        async with desk.store() as store:
            people = [
                person("1", number(1)),
                person("2", number(2)),
            ]
            await add(store, desk.keys, people)
            await Twilio(installed(), desk.keys, store).text(1, "STOP", 1)

    asyncio.run(fill())
    assert desk.say("suppressions", "add", number(2), "--reason", "stopped", *CALLED)[0] == 0
    assert "lifted" in desk.say("suppressions", "lift", number(2), "--reason", "stopped", *CALLED)[1]
    code, said = desk.say("suppressions", "lift", number(1), "--reason", "stopped", *CALLED)
    assert (code, "nobody else takes that back" in said, "START" in said) == (1, True, True)
    assert [one["because"] for one in desk.ask("suppressions", "list")] == ["its owner sent STOP"]
