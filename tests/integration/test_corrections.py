"""Corrections on both databases: exactly those who got the wrong version, where they got it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from incidents import told
from incidents.accounting import accounts
from incidents.affected.exclusion import exclude
from incidents.corrections.acts import Order, again
from incidents.corrections.unaffect import unaffect
from incidents.errors import NothingNew, StepRefused
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import find
from incidents.trail import CHECKS
from incidents.untold import check as check_closing
from notifier.announcements import announcement
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.audit.high_water import HighWater
from notifier.audit.verify import verify
from notifier.channels import Outcome, OutcomeKind
from notifier.customers.correcting import correct
from notifier.errors import BadInput, Refused
from notifier.escalation.resend import decide, offered_to
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import affect, entries, members, person
from tests.corrections import HOUSE, SAID, Case, case
from tests.logs import Log

WITH_TEXTS = ("sms:unreached", "letter:unreached")


@pytest.fixture
async def wrong(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Case:
    """Anna got it by e-mail, Bruno by text, Carla not at all; nothing more goes out."""
    made = await case(
        store,
        keys,
        clock,
        tmp_path,
        [
            person("anna", "anna@mail.test", locale="en"),
            person("bruno", "bruno@mail.test", "+4915112345671", locale="en"),
            person("carla", "carla@mail.test", locale="en"),
        ],
    )
    code = await made.announced(*WITH_TEXTS)
    await made.send(dead=["bruno@mail.test", "carla@mail.test"])
    await made.cancelled(code)
    return made


FIRST = "/1/A1"


async def test_it_goes_to_exactly_those_who_got_it_where_they_got_it(wrong: Case) -> None:
    """By e-mail to whom an e-mail went, by text to whom a text went, to nobody else."""
    first = wrong.incident.code + FIRST
    assert await wrong.deliveries(first) == {
        "anna": "email accepted",
        "bruno": "email rejected sms accepted",
        "carla": "email rejected",
    }
    made = await wrong.again(first)
    found = await members(wrong.store, made.audience.code)
    assert {number: (one.state, one.reason) for number, one in found.items()} == {
        "anna": ("due", ""),
        "bruno": ("needs-channel", "told-another-way"),
    }
    assert [f"{one['channel']}:{one['when']}" for one in made.plan["steps"]] == [
        "sms:as-before",
        "letter:unreached",
    ]
    await wrong.release(made.announcement)
    await wrong.send()
    assert await wrong.deliveries(made.announcement) == {"anna": "email accepted", "bruno": "sms accepted"}


async def test_the_facts_say_what_was_wrong(wrong: Case) -> None:
    """The text that is given goes before the prepared one; the corrected announcement is named."""
    first = wrong.incident.code + FIRST
    made = await wrong.again(first, said={}, numbers=("anna",))
    async with wrong.store.read() as tx:
        facts = (await announcement(tx, made.announcement)).facts
    assert (facts["kind"], facts["corrects"]) == ("correction", first)
    assert facts["texts"]["en"]["correction"] == ["Our first message was not right in one point."]
    other = await wrong.again(first, numbers=("bruno",))
    async with wrong.store.read() as tx:
        facts = (await announcement(tx, other.announcement)).facts
    assert facts["texts"]["en"]["correction"] == ["We named the wrong day."]
    assert set(facts["told"]) == {"from", "to"}


async def test_nobody_is_corrected_twice(wrong: Case) -> None:
    """One cohort after the other until nobody is left; a cancelled correction may be made anew."""
    first = wrong.incident.code + FIRST
    one = await wrong.again(first, where="number = anna")
    two = await wrong.again(first)
    assert list(await members(wrong.store, one.audience.code)) == ["anna"]
    assert list(await members(wrong.store, two.audience.code)) == ["bruno"]
    with pytest.raises(NothingNew, match="already"):
        await wrong.again(first)
    await wrong.cancelled(one.announcement)
    assert list(await members(wrong.store, (await wrong.again(first)).audience.code)) == ["anna"]


async def test_a_correction_is_corrected_like_any_other(wrong: Case) -> None:
    """Who got the correction, and nobody else."""
    made = await wrong.again(wrong.incident.code + FIRST, numbers=("anna",))
    await wrong.release(made.announcement)
    await wrong.send()
    await wrong.cancelled(made.announcement)
    second = await wrong.again(made.announcement)
    assert list(await members(wrong.store, second.audience.code)) == ["anna"]


async def test_what_still_goes_out_is_not_corrected(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Nor what nobody has got yet: that is changed, or stopped first."""
    made = await case(store, keys, clock, tmp_path, [person("a", "a@mail.test", locale="en")])
    code = await made.announced()
    with pytest.raises(Refused, match="still goes out"):
        await made.again(code)
    made.sent[-1].email.answer("a@mail.test", Outcome(OutcomeKind.UNKNOWN, reason="no-answer"))
    await made.send()
    with pytest.raises(Refused, match="in doubt, for 1 person"):
        await made.again(code)
    made.sent[-1].email.answer("a@mail.test", Outcome(OutcomeKind.ACCEPTED))
    clock.advance(hours=1)
    await made.send()
    correction = await made.again(code)
    with pytest.raises(Refused, match="nobody has got it"):
        await made.again(correction.announcement)
    assert (await entries(store, "incident:correction:drafted"))[0]["corrects"] == code


