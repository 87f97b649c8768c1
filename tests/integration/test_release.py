"""Approval and release on both databases: who may, what voids it, and what the countdown's end checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from notifier.announcements import announcement
from notifier.approvals import Given, approval, due_people
from notifier.audit.entry import Event
from notifier.engine.planning import plan
from notifier.errors import BadInput, Conflict, NotPermitted, Refused
from notifier.keys import Keys
from notifier.preflight import Preflight
from notifier.release import (
    draft,
    refused,
    release,
    revise,
    start_countdown,
    stop_countdown,
    void_approvals,
)
from notifier.rendering.folders import shipped
from notifier.settings import ApprovalSettings, Settings
from notifier.store import Store
from notifier.testing import FakeClock
from tests.audiences import FACTS, TEXT, Frozen, Someone, crowd, drafted, freeze, rules_of, settings_in
from tests.integration.test_audit_verify import checked, damage
from tests.logs import Log

PEOPLE = 6
enqueue = partial(plan, batch_size=500)


@dataclass
class Case:
    """A preflighted announcement by alice, with its locale approved."""

    store: Store
    keys: Keys
    settings: Settings
    audience: Frozen
    id: int

    async def approve(self, operator: str = "bob", people: int = PEOPLE, reason: str = "") -> Given:
        """Approve as an operator."""
        async with self.store.begin() as tx:
            return await rules_of(self.settings).approve(
                tx, self.id, operator=operator, people=people, alone_reason=reason
            )

    async def countdown(self) -> int:
        """Start the countdown."""
        async with self.store.begin() as tx:
            return await start_countdown(tx, rules_of(self.settings), self.id, operator="bob")

    async def fire(self) -> None:
        """Do what the scheduler does when the countdown ends."""
        async with self.store.begin() as tx:
            await release(tx, rules_of(self.settings), self.id, enqueue)

    async def refuse(self) -> str:
        """Do what the scheduler does after a refusal; returns the hold's reason."""
        async with self.store.begin() as tx:
            await refused(tx, rules_of(self.settings), self.id)
        async with self.store.read() as tx:
            return str(await tx.scalar("SELECT reason FROM hold WHERE kind = 'release'"))

    async def preflight(self) -> None:
        """Make all notices."""
        await Preflight(self.store, self.keys, self.settings).run(self.id)

    async def state(self) -> str:
        """Return the announcement's state."""
        async with self.store.read() as tx:
            return (await announcement(tx, self.id)).state

    async def given(self) -> Given | None:
        """Return the approval that stands."""
        async with self.store.read() as tx:
            return await approval(tx, self.id)

    async def actions(self) -> list[str]:
        """Return all actions on record."""
        async with self.store.read() as tx:
            return [row.action for row in await tx.rows("SELECT action FROM audit_event")]


@pytest.fixture
async def case(store: Store, keys: Keys, tmp_path: Path) -> Case:
    """An announcement that only waits for its approval."""
    settings = settings_in(tmp_path)
    audience = await freeze(store, keys, crowd(PEOPLE))
    made = Case(store, keys, settings, audience, await drafted(store, audience))
    await made.preflight()
    async with store.begin() as tx:
        now = await announcement(tx, made.id)
        await rules_of(settings).approve_locales(tx, now, ["en"], operator="bob")
    return made


async def test_from_draft_to_release_in_one_transaction(case: Case) -> None:
    """Approved, counted down, released: every person has a delivery, and the trail has each step."""
    await case.approve()
    await case.countdown()
    assert await case.state() == "countdown"
    await case.fire()
    assert await case.state() == "released"
    async with case.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM delivery") == PEOPLE
        entry = await tx.scalar("SELECT entry FROM audit_event WHERE action = 'announcement:released'")
    assert b'"approved_by":"bob"' in bytes(entry)
    assert b'"deliveries":6' in bytes(entry)


async def test_the_author_cannot_approve(case: Case) -> None:
    """Whoever wrote it needs a second person, whatever reason they give."""
    with pytest.raises(NotPermitted, match="alice wrote"):
        await case.approve("alice")
    with pytest.raises(NotPermitted):
        await case.approve("alice", reason="nobody else is awake")
    assert await case.state() == "preflighted"


