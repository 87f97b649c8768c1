"""Too many refusals or lost answers: somebody is asked to look, then the announcement is paused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from notifier import orders
from notifier.channels import Outcome, OutcomeKind
from notifier.engine import control
from notifier.engine.batches import Lease
from notifier.engine.holds import open_holds, stopped_channels
from notifier.engine.sending import BatchResult
from notifier.engine.worker import Worker
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.testing import ACCEPTED, FakeClock, ScriptedChannel
from tests import world
from tests.integration.test_audit_course import findings
from tests.integration.test_sending import INLINE, start, states
from tests.integration.test_worker import parts

DEAD = Outcome(OutcomeKind.REJECTED, code=550, enhanced="5.1.1", reason="address-dead")
LOST = Outcome(OutcomeKind.UNKNOWN, reason="connection-lost")
SETTINGS = SendingSettings(concurrency=4, refusals_least=20, quarantine_seconds=1)


def _channel(wrong: range, answer: Outcome = DEAD) -> ScriptedChannel:
    return ScriptedChannel({world.address(number): [answer] for number in wrong})


async def _sender(store: Store, keys: Keys, folder: Path, channel: ScriptedChannel) -> Worker:
    await world.released(store, keys, 100, batch_size=25)
    await start(store)
    return Worker(replace(parts(store, keys, channel, folder), settings=SETTINGS))


async def _work(sender: Worker) -> None:
    while await sender._run_batch():
        pass


async def _holds(store: Store) -> list[tuple[str, str]]:
    async with store.read() as tx:
        return [(row.kind, row.reason) for row in await open_holds(tx)]


async def test_many_refusals_pause_by_themselves(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Nothing more is begun, the hold says why and asks for the author, and a person's resume ends it."""
    sender = await _sender(store, keys, tmp_path, _channel(range(100)))
    await _work(sender)
    counted = await states(store)
    assert 20 <= counted["rejected"] <= 25
    ((kind, reason),) = await _holds(store)
    assert kind == "refusals"
    assert "answers refused for good, mostly address-dead" in reason
    async with store.begin() as tx:
        assert (await control.find(tx, world.CODE)).control == "pause"
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await _holds(store) == []
    await _work(sender)
    assert sum((await states(store)).values()) == 100


