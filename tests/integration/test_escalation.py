"""The later steps of the channel plan: who is gone on with, when, and how it is on record."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notifier.acknowledgements import acknowledge
from notifier.audit.report import Report
from notifier.clock import to_instant
from notifier.engine import closing, control
from notifier.errors import BadInput, Conflict, Refused
from notifier.escalation import resend
from notifier.escalation.candidates import Compromised
from notifier.escalation.rounds import Escalation
from notifier.keys import Keys
from notifier.plans import SendPlan
from notifier.receipts.taking import take
from notifier.rendering.folders import shipped
from notifier.store import Store
from notifier.testing import FakeClock
from tests.audiences import Someone, settings_in
from tests.fates import Fate, receipts
from tests.integration.test_audit_verify import checked, damage
from tests.journeys import DEAD, INLINE, LETTERHEAD, journey
from tests.logs import Log
from tests.mailhouse import open_holds

ANNA = Someone("Anna Albrecht", "anna@mail.test", phone="+4915155500001", street="Weg 1")
BRUNO = Someone("Bruno Castellano", "bruno@mail.test", phone="+4915155500002")
CARLA = Someone(
    "Carla Dupontel", "carla@mail.test", state="needs-channel", reason="none", phone="+4915155500003"
)
DENIZ = Someone("Deniz Eriksson", "deniz@mail.test", state="excluded", reason="employee")


async def test_who_is_not_reached_gets_the_next_channel(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """A refused e-mail, or none at all, leads to a text at once; whoever was reached gets nothing more."""
    made = await journey(
        store, keys, clock, tmp_path, [ANNA, BRUNO, CARLA, DENIZ], "sms:unreached", "letter:unreached"
    )
    made.email.answer(BRUNO.email, DEAD)
    await made.send()
    account = await made.go()
    assert [one.recipient for one in made.sms.sent] == ["+4915155500002", "+4915155500003"]
    assert (account.deliveries, account.excluded, account.unaccounted) == ({"accepted": 3}, 1, 0)
    assert (await made.go()).deliveries == {"accepted": 3}
    assert (await made.deliveries())[BRUNO.email] == ["email first rejected", "sms first accepted"]


async def test_who_has_acknowledged_holds_up_no_end(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """An e-mail that comes back after its reader has confirmed it leaves nothing to wait for, but for a
    channel that the law requires.
    """
    steps = ("sms:unreached", "letter:unreached:24:required")
    made = await journey(store, keys, clock, tmp_path, [BRUNO], *steps)
    await made.send()
    async with store.begin() as tx:
        reference = str(await tx.scalar("SELECT reference FROM delivery"))
        await acknowledge(tx, keys, reference=reference, how="support", by="alice", reason="on the phone")
        await take(tx, keys, "lots", receipts(Fate.BOUNCES, reference, 1))
    assert (await made.go()).steps_ahead == 1
    account = await made.go(25)
    assert (account.acknowledged, account.notified, account.open, account.unaccounted) == (1, 1, 0, 0)
    assert await _close(store) == {"acknowledged": 1}


async def test_what_the_law_requires_follows_an_acknowledgement(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Whoever has confirmed gets no reminder, and all the same the letter behind it that is required."""
    steps = ("email:unacknowledged:1", "letter:unacknowledged:24:required")
    made = await journey(store, keys, clock, tmp_path, [ANNA], *steps)
    await made.send()
    async with store.begin() as tx:
        reference = str(await tx.scalar("SELECT reference FROM delivery"))
        await acknowledge(tx, keys, reference=reference, how="support", by="alice", reason="on the phone")
    await made.go(2)
    with pytest.raises(Conflict, match="the law requires is still to come for 1 person"):
        await _close(store)
    await made.go(23)
    assert await made.deliveries() == {ANNA.email: ["email first accepted", "letter first planned"]}