@pytest.mark.parametrize("change", [{"facts": {**FACTS, "brand": "Another"}}, {"plan": {"canary": 2}}])
async def test_whoever_changed_it_cannot_approve_it(case: Case, change: dict[str, Any]) -> None:
    """Who replaces the author's facts or plan is no second person for them, and stays that after others'."""
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="ben", **change)
        await revise(tx, case.id, actor="carol", facts={**FACTS, "brand": "A Third"})
    await case.preflight()
    for writer in ("alice", "ben", "carol"):
        with pytest.raises(NotPermitted, match=f"{writer} wrote"):
            await case.approve(writer)
    assert (await case.approve("bob")).operator == "bob"


async def test_who_wrote_the_facts_cannot_approve_what_another_drafted(case: Case) -> None:
    """Those whose words were taken over are kept with the announcement; changing nothing makes no writer."""
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="bob", facts=FACTS, writers=["dora"])
        assert (await announcement(tx, case.id)).writers == {"alice"}
        await revise(tx, case.id, actor="alice", facts={**FACTS, "brand": "Other"}, writers=["dora"])
        assert (await announcement(tx, case.id)).writers == {"alice", "dora"}
    await case.preflight()
    with pytest.raises(NotPermitted, match="dora wrote"):
        await case.approve("dora")
    assert await case.approve("bob")


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE approval SET operator = 'carol'",
        "UPDATE approval SET people = people + 1",
        "UPDATE approval SET texts_digest = 'other'",
        "UPDATE approval SET alone = true",
        "UPDATE approval SET voided_at = 5, voided_because = 'x'",
        "DELETE FROM approval",
    ],
)
async def test_a_changed_approval_is_found(case: Case, act: str, tmp_path: Path) -> None:
    """Who signed what, for how many, is held against the trail."""
    await case.approve()
    log = Log.of(case.store, tmp_path)
    assert not {"approval-differs", "approval-lost"} & (await checked(log)).counts.keys()
    await damage(log, act)
    found = {code for code in (await checked(log)).counts if code.startswith("approval")}
    if "voided" in act:
        assert found == {"approval-standing"}
    elif "DELETE" in act:
        assert found == {"approval-lost", "approval-standing"}
    else:
        assert found == {"approval-lost", "approval-differs", "approval-standing"}


async def test_a_voided_approval_that_is_revived_is_found(case: Case, tmp_path: Path) -> None:
    """Nothing could be released under it unseen; what changes nothing voids none."""
    await case.approve()
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="alice", facts=FACTS)
    log = Log.of(case.store, tmp_path)
    assert (await case.state(), (await checked(log)).findings) == ("approved", [])
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="alice", facts={**FACTS, "brand": "Other"})
    assert (await case.state(), (await checked(log)).findings) == ("draft", [])
    await damage(log, "UPDATE approval SET voided_at = NULL, voided_because = ''")
    assert set((await checked(log)).counts) == {"approval-standing"}


async def test_an_approval_put_in_another_s_place_is_found(case: Case, tmp_path: Path) -> None:
    """As many stand as the trail says, and not the same: what was released was not signed by that one."""
    await case.approve("bob")
    await case.preflight()
    await case.approve("dora")
    log = Log.of(case.store, tmp_path)
    assert (await checked(log)).findings == []
    await damage(log, "UPDATE approval SET voided_at = CASE WHEN operator = 'bob' THEN NULL ELSE 5 END")
    assert set((await checked(log)).counts) == {"approval-standing"}


