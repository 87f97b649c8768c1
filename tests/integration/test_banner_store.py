"""Banners over the store: who is shown what, what is on record of it, and what it makes of the delivery."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.audit.report import Report
from notifier.banners import StoreBanners
from notifier.banners.changes import Changes
from notifier.channels.banner.rules import Form, standing
from notifier.engine import closing, control
from notifier.errors import StoreError
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.banner_store import ANNA, BRUNO, CARLA, Shown, shown
from tests.integration.test_acknowledgements import acknowledged
from tests.integration.test_audit_verify import checked, damage
from tests.journeys import DEAD, journey
from tests.logs import Log

STEPS = ("banner:always", "sms:unreached", "letter:unreached")


@pytest.fixture
async def out(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Shown:
    """Three people with a banner each, one of them without any address."""
    return await shown(store, keys, clock, tmp_path)


async def test_everybody_is_shown_their_own_notice_and_no_other(out: Shown) -> None:
    """Also who has no address; somebody of whom nothing is known is shown nothing."""
    references = set()
    for one in (ANNA, BRUNO, CARLA):
        (notice,) = await out.notices(one)
        references.add(notice.reference)
        assert notice.severity == "critical"
        assert notice.title == "Notice of Data Breach"
        assert notice.summary.startswith("Somebody copied data")
        assert notice.reading is None
    assert len(references) == 3
    assert await out.banners.notices("nobody", "en") == []


async def test_a_banner_is_given_out_seen_and_acknowledged(out: Shown) -> None:
    """Each moves the delivery as far as it proves; the reading and every event are on record."""
    states = []
    for event in ("served", "visible", "opened", "acknowledged"):
        assert await out.does(ANNA, event)
        states.append((await out.states(ANNA))[-1])
    assert states == ["banner first accepted", *["banner first delivered"] * 3]
    (notice,) = await out.notices(ANNA)
    assert notice.current.acknowledged_at == out.journey.clock.now()
    entries = [
        entry
        for event in ("served", "visible", "opened", "acknowledged")
        for entry in await out.journey.entries(f"banner:{event}")
    ]
    assert [one.get("became", "") for one in entries] == ["accepted", "delivered", "", ""]
    assert await out.count("acknowledgement") == 1
    assert "session 17" not in str(entries)


async def test_a_repeated_report_writes_nothing(out: Shown) -> None:
    """Neither the same one again nor another that tells nothing new; the same key is no new event."""
    assert await out.does(ANNA, "visible", key="one")
    assert await out.does(ANNA, "visible", key="one")
    assert await out.does(ANNA, "visible", key="two")
    assert await out.does(ANNA, "opened", key="one")
    assert await out.count("banner_event") == 1
    assert (await out.notices(ANNA))[0].current.opened_at is None


async def test_what_may_not_be_done_or_is_another_s_is_not_recorded(out: Shown) -> None:
    """Acknowledging unread, dismissing what is critical, another revision, another's reference, no reference."""
    (mine,) = await out.notices(ANNA)
    assert not await out.does(ANNA, "acknowledged")
    assert not await out.does(ANNA, "dismissed")
    assert not await out.report(ANNA, "visible", mine.reference, 2)
    assert not await out.report(BRUNO, "visible", mine.reference)
    assert not await out.report(ANNA, "visible", "no reference")
    assert await out.count("banner_event") == 0


async def test_two_devices_cannot_both_put_it_off(out: Shown) -> None:
    """At once: one event, whoever is first; the other is told that it is so."""
    done = await asyncio.gather(*(out.does(ANNA, "snoozed") for _ in range(4)))
    assert all(done)
    assert await out.count("banner_event") == 1


@pytest.mark.parametrize(
    ("signed_in", "customary", "assurance"),
    [
        (5, None, "fresh-sign-in"),
        (59, True, "fresh-sign-in"),
        (61, True, ""),
        (5, False, ""),
        (None, True, ""),
    ],
)
async def test_an_acknowledgement_is_vouched_for_by_a_fresh_sign_in(
    out: Shown, signed_in: int | None, customary: bool | None, assurance: str
) -> None:
    """Within the hour, and not from a place that the host says is strange to the account."""
    now = out.journey.clock.now()
    at = None if signed_in is None else now - timedelta(minutes=signed_in)
    await out.does(ANNA, "opened")
    assert await out.does(ANNA, "acknowledged", authenticated_at=at, customary_place=customary)
    async with out.journey.store.read() as tx:
        assert await tx.scalar("SELECT assurance FROM acknowledgement") == assurance


