"""What did we tell this person, and when: after real batches, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.audit.high_water import HighWater
from notifier.audit.report import Report
from notifier.audit.verify import verify
from notifier.channels import Outcome, OutcomeKind
from notifier.engine import closing
from notifier.keys import Keys
from notifier.store import Store
from notifier.story import Membership, deliveries, tell
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.affected import add, person
from tests.integration.test_audit_verify import damage
from tests.integration.test_sending import run_next, start
from tests.logs import Log

LATER = Outcome(
    OutcomeKind.DEFERRED, code=451, enhanced="4.7.1", text="4.7.1 later, person1@example.test",
    relay="mx.example.test", reason="throttled", retry_after=60,
)  # fmt: skip
DONE = Outcome(
    OutcomeKind.ACCEPTED, code=250, enhanced="2.0.0", text="2.0.0 queued as 4F2", relay="mx.example.test"
)


async def sent(store: Store, keys: Keys, clock: FakeClock, folder: Path) -> tuple[ScriptedChannel, Log]:
    """Send three notices; the second person's is deferred once. All entries get their places."""
    await world.released(store, keys, 3)
    await start(store)
    channel = ScriptedChannel({world.address(1): [LATER, DONE]})
    await run_next(store, keys, channel, folder)
    clock.advance(seconds=67)
    await run_next(store, keys, channel, folder)
    log = Log.of(store, folder)
    await log.sequencer().drain()
    return channel, log


async def story(store: Store, keys: Keys, number: str) -> list[Membership]:
    async with store.read() as tx:
        customer = await tx.scalar("SELECT id FROM customer WHERE number = :number", number=number)
        return await tell(tx, keys, customer)


async def checked(log: Log) -> Report:
    memory = HighWater(log.high_water.path.with_name("seen"), log.key.verifier)
    return await verify(log.store, log.key.verifier, high_water=log.high_water, memory=memory)


async def test_a_story_has_the_exact_bytes_and_every_answer(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The bytes are those on the wire, and each attempt's entry commits to them and to the reply."""
    channel, _ = await sent(store, keys, clock, tmp_path)
    (membership,) = await story(store, keys, "C1")
    assert (membership.audience, membership.state, membership.categories) == (
        "INC-2026-001/1",
        "due",
        ("email",),
    )
    (delivery,) = deliveries([membership])
    wire = [one.content for one in channel.sent if one.recipient == world.address(1)]
    assert wire == [delivery.message, delivery.message]
    assert (delivery.state, delivery.intact, delivery.recipient) == ("accepted", True, world.address(1))
    first, second = delivery.attempts
    assert (first.outcome, first.code, first.enhanced, first.reply) == ("deferred", 451, "4.7.1", LATER.text)
    assert (second.outcome, second.relay, second.reply) == ("accepted", DONE.relay, DONE.text)
    assert first.proven is second.proven is True
    assert first.leaf_index is not None
    assert second.checkpoint is not None
    assert second.checkpoint > second.leaf_index > first.leaf_index


async def test_a_story_shows_what_does_not_fit(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """A notice with another digest is not called intact, a changed reply is not called proven."""
    _, log = await sent(store, keys, clock, tmp_path)
    async with store.begin() as tx:
        await tx.housekeep("UPDATE notice SET digest = :zeros", {"zeros": bytes(32)})
    await damage(log, "UPDATE attempt SET sealed = NULL WHERE number = 2")
    (delivery,) = deliveries(await story(store, keys, "C1"))
    assert delivery.intact is False
    assert [one.proven for one in delivery.attempts] == [True, False]


async def test_of_an_erased_person_the_codes_are_left(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Without the key there is no address, text or reply, but state, codes and entries stay."""
    _, log = await sent(store, keys, clock, tmp_path)
    async with store.begin() as tx:
        await tx.housekeep("DELETE FROM subject_key")
    (delivery,) = deliveries(await story(store, keys, "C1"))
    assert (delivery.message, delivery.recipient, delivery.intact) == (None, "", None)
    assert [(one.code, one.reply, one.proven) for one in delivery.attempts] == [
        (451, "", None),
        (250, "", None),
    ]
    assert (await checked(log)).findings == []


async def test_somebody_in_no_audience_was_told_nothing(store: Store, keys: Keys) -> None:
    """Not affected by anything is an answer."""
    await add(store, keys, [person("C0", "c0@example.com")])
    assert await story(store, keys, "C0") == []


async def test_a_guardian_sees_what_they_were_told_for_somebody(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """A notice to one person's address about another is in both stories."""
    await sent(store, keys, clock, tmp_path)
    async with store.begin() as tx:
        point = await tx.scalar(
            "SELECT id FROM contact_point WHERE customer_id = (SELECT min(id) FROM customer)"
        )
        await tx.housekeep(
            "UPDATE delivery SET contact_point_id = :point WHERE customer_id = "
            "(SELECT id FROM customer WHERE number = 'C1')",
            {"point": point},
        )
    own, other = sorted(await story(store, keys, "C0"), key=lambda one: one.about)
    assert (own.about, other.about) == ("", "C1")
    assert deliveries([other])[0].attempts[1].proven is True


async def test_real_attempts_verify_and_changed_ones_do_not(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Each attempt's row says what its entry says; a changed or missing row is found."""
    _, log = await sent(store, keys, clock, tmp_path)
    report = await checked(log)
    assert (report.findings, report.attempts) == ([], 4)
    await damage(log, "UPDATE attempt SET code = 251 WHERE number = 2")
    assert (await checked(log)).counts == {"attempt-differs": 1}
    await damage(log, "DELETE FROM attempt WHERE number = 2")
    assert (await checked(log)).counts == {"attempt-lost": 1}
    await damage(log, "UPDATE attempt SET event_id = ''")
    assert (await checked(log)).counts == {
        "attempt-unrecorded": 3,
        "attempt-lost": 1,
    }


async def test_a_closed_announcement_is_held_to_its_outcomes(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """After the closing every delivery's end is committed to, however late the store says it changed."""
    _, log = await sent(store, keys, clock, tmp_path)
    async with store.begin() as tx:
        await closing.close(tx, world.CODE, operator="anna")
    await log.sequencer().drain()
    assert (await checked(log)).findings == []
    async with store.begin() as tx:
        await tx.housekeep(
            "UPDATE delivery SET state = 'expired', changed_at = 4102444800000000 WHERE id = 1"
        )
    assert (await checked(log)).counts == {"closing-differs": 1, "delivery-differs": 1}


@pytest.mark.parametrize("state", ["rejected", "delivered", "bounced", "planned"])
async def test_a_delivery_ended_as_its_last_attempt_did(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, state: str
) -> None:
    """Before the closing, too, no delivery's end is other than what the trail says of it."""
    _, log = await sent(store, keys, clock, tmp_path)
    async with store.begin() as tx:
        await tx.housekeep("UPDATE delivery SET state = :state WHERE id = 1", {"state": state})
    assert (await checked(log)).counts == {"delivery-differs": 1}