async def test_an_approver_whose_words_come_to_nothing_stays_one(case: Case, tmp_path: Path) -> None:
    """Facts made anew from a record that was changed and put back: nothing is revised, the approval stands."""
    await case.approve("bob")
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="alice", facts=FACTS, writers=["alice", "bob", "carol"])
    await case.countdown()
    await case.fire()
    assert (await checked(Log.of(case.store, tmp_path))).findings == []


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("announcement-differs", """UPDATE announcement SET facts = '{"texts": {}}'"""),
        ("announcement-differs", """UPDATE announcement SET plan = '{"waves": 2}'"""),
        ("announcement-differs", "UPDATE announcement SET state = 'cancelled', closed_because = 'x'"),
        ("announcement-differs", "UPDATE announcement SET author = 'ben'"),
        ("announcement-differs", "UPDATE announcement SET drill = NOT drill"),
        ("announcement-differs", "UPDATE announcement SET editors = ' mallory '"),
        ("announcement-unrecorded", "UPDATE announcement SET code = 'OTHER'"),
        ("announcement-lost", "UPDATE announcement SET code = 'OTHER'"),
        ("locale-differs", "UPDATE locale_approval SET operator = 'alice'"),
        ("locale-differs", "UPDATE locale_approval SET digest = 'other'"),
        ("locale-lost", "DELETE FROM locale_approval"),
    ],
)
async def test_changed_words_are_found(case: Case, code: str, act: str, tmp_path: Path) -> None:
    """What is said, when, and who read it is held against the trail."""
    log = Log.of(case.store, tmp_path)
    assert (await checked(log)).findings == []
    await damage(log, act)
    assert code in (await checked(log)).counts


async def test_an_approval_by_somebody_who_wrote_in_it_is_found(case: Case, tmp_path: Path) -> None:
    """Also where the writers were changed to hide it: the trail names them."""
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="alice", facts={**FACTS, "brand": "Other"}, writers=["dora"])
    await case.preflight()
    log = Log.of(case.store, tmp_path)
    await damage(log, "UPDATE announcement SET editors = ''")
    await case.approve("dora")
    assert set((await checked(log)).counts) == {"announcement-differs"}
    await damage(log, "UPDATE announcement SET editors = ' dora '")
    assert set((await checked(log)).counts) == {"approval-by-writer"}


async def test_alone_only_where_allowed_with_a_reason_on_record(case: Case) -> None:
    """The configuration may allow it: a reason is needed, the countdown is longer, the trail says so."""
    case.settings = settings_in(case.settings.home, approval=ApprovalSettings(alone_allowed=True))
    with pytest.raises(BadInput, match="reason"):
        await case.approve("alice", reason="short")
    given = await case.approve("alice", reason="nobody else can be reached tonight")
    assert given.alone
    async with case.store.read() as tx:
        before = await tx.db_now_us()
    assert await case.countdown() - before >= 900_000_000
    async with case.store.read() as tx:
        entries = [bytes(row.entry) for row in await tx.rows("SELECT entry FROM audit_event")]
    assert sum(b'"alone":1' in entry for entry in entries) == 2
    assert not any(b"reached tonight" in entry for entry in entries)


async def test_the_typed_number_must_be_exact(case: Case) -> None:
    """One more or one less than the notices that were made is refused, and says the right number."""
    for wrong in (PEOPLE - 1, PEOPLE + 1, 0):
        with pytest.raises(BadInput, match=f"due a notice: {PEOPLE} people, not"):
            await case.approve(people=wrong)
    assert (await case.approve()).people == PEOPLE