async def test_what_is_paused_cancelled_or_ended_is_shown_to_nobody_new(out: Shown) -> None:
    """Paused, whoever has seen it may read on; cancelled, nobody is shown it."""
    await out.does(ANNA, "visible")
    await out.does(BRUNO, "served")
    code = await out.code()
    async with out.journey.store.begin() as tx:
        await control.pause(tx, code, operator="ida", reason="test")
    assert [len(await out.notices(one)) for one in (ANNA, BRUNO, CARLA)] == [1, 0, 0]
    async with out.journey.store.begin() as tx:
        await control.cancel(tx, code, operator="ida", reason="test")
    assert [len(await out.notices(one)) for one in (ANNA, BRUNO, CARLA)] == [0, 0, 0]
    assert (await out.states(CARLA))[-1] == "banner first cancelled"


async def test_an_erased_person_has_nothing(out: Shown) -> None:
    """Their key is gone, and with it the account's notices; no error."""
    async with out.journey.store.begin() as tx:
        await tx.write("DELETE FROM subject_key WHERE customer_id = 1")
        tx.record(Event(AuditAction.CUSTOMER_TYPED, {}))
    assert [len(await out.notices(one)) for one in (ANNA, BRUNO)] == [0, 1]


async def test_changed_bytes_are_never_shown(out: Shown) -> None:
    """Another person's sealed notice in the place of one's own is trouble, not a notice."""
    async with out.journey.store.begin() as tx:
        await tx.write("UPDATE notice SET digest = sealed WHERE channel = 'banner'")
        tx.record(Event(AuditAction.CUSTOMER_TYPED, {}))
    with pytest.raises(StoreError):
        await out.notices(ANNA)


async def test_banners_verify_and_every_change_shows(out: Shown, tmp_path: Path) -> None:
    """Events, readings and states are held against the trail, both ways."""
    log = Log.of(out.journey.store, tmp_path)
    for event in ("served", "visible", "opened", "snoozed", "acknowledged"):
        assert await out.does(ANNA, event)
    await out.does(BRUNO, "served")
    await log.sequencer().drain()
    assert _of_banners(await checked(log)) == {}
    for act, found in {
        "UPDATE banner_event SET at = at + 1 WHERE event = 'opened'": {"banner-differs": 1},
        "UPDATE banner_event SET customary_place = :yes WHERE event = 'opened'": {"banner-differs": 1},
        "UPDATE banner_reading SET snoozed_at = NULL": {"banner-differs": 2},
        "UPDATE delivery SET state = 'planned' WHERE channel = 'banner' AND state = 'accepted'": {
            "banner-differs": 2, "delivery-differs": 1,
        },
        "DELETE FROM banner_event WHERE event = 'snoozed'": {
            "banner-differs": 1, "banner-lost": 1, "delivery-differs": 1,
        },
    }.items():  # fmt: skip
        await damage(log, act, yes=True)
        assert found.keys() <= _of_banners(await checked(log)).keys(), act


def _of_banners(report: Report) -> dict[str, int]:
    return {code: n for code, n in report.counts.items() if code.startswith(("banner", "delivery", "acknow"))}


async def test_closing_counts_who_has_not_come_as_offered(out: Shown) -> None:
    """A banner that was seen has told its reader; one that was merely given out has not."""
    await out.does(CARLA, "served")
    account = await out.journey.account()
    assert (account.deliveries, account.offered, account.unaccounted) == ({"accepted": 2}, 1, 0)
    await out.does(CARLA, "visible")
    account = await out.journey.account()
    assert (account.notified, account.offered, account.unaccounted) == (3, 0, 0)
    code = await out.code()
    async with out.journey.store.begin() as tx:
        await closing.close(tx, code, operator="ida")
    assert [len(await out.notices(one)) for one in (ANNA, BRUNO, CARLA)] == [0, 0, 0]


@pytest.mark.parametrize("end", ["close", "cancel"])
async def test_what_nobody_has_seen_by_the_end_waits_no_more(out: Shown, end: str) -> None:
    """Given out or not, it is withdrawn with its announcement, and has reached nobody."""
    await out.does(CARLA, "served")
    code = await out.code()
    async with out.journey.store.begin() as tx:
        if end == "close":
            assert (await closing.close(tx, code, operator="ida"))["offered"] == 1
        else:
            await control.cancel(tx, code, operator="ida", reason="test")
    account = await out.journey.account()
    assert (account.deliveries, account.offered) == ({"accepted": 2, "cancelled": 1}, 0)


async def test_pages_hear_of_what_concerns_them(out: Shown) -> None:
    """An event of theirs on another device, not one of somebody else's; the end for all. Nobody looks once
    nobody listens.
    """
    code = await out.code()
    changes = Changes(out.journey.store, every=timedelta(milliseconds=5))
    hers, his = (asyncio.ensure_future(anext(changes.of(out.sub(one)))) for one in (ANNA, BRUNO))
    try:
        while not (changes.looks or hers.done()):
            await asyncio.sleep(0.001)
        await out.does(BRUNO, "visible")
        await asyncio.wait_for(his, 30)
        assert not hers.done()
        async with out.journey.store.begin() as tx:
            await control.pause(tx, code, operator="ida", reason="test")
        await asyncio.wait_for(hers, 30)
    finally:
        hers.cancel()
        his.cancel()


