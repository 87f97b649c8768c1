"""Whoever is not affected after all is told nothing more of what was told to them by mistake, on any channel."""

from __future__ import annotations

from pathlib import Path

import pytest

from incidents import told
from incidents.corrections.unaffect import unaffect
from incidents.store import find
from notifier.audit.entry import Event
from notifier.banners.out import out
from notifier.customers.correcting import correct
from notifier.escalation.resend import decide, offered_to
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import entries, person
from tests.corrections import Case, case
from tests.integration.test_audit_verify import checked
from tests.logs import Log

LATER = {"phone": "+4915112345671"}


@pytest.fixture
async def two(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Case:
    """Anna and Bruno, to whom nothing has been sent yet."""
    people = [person("anna", "a@mail.test", locale="en"), person("bruno", "b@mail.test", locale="en")]
    return await case(store, keys, clock, tmp_path, people)


async def take_off(made: Case, number: str = "anna") -> None:
    """Take somebody off the list."""
    async with made.store.begin() as tx:
        incident = await find(tx, made.incident.code)
        await unaffect(tx, made.keys, incident, numbers=[number], reason="misread", actor="alice")


async def shown(made: Case, number: str = "anna") -> list[str]:
    """Return the announcements whose banners are out for somebody."""
    async with made.store.read() as tx:
        return [one.row.code for one in await out(tx, number)]


async def test_a_banner_nobody_has_seen_is_taken_back(two: Case) -> None:
    """It is on record, and the other one's stays."""
    code = await two.announced("banner:always")
    await two.send()
    assert await shown(two) == [code]
    await take_off(two)
    assert (await shown(two), await shown(two, "bruno")) == ([], [code])
    assert (await two.deliveries(code))["anna"] == "email accepted banner cancelled"
    assert [one["cancelled"] for one in await entries(two.store, "delivery:cancelled")] == [1]
    assert (await two.sent[-1].account()).unaccounted == 0


async def test_a_banner_that_was_seen_is_not_shown_beside_the_word_that_it_is_not_them(two: Case) -> None:
    """Only what takes it back is shown."""
    await two.announced("banner:always")
    await two.send()
    async with two.store.begin() as tx:
        await tx.write("UPDATE delivery SET state = 'delivered' WHERE channel = 'banner'")
        tx.record(Event("test:seen"))
    await take_off(two)
    assert await shown(two) == []
    made = await two.again(two.incident.code, kind=told.NOT_AFFECTED, said={})
    await two.release(made.announcement)
    await two.send()
    assert await shown(two) == [made.announcement]


async def test_verification_finds_nothing_wrong_with_that(two: Case, tmp_path: Path) -> None:
    """What was taken back is told by the trail."""
    log = Log.of(two.store, tmp_path)
    await two.announced("banner:always")
    await two.send()
    await take_off(two)
    await log.sequencer().drain()
    assert [one.code for one in (await checked(log)).findings] == []


async def test_no_later_step_is_gone_with_them(two: Case) -> None:
    """Neither a banner nor a text to a number that came to light since; the plan comes to its end."""
    code = await two.announced("banner:always", "sms:unreached", "letter:unreached")
    await take_off(two)
    async with two.store.begin() as tx:
        await correct(tx, two.keys, "anna", LATER, learned="call", actor="alice")
    await two.send()
    assert (await two.deliveries(code))["anna"] == "email suppressed"
    assert await shown(two) == []
    assert {reason for _step, reason in await two.sent[-1].skipped()} == {"barred"}
    account = await two.sent[-1].account()
    assert (account.steps_ahead, account.unaccounted) == (0, 0)


async def test_nothing_is_offered_to_be_sent_again(two: Case) -> None:
    """Not even to an address that nobody knew when they were taken off."""
    code = await two.announced("sms:unreached", "letter:unreached")
    await two.send(dead=["a@mail.test"])
    await take_off(two)
    async with two.store.begin() as tx:
        done = await correct(tx, two.keys, "anna", LATER, learned="call", actor="alice")
        assert await offered_to(tx, done.customer) == []
        number, occasion = await decide(tx, code, "sms", operator="alice", reason="try")
    assert await two.sent[-1].escalation.resend(number, "sms", occasion) == 0