async def test_only_people_with_a_notice_are_counted(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Those set aside, without a channel or excluded are not among the typed number."""
    people = [*crowd(2), Someone("{{x}}", "x@mail.test"), Someone("No One", "n@mail.test", state="excluded")]
    number = await drafted(store, await freeze(store, keys, people))
    await Preflight(store, keys, settings_in(tmp_path)).run(number)
    async with store.read() as tx:
        assert await due_people(tx, number) == 2


async def test_a_draft_cannot_be_approved_nor_an_unapproved_one_released(
    store: Store, keys: Keys, tmp_path: Path, case: Case
) -> None:
    """The order of the steps is kept."""
    number = await drafted(store, case.audience)
    fresh = replace(case, id=number)
    with pytest.raises(Refused, match="not preflighted"):
        await fresh.approve()
    with pytest.raises(Refused, match="not approved"):
        await case.countdown()
    with pytest.raises(Refused, match="nothing to release"):
        await case.fire()


async def test_a_language_that_nobody_approved_is_not_sent(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Each language needs somebody's word on its present template files."""
    facts = {**FACTS, "texts": {"en": TEXT, "de": TEXT}}
    audience = await freeze(store, keys, [Someone("Eva Roth", "e@mail.test", "de"), *crowd(1)])
    case = Case(store, keys, settings_in(tmp_path), audience, await drafted(store, audience, facts=facts))
    _german(tmp_path, "Hallo")
    await case.preflight()
    rules = rules_of(case.settings)
    async with store.begin() as tx:
        now = await announcement(tx, case.id)
        assert await rules.locales_waiting(tx, now) == ["de", "en"]
        await rules.approve_locales(tx, now, ["en"], operator="bob")
    with pytest.raises(Refused, match="texts in de"):
        await case.approve(people=2)
    async with store.begin() as tx:
        assert await rules.approve_locales(tx, now, ["de"], operator="bob") == ["de"]
    await case.approve(people=2)


def _german(home: Path, greeting: str) -> None:
    """Write an installation's own German texts: the English ones with another greeting."""
    source = shipped()[0] / "email"
    for part, name in (
        ("breach-notice/en", "breach-notice/de"),
        ("_base/labels/en.toml", "_base/labels/de.toml"),
    ):
        files = [source / part] if part.endswith(".toml") else (source / part).rglob("*")
        for path in files:
            target = home / "templates" / "email" / name
            if path != source / part:
                target = target / path.relative_to(source / part)
            target.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text()
            target.write_text(
                re.sub(r'^greeting = ".*"$', f'greeting = "{greeting} {{name}},"', text, flags=re.MULTILINE)
            )


async def _change_facts(case: Case) -> None:
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="alice", facts={**FACTS, "next_update": "2026-03-10"})


async def _change_plan(case: Case) -> None:
    async with case.store.begin() as tx:
        await revise(tx, case.id, actor="alice", plan={"canary": 2})


async def _new_preflight(case: Case) -> None:
    await case.preflight()


@pytest.mark.parametrize(
    ("change", "state"),
    [(_change_facts, "draft"), (_change_plan, "preflighted"), (_new_preflight, "preflighted")],
)
async def test_a_change_voids_the_approval(case: Case, change: object, state: str) -> None:
    """Facts, plan or notices made anew: the approval is void, on record, and the release is refused."""
    assert callable(change)
    await case.approve()
    await change(case)
    assert await case.given() is None
    assert await case.state() == state
    assert "announcement:approval:voided" in await case.actions()
    with pytest.raises(Refused):
        await case.countdown()


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("UPDATE announcement SET facts = (SELECT facts FROM announcement WHERE id <> :id)", "the texts"),
        ("UPDATE announcement SET plan = (SELECT plan FROM announcement WHERE id <> :id)", "the plan"),
        ("UPDATE notice SET digest = (SELECT digest FROM notice ORDER BY id LIMIT 1)", "the texts"),
        ("DELETE FROM notice WHERE id = (SELECT min(id) FROM notice)", "the texts"),
    ],
)
async def test_a_change_behind_our_back_is_found_at_the_end_of_the_countdown(
    case: Case, sql: str, what: str
) -> None:
    """Whatever was altered in the database, nothing is planned; a hold tells its owner why."""
    async with case.store.begin() as tx:
        await draft(tx, code="OTHER", kind="breach", notice="breach-notice", audience_id=case.audience.id,
                    facts={"texts": {}}, plan={"canary": 1}, author="alice", drill=False)  # fmt: skip
    await case.approve()
    await case.countdown()
    async with case.store.begin() as tx:
        where = " WHERE id = :id" if sql.startswith("UPDATE announcement") else ""
        await tx.write(sql + where, {"id": case.id})
        tx.record(Event("customers:imported"))
    with pytest.raises(Refused, match=what):
        await case.fire()
    assert what in await case.refuse()
    assert await case.given() is None
    async with case.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM delivery") == 0


async def test_a_changed_template_file_voids_at_release(case: Case) -> None:
    """The files are read anew at the end of the countdown."""
    await case.approve()
    await case.countdown()
    folder = case.settings.home / "templates" / "email" / "breach-notice" / "en"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Another subject")
    with pytest.raises(Refused, match="the texts changed"):
        await case.fire()


async def test_changed_channels_void_at_release(case: Case) -> None:
    """Another sender than the one approved is refused."""
    await case.approve()
    await case.countdown()
    case.settings = settings_in(case.settings.home, email={"from_address": "other@example.com"})
    with pytest.raises(Refused, match="the channels changed"):
        await case.fire()