async def test_a_page_hears_of_a_notice_whose_transaction_ended_after_later_ones(out: Shown) -> None:
    """Ids are given out before the end of a transaction, so the lower one may come second."""
    store = out.journey.store
    if store.dialect == "sqlite":
        return  # One writer: they end in their order.
    changes = Changes(store, every=timedelta(milliseconds=5))
    hers = asyncio.ensure_future(anext(changes.of(out.sub(ANNA))))
    try:
        await _looks(changes, 1)
        async with store.begin() as slow:
            await slow.housekeep(
                _ANOTHER, {"occasion": "slow", "customer": out.journey.audience.subjects[ANNA.email]}
            )
            async with store.begin() as quick:
                await quick.housekeep(
                    _ANOTHER, {"occasion": "quick", "customer": out.journey.audience.subjects[BRUNO.email]}
                )
            await _looks(changes, 3)
            assert not hers.done()
        await asyncio.wait_for(hers, 30)
    finally:
        hers.cancel()


_ANOTHER = (
    "INSERT INTO delivery (reference, announcement_id, member_id, customer_id, contact_point_id, channel, step,"
    " occasion, notice_id, batch_id, state, attempts, due_at, claim_token, changed_at)"
    " SELECT CAST(:occasion AS text), announcement_id, member_id, customer_id, contact_point_id, channel, step,"
    " CAST(:occasion AS text), notice_id, batch_id, state, attempts, due_at, claim_token, changed_at"
    " FROM delivery WHERE channel = 'banner' AND customer_id = :customer"
)


async def _looks(changes: Changes, more: int) -> None:
    """Wait for looks at the store."""
    until = changes.looks + more
    while changes.looks < until:
        await asyncio.sleep(0.001)


async def test_a_seen_banner_ends_the_plan_and_an_unseen_one_holds_nothing_up(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Nobody's e-mail arrives: who saw the banner gets no text; who was merely given it, or has not come, gets
    one, then a letter. Everybody ends where they should.
    """
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO, CARLA], *STEPS)
    for one in (ANNA, BRUNO):
        made.email.answer(one.email, DEAD)
        made.sms.answer(one.phone, DEAD)
    await made.escalation.round()
    desk = Shown(made, StoreBanners(store, keys))
    await desk.does(ANNA, "visible")
    await desk.does(BRUNO, "served")
    await made.send()
    for _ in range(4):
        account = await made.go(1)
    assert await desk.states(ANNA) == ["email first rejected", "banner first delivered"]
    assert await desk.states(BRUNO) == [
        "email first rejected", "banner first accepted", "sms first rejected", "letter first planned",
    ]  # fmt: skip
    assert await made.skipped() == [(2, "no-contact-point"), (3, "no-contact-point")]
    assert (account.notified, account.offered, account.open, account.unaccounted) == (1, 1, 1, 0)


async def test_an_acknowledged_banner_ends_reminders(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Whoever has only looked at it is reminded."""
    made = await shown(
        store, keys, clock, tmp_path, "banner:always", "email:unacknowledged:48", people=(ANNA, BRUNO)
    )
    for one, event in ((ANNA, "opened"), (BRUNO, "opened"), (ANNA, "acknowledged")):
        assert await made.does(one, event)
    await made.journey.go(49)
    assert [len(await made.states(one)) for one in (ANNA, BRUNO)] == [2, 3]


async def test_where_the_sign_in_was_exposed_only_a_fresh_one_confirms(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """A stranger's confirmation is on record, once, and hides nothing; the owner's, after signing in anew, does."""
    log = Log.of(store, tmp_path)
    exposed = replace(ANNA, categories=" password name ")
    out = await shown(store, keys, clock, tmp_path, people=(exposed,))
    for event in ("opened", "acknowledged", "acknowledged"):
        assert await out.does(exposed, event)
    assert (await out.count("banner_event"), await out.count("acknowledgement")) == (2, 1)
    (there,) = await out.notices(exposed)
    assert there.doubtful
    assert standing(there, clock.now()).form is Form.FULL
    clock.advance(seconds=60)
    assert await out.does(exposed, "acknowledged", authenticated_at=clock.now())
    (there,) = await out.notices(exposed)
    assert standing(there, clock.now()).form is Form.HIDDEN
    assert await acknowledged(out.journey, exposed)
    await log.sequencer().drain()
    found = {one.code for one in (await checked(log)).findings}
    assert not {code for code in found if code.startswith(("banner", "acknowledgement"))}