async def test_a_plan_ends_with_the_reason(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Who has no contact point for a step is gone on with, and the reasons are on record."""
    made = await journey(store, keys, clock, tmp_path, [BRUNO, CARLA], "sms:unreached", "letter:unreached")
    made.email.answer(BRUNO.email, DEAD)
    for one in ("+4915155500002", "+4915155500003"):
        made.sms.answer(one, DEAD)
    await made.send()
    await made.go()
    account = await made.go()
    assert await made.skipped() == [(2, "no-contact-point")] * 2
    assert (account.deliveries, account.steps_ahead, account.unaccounted) == ({"rejected": 2}, 0, 0)
    assert [one["reasons"] for one in await made.entries("announcement:step:skipped")] == [
        {"no-contact-point": 2}
    ]


async def test_no_answer_brings_a_reminder_then_the_next_channel(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """After the times of the plan, and not before."""
    made = await journey(
        store,
        keys,
        clock,
        tmp_path,
        [ANNA],
        "email:unacknowledged:48",
        "sms:unacknowledged:24",
        "letter:unreached",
    )
    await made.send()
    for hours, sent in ((47, (1, 0)), (1, (2, 0)), (23, (2, 0)), (1, (2, 1)), (100, (2, 1))):
        await made.go(hours)
        assert (len(made.email.sent), len(made.sms.sent)) == sent
    assert made.email.sent[0].content != made.email.sent[1].content


async def test_what_is_compromised_meanwhile_is_not_used(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """A mark that comes between choosing a contact point and making the delivery still counts."""
    made = await journey(store, keys, clock, tmp_path, [CARLA], "sms:unreached", "letter:unreached")
    known = iter([Compromised()])

    async def matter(_tx: object, _about: object) -> Compromised:
        return next(known, Compromised("p.channel = 'sms'"))

    made.escalation = Escalation(
        store, keys, settings_in(tmp_path, letter=LETTERHEAD), INLINE, matter, monotonic=lambda: 0.0
    )
    await made.go()
    assert (await made.skipped(), made.sms.sent) == ([], [])
    await made.go()
    assert made.sms.sent == []
    assert await made.skipped() == [(1, "compromised"), (2, "no-contact-point")]


@pytest.mark.parametrize(("any_time", "sent"), [("", 0), ("passwords are being used now", 1)])
async def test_texts_wait_for_the_reader_s_day(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, any_time: str, sent: int
) -> None:
    """Between nine in the evening and eight in the morning nobody is texted, unless the plan says why."""
    late = datetime(2026, 3, 2, 23, tzinfo=UTC)
    clock.advance(seconds=(late - clock.now()).total_seconds())
    steps = ("sms:always", "letter:unreached")
    made = await journey(store, keys, clock, tmp_path, [CARLA], *steps, sms_any_time=any_time)
    await made.go()
    assert len(made.sms.sent) == sent
    await made.go(9)
    assert await made.deliveries() == {CARLA.email: ["sms first accepted"]}


async def test_no_step_comes_before_the_start(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """A plan that starts in three days tells nobody before, on no channel; hours count from the start."""
    start = to_instant(clock.now() + timedelta(days=3))
    steps = ("banner:always:1", "sms:unreached", "letter:unreached")
    made = await journey(store, keys, clock, tmp_path, [CARLA], *steps, start=start)
    assert (await made.go(71)).steps_ahead == 1
    assert await made.deliveries() == {CARLA.email: []}
    await made.go(1)
    assert await made.deliveries() == {CARLA.email: ["sms first accepted"]}
    await made.go(1)
    assert (await made.deliveries())[CARLA.email][1:] == ["banner first planned"]


async def test_only_the_canary_is_gone_on_with_while_it_is_awaited(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Until a person lets the others follow, no step tells anybody but the few of the first small wave."""
    steps = ("banner:always", "sms:unreached", "letter:unreached")
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO, CARLA], *steps, canary=1)
    await made.send()
    await made.go()
    told = sorted(len(one) for one in (await made.deliveries()).values())
    assert (told, len(made.email.sent), len(made.sms.sent)) == ([0, 1, 2], 1, 0)
    async with store.begin() as tx:
        code = str(await tx.scalar("SELECT code FROM announcement"))
        await control.resume(tx, code, operator="alice", dispatcher=INLINE)
    await made.send()
    await made.go()
    assert sorted(len(one) for one in (await made.deliveries()).values()) == [2, 2, 2]


