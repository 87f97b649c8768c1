"""Top-ups after first notices: no update is read before, or without, the notice that it adds to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from incidents.announce import announce
from incidents.errors import StepRefused
from incidents.freeze import freeze
from incidents.lifecycle import Step
from incidents.store import Incident, find, take_step
from notifier.announcements import announcement
from notifier.approvals import due_people
from notifier.audiences import Audience
from notifier.audit.entry import Event
from notifier.channels import Outcome, OutcomeKind
from notifier.engine import control
from notifier.engine.planning import plan
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.preflight import Preflight
from notifier.release import refused, release, start_countdown
from notifier.settings import Settings
from notifier.store import Store
from notifier.testing import ACCEPTED, FakeClock, ScriptedChannel
from tests.affected import RECORD, add, affect, declared, members, person
from tests.audiences import rules_of, settings_in
from tests.integration.test_sending import DEFERRED, run_next, start

WHOLE = RECORD.replace(b"advice:", b'consequences: {"*": [Somebody may write to you.]}, advice:')
READER = "p0@example.com"
REFUSED = Outcome(OutcomeKind.REJECTED, code=550, text="no", reason="refused")
enqueue = partial(plan, batch_size=500)


@dataclass
class Topped:
    """An incident of three people; its first audience, and a top-up with what is new about one of them."""

    store: Store
    keys: Keys
    settings: Settings
    incident: Incident

    async def freeze(self, **more: Any) -> Audience:
        """Freeze who is affected now."""
        async with self.store.begin() as tx:
            incident = await find(tx, self.incident.code)
            return await freeze(tx, self.keys, incident, actor="alice", **more)

    async def draft(self, audience: Audience) -> str:
        """Draft an announcement."""
        async with self.store.begin() as tx:
            incident = await find(tx, self.incident.code)
            house = self.settings.organisation
            return await announce(tx, incident, audience, {}, organisation=house, author="alice")

    async def approve(self, code: str) -> None:
        """Make the notices and have them approved."""
        rules = rules_of(self.settings)
        async with self.store.read() as tx:
            number = (await announcement(tx, code)).id
        await Preflight(self.store, self.keys, self.settings).run(number)
        async with self.store.begin() as tx:
            await rules.approve_locales(tx, await announcement(tx, number), ["en"], operator="bob")
            people = await due_people(tx, number)
            await rules.approve(tx, number, operator="bob", people=people)

    async def count_down(self, code: str) -> None:
        """Start the countdown."""
        async with self.store.begin() as tx:
            number = (await announcement(tx, code)).id
            await start_countdown(tx, rules_of(self.settings), number, operator="bob")

    async def fire(self, code: str) -> None:
        """Do what happens at its end."""
        async with self.store.begin() as tx:
            await release(tx, rules_of(self.settings), (await announcement(tx, code)).id, enqueue)

    async def cancel(self, code: str) -> None:
        """End an announcement."""
        async with self.store.begin() as tx:
            await control.cancel(tx, code, operator="alice", reason="a mistake in it")


@pytest.fixture
async def topped(store: Store, keys: Keys, tmp_path: Path) -> Topped:
    """Everybody listed, nothing frozen yet."""
    await add(store, keys, [person(str(n), f"p{n}@example.com") for n in range(3)])
    made = Topped(store, keys, settings_in(tmp_path), await declared(store, WHOLE))
    await affect(store, made.incident, "number in (0, 1)")
    return made


async def _grown(topped: Topped) -> tuple[str, str]:
    """Draft a first notice and the update of one of the two people; returns both codes."""
    first = await topped.draft(await topped.freeze())
    await affect(topped.store, topped.incident, "number = 0", "health", as_given=True)
    return first, await topped.draft(await topped.freeze())


async def test_an_update_waits_for_the_first_notice(topped: Topped) -> None:
    """It cannot be released before the announcement that it adds to, and can after it."""
    first, update = await _grown(topped)
    await topped.approve(update)
    with pytest.raises(Refused, match=f"{update} goes out after {first}.*1 person") as no:
        await topped.count_down(update)
    assert first in no.value.advice()
    assert "preflight" in no.value.advice()
    await topped.approve(first)
    await topped.count_down(first)
    with pytest.raises(Refused, match="goes out after"):
        await topped.count_down(update)
    await topped.fire(first)
    await topped.count_down(update)
    await topped.fire(update)


async def test_a_top_up_of_new_people_waits_for_nobody(topped: Topped) -> None:
    """People who are in no earlier audience are told at once."""
    await topped.draft(await topped.freeze())
    await affect(topped.store, topped.incident)
    fresh = await topped.draft(await topped.freeze())
    await topped.approve(fresh)
    await topped.count_down(fresh)
    await topped.fire(fresh)


async def test_a_countdown_is_checked_at_its_end(topped: Topped) -> None:
    """An earlier announcement drafted anew meanwhile stops the release, and the hold says why."""
    first, update = await _grown(topped)
    for code in (first, update):
        await topped.approve(code)
    await topped.count_down(first)
    await topped.fire(first)
    await topped.count_down(update)
    async with topped.store.begin() as tx:
        await tx.write("UPDATE announcement SET state = 'draft' WHERE code = :code", {"code": first})
        tx.record(Event("test:drafted"))
    with pytest.raises(Refused, match="goes out after"):
        await topped.fire(update)
    async with topped.store.begin() as tx:
        await refused(tx, rules_of(topped.settings), (await announcement(tx, update)).id)
    async with topped.store.read() as tx:
        assert f"goes out after {first}" in await tx.scalar("SELECT reason FROM hold WHERE kind = 'release'")


async def test_no_update_for_those_never_told(topped: Topped) -> None:
    """The first announcement was cancelled unsent: its update is refused, and the next freeze has everybody."""
    first, update = await _grown(topped)
    await topped.approve(update)
    await topped.cancel(first)
    with pytest.raises(Refused, match="never told: 1 person") as no:
        await topped.count_down(update)
    assert f"cancel {update}" in no.value.advice()
    await topped.cancel(update)
    again = await topped.freeze()
    found = await members(topped.store, again.code)
    assert {number: (one.variant, one.new_categories) for number, one in found.items()} == {
        "0": ("person", ""),
        "1": ("person", ""),
    }


async def test_an_update_of_what_was_cancelled_is_not_drafted(topped: Topped) -> None:
    """It is refused before anybody works on it; the freeze in its place has first notices."""
    first = await topped.draft(await topped.freeze())
    await affect(topped.store, topped.incident, "number = 0", "health", as_given=True)
    second = await topped.freeze()
    await topped.cancel(first)
    with pytest.raises(Refused, match="never told: 1 person") as no:
        await topped.draft(second)
    assert f"--replace {second.code}" in no.value.advice()
    third = await topped.freeze(replace=second.code)
    assert {one.variant for one in (await members(topped.store, third.code)).values()} == {"person"}
    await topped.draft(third)


async def test_an_incident_is_not_closed_over_people_to_be_told(topped: Topped) -> None:
    """On the list, frozen, drafted or cancelled unsent: each is named, with what to type; told, it is closed."""

    async def close() -> None:
        async with topped.store.begin() as tx:
            await take_step(tx, topped.incident.code, Step.CLOSE, actor="alice")

    async with topped.store.begin() as tx:
        for step in (Step.NOTIFY, Step.MONITOR):
            await take_step(tx, topped.incident.code, step, actor="alice")
    with pytest.raises(StepRefused, match="2 people on the list and in no audience"):
        await close()
    audience = await topped.freeze()
    with pytest.raises(StepRefused, match=f"2 people of {audience.code}, which nobody has announced"):
        await close()
    code = await topped.draft(audience)
    async with topped.store.begin() as tx:
        await take_step(tx, topped.incident.code, Step.MONITOR, actor="alice")
    with pytest.raises(StepRefused, match=f"{code} is not released"):
        await close()
    await topped.cancel(code)
    with pytest.raises(StepRefused, match="2 people whose announcement was cancelled"):
        await close()
    again = await topped.draft(audience)
    await topped.approve(again)
    await topped.count_down(again)
    await topped.fire(again)
    async with topped.store.begin() as tx:
        await take_step(tx, topped.incident.code, Step.MONITOR, actor="alice")
    await close()


async def _send(topped: Topped, channel: ScriptedChannel, folder: Path) -> list[str]:
    """Start what is due and hand over all that can be; returns to whom."""
    before = len(channel.sent)
    await start(topped.store)
    while await run_next(topped.store, topped.keys, channel, folder):
        pass
    return sorted(one.recipient for one in channel.sent[before:])


@pytest.mark.parametrize(("then", "state"), [(ACCEPTED, "accepted"), (REFUSED, "suppressed")])
async def test_an_update_waits_for_its_readers_first_notice(
    topped: Topped, clock: FakeClock, tmp_path: Path, then: Outcome, state: str
) -> None:
    """While that is deferred. Accepted, the update follows; refused, it does not, and they come back untold."""
    first, update = await _grown(topped)
    channel = ScriptedChannel({READER: [DEFERRED, DEFERRED, then]})
    for code, reached in ((first, [READER, "p1@example.com"]), (update, [])):
        await topped.approve(code)
        await topped.count_down(code)
        await topped.fire(code)
        assert await _send(topped, channel, tmp_path) == reached
    for _ in range(3):
        clock.advance(minutes=10)
        await _send(topped, channel, tmp_path)
    assert len([one for one in channel.sent if one.recipient == READER]) == (4 if then is ACCEPTED else 3)
    async with topped.store.read() as tx:
        found = await tx.scalar(
            "SELECT d.state FROM delivery d JOIN announcement n ON n.id = d.announcement_id WHERE n.code = :code",
            code=update,
        )
    assert found == state