async def test_refused_texts_stop_the_texts_alone(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Whom no e-mail reaches has a worse number on file, too: that keeps no e-mail from going out."""
    sender = await _sender(store, keys, tmp_path, _channel(range(0)))
    for _ in range(30):
        sender._breaker.heard(1, DEAD, "sms")
    assert (sender._breaker.tripped(1, "sms"), sender._breaker.tripped(1, "email")) == (True, False)
    await sender._heed(Lease(1, 1, world.CODE, {}, "", channel="sms"), BatchResult(0))
    ((kind, reason),) = await _holds(store)
    assert (kind, reason.partition(" answers")[0]) == ("refusals-sms", "30 of the last 30")
    async with store.begin() as tx:
        assert (await control.find(tx, world.CODE)).control == "run"
        assert await stopped_channels(tx, 1) == ["sms"]
    await _work(sender)
    assert await states(store) == {"accepted": 100}
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await _holds(store) == []
    assert await findings(store, tmp_path) == {}


async def test_lost_answers_to_texts_put_texts_in_doubt_alone(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Resuming holds the texts nobody knows of, and lets an e-mail that is in doubt go again as ever."""
    sender = await _sender(store, keys, tmp_path, _channel(range(0)))
    for _ in range(30):
        sender._breaker.heard(1, LOST, "sms")
    await sender._heed(Lease(1, 1, world.CODE, {}, "", channel="sms"), BatchResult(0))
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = 'unknown', attempts = 1 WHERE id < 6", {})
        await tx.housekeep("UPDATE delivery SET channel = 'sms' WHERE id < 3", {})
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    counted = await states(store)
    assert (counted["held"], counted["unknown"]) == (2, 3)


async def test_a_share_worth_a_warning_asks_somebody_to_look(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Sending goes on; the warning ends by itself when the share has fallen."""
    sender = await _sender(store, keys, tmp_path, _channel(range(0)))
    for outcome in (*[ACCEPTED] * 21, *[DEAD] * 4):
        sender._breaker.heard(1, outcome)
    await sender._heed(Lease(1, 1, world.CODE, {}, ""), BatchResult(21))
    reason = "4 of the last 25 answers refused for good, mostly address-dead; sending goes on"
    assert await _holds(store) == [("refusals-warning", reason)]
    await _work(sender)
    assert await _holds(store) == []
    assert await states(store) == {"accepted": 100}


async def test_the_end_of_an_order_ends_no_other_pause(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What was paused for its refusals stays paused."""
    await _work(await _sender(store, keys, tmp_path, _channel(range(100))))
    async with store.begin() as tx:
        assert await orders.hold_all(tx, "INC-2026-001", reason="an order", operator="anna") == 1
        await orders.go_on(tx, "INC-2026-001", operator="anna")
    async with store.read() as tx:
        assert (await control.find(tx, world.CODE)).control == "pause"


async def test_lost_answers_pause_before_anybody_is_told_twice(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The hold says so; whoever resumes goes on with the others, and those in doubt wait for a decision."""
    channel = _channel(range(100), LOST)
    sender = await _sender(store, keys, tmp_path, channel)
    await _work(sender)
    clock.advance(minutes=5)
    await _work(sender)
    told = [one.recipient for one in channel.sent]
    assert 20 <= len(told) == len(set(told)) <= 24
    ((kind, reason),) = await _holds(store)
    assert kind == "lost-answers"
    assert f"{len(told)} of the last {len(told)} answers lost, mostly connection-lost" in reason
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert (await states(store))["held"] == len(told)
    assert [kind for kind, _ in await _holds(store)] == ["in-doubt"]


async def test_a_kill_of_ours_is_no_lost_answer(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What was open when the process died is in doubt, and goes again without a pause."""
    sender = await _sender(store, keys, tmp_path, _channel(range(0)))
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = 'unknown', attempts = 1", {})
    await _work(sender)
    assert await states(store) == {"accepted": 100}
    assert await _holds(store) == []


async def test_a_broken_channel_is_a_series_too(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Whatever it raises, the messages may have left."""
    channel = ScriptedChannel({world.address(number): [RuntimeError("bug")] for number in range(100)})
    await _work(await _sender(store, keys, tmp_path, channel))
    assert [kind for kind, _ in await _holds(store)] == ["lost-answers"]
    assert len(channel.sent) < 30


async def test_a_pause_that_came_first_hides_nothing(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Whoever resumes it finds the lost answers on hold as well."""
    sender = await _sender(store, keys, tmp_path, _channel(range(0)))
    async with store.begin() as tx:
        await control.pause(tx, world.CODE, operator="anna", reason="a wrong word")
    for _ in range(20):
        sender._breaker.heard(1, LOST)
    await sender._heed(Lease(1, 1, world.CODE, {}, ""), BatchResult(0))
    assert [kind for kind, _ in await _holds(store)] == ["pause", "lost-answers"]


@pytest.mark.parametrize("kind", ["lost-answers", "restored"])
async def test_the_end_of_an_order_leaves_what_came_during_it(
    store: Store, keys: Keys, tmp_path: Path, kind: str
) -> None:
    """What went wrong while an order held the announcement keeps it paused afterwards, on record."""
    sender = await _sender(store, keys, tmp_path, _channel(range(0)))
    async with store.begin() as tx:
        await orders.hold_all(tx, "INC-2026-001", reason="an order", operator="anna")
    for _ in range(2):
        if kind == "restored":
            async with store.begin() as tx:
                await control.pause_all(tx, kind=kind, reason="older than its log")
        else:
            for _ in range(20):
                sender._breaker.heard(1, LOST)
            await sender._heed(Lease(1, 1, world.CODE, {}, ""), BatchResult(0))
    async with store.begin() as tx:
        await orders.go_on(tx, "INC-2026-001", operator="anna")
    assert [kind for kind, _ in await _holds(store)] == [kind]
    async with store.begin() as tx:
        assert (await control.find(tx, world.CODE)).control == "pause"
    assert await findings(store, tmp_path) == {}
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await findings(store, tmp_path) == {}