async def test_a_number_tells_whose_zone_nobody_has_on_file(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Ten in the morning UTC is the middle of the night in California; nine hours later is not."""
    morning = datetime(2026, 3, 2, 10, tzinfo=UTC)
    clock.advance(seconds=(morning - clock.now()).total_seconds())
    people = [replace(CARLA, phone="+14155550100")]
    made = await journey(
        store, keys, clock, tmp_path, people, "sms:always", "letter:unreached", sms_any_time=""
    )
    await made.go()
    assert made.sms.sent == []
    await made.go(9)
    assert await made.deliveries() == {CARLA.email: ["sms first accepted"]}
    (text,) = made.sms.sent
    assert text.arrives_within == 10 * 3600


def test_texts_alone_do_not_make_a_plan() -> None:
    """A mandatory notice has another way for people without e-mail than SMS."""
    plan = SendPlan.read({"steps": [{"channel": "sms", "when": "unreached"}]})
    with pytest.raises(BadInput, match="only channel"):
        plan.check(people=1, now=0, kind="breach")
    plan.check(people=1, now=0, kind="policy")


async def test_a_corrected_contact_point_is_offered_and_used_once(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Whom nothing reached is told at the new one when somebody decides so; nobody else, and not twice."""
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO], "sms:unreached:500", "letter:unreached")
    made.email.answer(BRUNO.email, DEAD)
    await made.send()
    async with store.begin() as tx:
        assert await resend.offered(tx, made.id) == {"sms": 1}
        code = str(await tx.scalar("SELECT code FROM announcement"))
        number, occasion = await resend.decide(tx, code, "sms", operator="alice", reason="corrected by phone")
    assert await made.escalation.resend(number, "sms", occasion) == 1
    await made.send()
    assert (await made.deliveries())[BRUNO.email] == ["email first rejected", "sms resend-1 accepted"]
    async with store.read() as tx:
        assert await resend.offered(tx, made.id) == {}
    assert await made.escalation.resend(number, "sms", "resend-2") == 0


@pytest.mark.parametrize("other", ["resend", "round"])
async def test_a_resend_beside_another_act_doubles_nothing(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, other: str
) -> None:
    """The worker and two operators in the same moment: each person gets one text, and nobody an error."""
    people = [BRUNO, CARLA]
    steps = "sms:unreached" if other == "round" else "sms:unreached:500"
    made = await journey(store, keys, clock, tmp_path, people, steps, "letter:unreached:900")
    made.email.answer(BRUNO.email, DEAD)
    await made.send()
    async with store.begin() as tx:
        code = str(await tx.scalar("SELECT code FROM announcement"))
        number, occasion = await resend.decide(tx, code, "sms", operator="alice", reason="corrected by phone")
    second = Escalation(store, keys, settings_in(tmp_path, letter=LETTERHEAD), INLINE)
    await asyncio.gather(
        made.escalation.resend(number, "sms", occasion),
        second.round() if other == "round" else second.resend(number, "sms", occasion),
    )
    await made.send()
    assert sorted(one.recipient for one in made.sms.sent) == [BRUNO.phone, CARLA.phone]