async def test_what_was_wrong_is_not_sent_again(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Whose address is corrected after the correction gets what is known now, by the next freeze."""
    people = [person("a", "a@mail.test", locale="en"), person("b", "b@mail.test", locale="en")]
    made = await case(store, keys, clock, tmp_path, people)
    code = await made.announced()
    await made.send(dead=["b@mail.test"])
    correction = await made.again(code)
    async with store.begin() as tx:
        done = await correct(tx, keys, "b", {"email": "bb@example.com"}, learned="call", actor="alice")
        assert await offered_to(tx, done.customer) == []
        with pytest.raises(Refused, match=f"corrected by {correction.announcement}"):
            await decide(tx, code, "email", operator="alice", reason="corrected")
    assert list(await members(store, (await _freeze(made)).code)) == ["b"]
    await made.cancelled(correction.announcement)
    async with store.begin() as tx:
        await decide(tx, code, "email", operator="alice", reason="it was right")


async def test_what_came_back_is_corrected_at_the_new_address(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """It may have been read; the address that is on file now is used, and only that."""
    made = await case(
        store, keys, clock, tmp_path,
        [person("a", "old@mail.test", locale="en"), person("b", "b@mail.test", locale="en")],
    )  # fmt: skip
    code = await made.announced()
    await made.send()
    async with store.begin() as tx:
        await tx.write("UPDATE delivery SET state = 'bounced' WHERE state = 'accepted'")
        await tx.write(
            "UPDATE contact_point SET state = 'dead' WHERE customer_id = :id", {"id": made.ids["a"]}
        )
        await tx.write(
            "INSERT INTO contact_point (customer_id, channel, rank, sealed, value_index, folded_index, site,"
            " state, state_reason) SELECT customer_id, channel, 1, sealed, :new, :new, site, 'usable', ''"
            " FROM contact_point WHERE customer_id = :id",
            {"new": b"another", "id": made.ids["a"]},
        )
        tx.record(Event("test:address"))
    found = await members(store, (await made.again(code)).audience.code)
    assert {number: one.state for number, one in found.items()} == {"a": "due", "b": "due"}
    async with store.read() as tx:
        rank = await tx.scalar(
            "SELECT rank FROM contact_point WHERE id = :id", id=found["a"].contact_point_id
        )
    assert rank == 1


async def _exclude(made: Case, number: str) -> None:
    async with made.store.begin() as tx:
        incident = await find(tx, made.incident.code)
        await exclude(tx, made.keys, incident, numbers=[number], reason="told in person", actor="alice")


async def _freeze(made: Case) -> Audience:
    async with made.store.begin() as tx:
        return await freeze(tx, made.keys, await find(tx, made.incident.code), actor="alice")


async def test_who_was_corrected_counts_as_told_with_what_is_known_now(wrong: Case) -> None:
    """A later top-up has neither of the two again, until more of their data turns out to be exposed."""
    await affect(wrong.store, wrong.incident, "number in (anna, bruno)", "health", as_given=True)
    made = await wrong.again(wrong.incident.code + FIRST)
    assert list(await members(wrong.store, (await _freeze(wrong)).code)) == ["carla"]
    await wrong.release(made.announcement)
    await wrong.send()
    with pytest.raises(NothingNew):
        await _freeze(wrong)
    await affect(wrong.store, wrong.incident, "number = anna", "location", as_given=True)
    found = await members(wrong.store, (await _freeze(wrong)).code)
    assert {number: one.new_categories.split() for number, one in found.items()} == {"anna": ["location"]}


async def test_the_excluded_are_members_and_told_nothing(wrong: Case) -> None:
    """They got it, and stand in the count with the reason."""
    await _exclude(wrong, "anna")
    made = await wrong.again(wrong.incident.code + FIRST)
    found = await members(wrong.store, made.audience.code)
    assert (found["anna"].state, found["anna"].reason, made.excluded) == ("excluded", "told in person", 1)


async def test_an_order_that_breaks_off_leaves_nothing(wrong: Case) -> None:
    """Audience, announcement and entries come together or not at all."""
    order = Order(told.CORRECTION, wrong.incident.code + FIRST, SAID)

    async def broken() -> None:
        async with wrong.store.begin() as tx:
            await again(tx, wrong.keys, order, organisation=HOUSE, author="alice")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await broken()
    async with wrong.store.read() as tx:
        left = await tx.scalar("SELECT count(*) FROM audience WHERE kind = 'correction'")
    assert (left, await entries(wrong.store, "incident:correction:drafted")) == (0, [])


async def test_bad_orders_change_nothing(wrong: Case) -> None:
    """An incident is not corrected as a whole, strangers are no cohort, each language needs its text."""
    first = wrong.incident.code + FIRST
    with pytest.raises(BadInput, match="not an incident"):
        await wrong.again(wrong.incident.code)
    with pytest.raises(BadInput, match="not among those who got it: 1 number"):
        await wrong.again(first, numbers=("carla",))
    with pytest.raises(NothingNew, match="nobody of those"):
        await wrong.again(first, where="number = carla")
    with pytest.raises(BadInput, match="nothing says what is new in en"):
        await wrong.again(wrong.incident.code, kind=told.UPDATE, said={})


async def test_an_update_goes_to_all_who_were_told(wrong: Case) -> None:
    """By whatever announcement about the incident; one at a time."""
    made = await wrong.again(wrong.incident.code, kind=told.UPDATE)
    assert list(await members(wrong.store, made.audience.code)) == ["anna", "bruno"]
    with pytest.raises(Refused, match="not released yet"):
        await wrong.again(wrong.incident.code, kind=told.UPDATE)
    await wrong.release(made.announcement)
    await wrong.send()
    assert await wrong.deliveries(made.announcement) == {"anna": "email accepted", "bruno": "sms accepted"}


async def _unaffect(made: Case, *numbers: str) -> int:
    async with made.store.begin() as tx:
        incident = await find(tx, made.incident.code)
        done = await unaffect(
            tx, made.keys, incident, numbers=numbers, reason="the log was misread", actor="alice"
        )
    return done.told


async def _parts(made: Case) -> dict[str, dict[str, int]]:
    async with made.store.read() as tx:
        found = await accounts(tx, await find(tx, made.incident.code), settled_hours=0)
    assert found.unaccounted == 0
    return found.parts


async def test_only_those_who_were_told_hear_that_it_is_not_them(wrong: Case) -> None:
    """Whoever was never told is told nothing; a correction has none of them; all stand in the count."""
    assert await _unaffect(wrong, "anna", "carla") == 1
    assert (await _parts(wrong))["not-affected"] == {
        "nothing to tell": 1,
        "told before, not yet told so": 1,
    }
    with pytest.raises(StepRefused, match="not yet told that they are not: 1 person"):
        async with wrong.store.read() as tx:
            await check_closing(tx, wrong.incident.code, wrong.incident.id)
    made = await wrong.again(wrong.incident.code, kind=told.NOT_AFFECTED, said={})
    found = await members(wrong.store, made.audience.code)
    assert {number: (one.state, one.categories) for number, one in found.items()} == {"anna": ("due", "")}
    assert list(
        await members(wrong.store, (await wrong.again(wrong.incident.code + FIRST)).audience.code)
    ) == ["bruno"]
    with pytest.raises(NothingNew):
        await wrong.again(wrong.incident.code, kind=told.NOT_AFFECTED)
    await wrong.release(made.announcement)
    await wrong.send()
    assert (await _parts(wrong))["not-affected"] == {"nothing to tell": 1, "told so": 1}


async def test_what_waits_for_them_is_not_sent(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Neither the e-mail nor the next step of the plan."""
    people = [
        person("a", "a@mail.test", "+4915112345671", locale="en"),
        person("b", "b@mail.test", locale="en"),
    ]
    made = await case(store, keys, clock, tmp_path, people)
    code = await made.announced(*WITH_TEXTS)
    assert await _unaffect(made, "a") == 0
    await made.send()
    assert await made.deliveries(code) == {"a": "email suppressed", "b": "email accepted"}


async def test_the_readmitted_are_told_as_if_for_the_first_time(wrong: Case) -> None:
    """That they were told before counts no more, once they were told that it is not them."""
    await _unaffect(wrong, "anna")
    made = await wrong.again(wrong.incident.code, kind=told.NOT_AFFECTED, said={})
    await wrong.release(made.announcement)
    await wrong.send()
    async with wrong.store.begin() as tx:
        incident = await find(tx, wrong.incident.code)
        await exclude(
            tx, wrong.keys, incident, selection=Selection.read("number = anna"), reason="they are",
            readmit=True, actor="alice",
        )  # fmt: skip
    found = await members(wrong.store, (await _freeze(wrong)).code)
    assert (found["anna"].state, found["anna"].new_categories) == ("due", "")


async def _checked(log: Log) -> list[str]:
    memory = HighWater(log.high_water.path.with_name("seen"), log.key.verifier)
    report = await verify(log.store, log.key.verifier, high_water=log.high_water, memory=memory, also=CHECKS)
    return [one.code for one in report.findings]


async def test_verification_compares_what_is_corrected(wrong: Case, tmp_path: Path) -> None:
    """An announcement that claims to correct another one than was recorded is found."""
    made = await wrong.again(wrong.incident.code + FIRST)
    log = Log.of(wrong.store, tmp_path)
    await log.sequencer().drain()
    assert "correction-differs" not in await _checked(log)
    async with wrong.store.read() as tx:
        facts = dict((await announcement(tx, made.announcement)).facts) | {"corrects": "another"}
    cast = "CAST(:facts AS jsonb)" if wrong.store.dialect == "postgresql" else ":facts"
    async with wrong.store.begin() as tx:
        await tx.write(
            f"UPDATE announcement SET facts = {cast} WHERE code = :code",
            {"facts": json.dumps(facts), "code": made.announcement},
        )
        tx.record(Event("test:damage"))
    assert "correction-differs" in await _checked(log)