async def test_an_approval_expires(case: Case, clock: FakeClock) -> None:
    """After its time it neither starts a countdown nor survives one."""
    await case.approve()
    clock.advance(hours=23, minutes=59)
    await case.countdown()
    clock.advance(minutes=1)
    with pytest.raises(Refused, match="expired"):
        await case.fire()
    assert "expired" in await case.refuse()
    assert await case.state() == "preflighted"
    with pytest.raises(Refused):
        await case.countdown()


async def test_a_release_ends_the_hold_of_one_that_was_refused(case: Case, clock: FakeClock) -> None:
    """Once it is out, nobody is alerted any more that it is not."""
    await case.approve()
    clock.advance(hours=23, minutes=59)
    await case.countdown()
    clock.advance(minutes=1)
    assert "expired" in await case.refuse()
    await case.preflight()
    await case.approve()
    await case.countdown()
    await case.fire()
    async with case.store.read() as tx:
        assert await tx.scalar("SELECT ended_by FROM hold WHERE kind = 'release'") == "system"


async def test_a_countdown_can_be_stopped_and_started_again(case: Case) -> None:
    """Stopped, nothing is due any more and the approval stands; stopped to draft, it is void."""
    await case.approve()
    await case.countdown()
    async with case.store.begin() as tx:
        await stop_countdown(tx, case.id, operator="carol")
    assert await case.state() == "approved"
    async with case.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM schedule WHERE next_fire_at IS NOT NULL") == 0
    with pytest.raises(Refused):
        await case.fire()
    await case.countdown()
    async with case.store.begin() as tx:
        await stop_countdown(tx, case.id, operator="carol", to_draft=True)
    assert (await case.state(), await case.given()) == ("draft", None)


async def test_a_released_announcement_can_neither_change_nor_be_stopped(case: Case) -> None:
    """After the release there is no way back through drafts: preflight, revision and stop are refused."""
    await case.approve()
    await case.countdown()
    await case.fire()
    with pytest.raises(Refused):
        await case.preflight()
    with pytest.raises(Refused, match="cannot be changed"):
        await _change_facts(case)
    async with case.store.begin() as tx:
        with pytest.raises(Refused, match="no countdown"):
            await stop_countdown(tx, case.id, operator="bob")
        with pytest.raises(Refused, match="has been used"):
            await void_approvals(tx, case.id, "too late")


@pytest.mark.parametrize(
    ("plan_of", "problem"),
    [
        ({"canary": PEOPLE + 1}, "is too large"),
        ({"waves": 3}, "minutes between"),
        ({"start": 1}, "is past"),
        ({"deadline": 1}, "not after the start"),
        (
            {"waves": 3, "wave_every_minutes": 60, "deadline": 1_772_442_000_000_000 + 3_600_000_000},
            "last wave",
        ),
        ({"window": {"from": "09:00", "to": "09:30"}}, "at least an hour"),
        ({"window": {"from": "25:00", "to": "26:00"}}, "window"),
        ({"speed": 3}, "speed"),
    ],
)
async def test_a_plan_that_cannot_be_carried_out_is_bad_input(
    store: Store, keys: Keys, plan_of: dict[str, object], problem: str
) -> None:
    """It is refused when drafted, and leaves nothing behind."""
    audience = await freeze(store, keys, crowd(PEOPLE))
    with pytest.raises(BadInput, match=problem):
        await drafted(store, audience, plan=plan_of)
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM announcement") == 0


async def test_codes_are_counted_up_and_never_given_twice(store: Store, keys: Keys) -> None:
    """Without a code the audience's gets /A1, /A2; a taken one is a conflict."""
    audience = await freeze(store, keys, crowd(1))
    for number in (1, 2):
        made = await drafted(store, audience)
        async with store.read() as tx:
            assert (await announcement(tx, made)).code == f"INC-2026-001/1/A{number}"
    with pytest.raises(Conflict):
        async with store.begin() as tx:
            await draft(tx, code="INC-2026-001/1/A1", kind="breach", notice="breach-notice",
                        audience_id=audience.id, facts={}, plan={}, author="alice", drill=False)  # fmt: skip