async def test_nothing_is_resent_on_a_channel_that_was_not_approved(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """What a channel outside the plan would say nobody has read: it is neither offered nor used."""
    made = await journey(store, keys, clock, tmp_path, [BRUNO])
    made.email.answer(BRUNO.email, DEAD)
    await made.send()
    async with store.begin() as tx:
        assert await resend.offered(tx, made.id) == {}
        code = str(await tx.scalar("SELECT code FROM announcement"))
        with pytest.raises(Refused, match="has no sms"):
            await resend.decide(tx, code, "sms", operator="alice", reason="corrected by phone")


@pytest.mark.parametrize("name", ["sms/breach-notice/en/text.txt", "email/breach-notice/en/subject.txt"])
async def test_a_template_that_changes_on_the_way_is_not_used(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, name: str
) -> None:
    """Nobody reads what nobody has approved: it waits under a hold until the file is put back."""
    text = tmp_path / "templates" / name
    text.parent.mkdir(parents=True)
    shutil.copy(shipped()[-1] / name, text)
    steps = ("banner:always", f"{name.partition('/')[0]}:unacknowledged:1", "letter:unreached")
    made = await journey(store, keys, clock, tmp_path, [ANNA], *steps)
    await made.send()
    await made.escalation.round()
    approved = text.read_text()
    text.write_text("Nobody has approved this.")
    await made.go(2)
    await made.go()
    assert (len(made.email.sent + made.sms.sent), await open_holds(made)) == (1, ["steps"])
    text.write_text(approved)
    await made.go()
    assert (len(made.email.sent + made.sms.sent), await open_holds(made)) == (2, [])


async def test_steps_verify_and_their_loss_shows(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Deliveries of later steps and skipped ones are held against the trail, both ways."""
    log = Log.of(store, tmp_path)
    made = await journey(store, keys, clock, tmp_path, [BRUNO, CARLA], "sms:unreached", "letter:unreached")
    made.sms.answer("+4915155500002", DEAD)
    made.email.answer(BRUNO.email, DEAD)
    await made.send()
    await made.go()
    await made.go()
    await log.sequencer().drain()
    assert _of_steps(await checked(log)) == {}
    await damage(log, "DELETE FROM skipped_step", "UPDATE delivery SET reference = 'X' WHERE step = 1")
    assert _of_steps(await checked(log))["step-differs"] == 2


async def test_whom_a_step_passed_over_cannot_be_exchanged(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The trail commits to each person passed over with their reason, not to their number alone."""
    log = Log.of(store, tmp_path)
    made = await journey(store, keys, clock, tmp_path, [BRUNO, CARLA], "sms:unreached", "letter:unreached")
    made.sms.answer("+4915155500003", DEAD)
    await made.send()
    await made.go()
    await made.go()
    assert len(await made.skipped()) == 1
    await log.sequencer().drain()
    assert _of_steps(await checked(log)) == {}
    other = "(SELECT id FROM audience_member WHERE id NOT IN (SELECT member_id FROM skipped_step))"
    await damage(log, f"UPDATE skipped_step SET member_id = {other}")
    assert _of_steps(await checked(log)) == {"step-differs": 1}


async def test_what_was_closed_with_all_its_steps_verifies(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """It commits to every delivery, of which some people have several; one that changes later is found."""
    log = Log.of(store, tmp_path)
    made = await journey(store, keys, clock, tmp_path, [ANNA, BRUNO], "sms:unreached", "letter:unreached")
    made.email.answer(BRUNO.email, DEAD)
    await made.send()
    await made.go()
    await made.send()
    async with store.begin() as tx:
        code = str(await tx.scalar("SELECT code FROM announcement"))
        assert await closing.close(tx, code, operator="alice") == {"accepted": 2}
    await log.sequencer().drain()
    assert _of_closing(await checked(log)) == {}
    (entry,) = await made.entries("announcement:closed")
    assert (entry["outcomes"], entry["deliveries"]) == (3, {"accepted": 2, "rejected": 1})
    await damage(log, "UPDATE delivery SET state = 'accepted' WHERE state = 'rejected'")
    assert _of_closing(await checked(log)) == {"closing-differs": 1}


def _of_closing(report: Report) -> dict[str, int]:
    return {code: n for code, n in report.counts.items() if code.startswith("closing")}


def _of_steps(report: Report) -> dict[str, int]:
    return {
        code: n for code, n in report.counts.items() if code.startswith(("step", "delivery", "announcement"))
    }


async def _close(store: Store) -> dict[str, int]:
    async with store.begin() as tx:
        code = str(await tx.scalar("SELECT code FROM announcement"))
        return await closing.close(tx, code, operator="alice")
