"""An incident whose notices went out on several channels, for tests of telling people again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from incidents import told
from incidents.announce import announce
from incidents.corrections.acts import Drafted, Order, again
from incidents.corrections.recipients import Cohort
from incidents.freeze import freeze
from incidents.selection import Selection
from incidents.store import Incident, find
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.channels import Outcome, OutcomeKind
from notifier.customers.values import CustomerRecord
from notifier.engine import control
from notifier.engine.planning import plan
from notifier.escalation.rounds import Escalation
from notifier.keys import Keys
from notifier.plans import Step
from notifier.preflight import Preflight
from notifier.settings import Organisation
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import add, affect, declared
from tests.audiences import Frozen, settings_in
from tests.journeys import DEAD, INLINE, LETTERHEAD, Journey

RECORD = b"""
title: Test
data_categories: [email, password-hash]
detected: 2026-03-01T09:12:00+01:00
contact: {email: privacy@example.com, phone: "+44 20 7946 0000"}
next_update: 2026-03-20
texts:
  en:
    summary: Your data was seen.
    what_happened: [It happened.]
    consequences: {"*": [Somebody may write to you.]}
    advice: {"*": [Be careful.]}
    correction: [Our first message was not right in one point.]
"""
HOUSE = Organisation(brand="Acme", verify_address="acme.example/check", time_zone="Europe/Berlin")
SAID = {"en": ["We named the wrong day."]}
NO_NUMBER = Outcome(OutcomeKind.REJECTED, reason="number-unreachable")


@dataclass
class Case:
    """An incident and the announcements about it."""

    store: Store
    keys: Keys
    clock: FakeClock
    home: Path
    incident: Incident
    ids: Mapping[str, int]
    """Customers' ids by number."""
    sent: list[Journey] = field(default_factory=list)

    async def announced(self, *steps: str) -> str:
        """Announce to all who are affected, release it, and return its code."""
        async with self.store.begin() as tx:
            incident = await find(tx, self.incident.code)
            audience = await freeze(tx, self.keys, incident, actor="alice")
            written = {"steps": [Step.read(step).model_dump(mode="json") for step in steps]}
            code = await announce(tx, incident, audience, written, organisation=HOUSE, author="alice")
        await self.release(code)
        return code

    async def release(self, code: str) -> Journey:
        """Make the notices of an announcement and release it; nothing is sent yet."""
        settings = settings_in(self.home, letter=LETTERHEAD)
        async with self.store.read() as tx:
            row = await tx.row("SELECT id, audience_id FROM announcement WHERE code = :code", code=code)
        assert row is not None
        await Preflight(self.store, self.keys, settings, processes=0).run(row.id)
        async with self.store.begin() as tx:
            counts = await plan(tx, row.id, batch_size=500)
            facts = {"announcement": code, "planned": {"deliveries": counts.deliveries}}
            tx.record(Event(AuditAction.ANNOUNCEMENT_RELEASED, facts))
            await tx.write(
                "UPDATE announcement SET state = 'released', released_at = :now WHERE id = :id",
                {"now": tx.now_us(), "id": row.id},
            )
        escalation = Escalation(self.store, self.keys, settings, INLINE, monotonic=lambda: 0.0)
        audience = Frozen(row.audience_id, ())
        made = Journey(self.store, self.keys, self.clock, self.home, row.id, audience, escalation)
        self.sent.append(made)
        return made

    async def send(self, dead: Sequence[str] = (), no_number: Sequence[str] = ()) -> None:
        """Send all that waits, through all steps; ``dead`` mailboxes and numbers refuse it for good."""
        for one in dead:
            self.sent[-1].email.answer(one, DEAD)
        for one in no_number:
            self.sent[-1].sms.answer(one, NO_NUMBER)
        await self.sent[-1].send()
        await self.sent[-1].go()

    async def cancelled(self, code: str) -> None:
        """Stop an announcement."""
        async with self.store.begin() as tx:
            await control.cancel(tx, code, operator="alice", reason="it is wrong")

    async def again(self, about: str, *, kind: str = told.CORRECTION, **more: Any) -> Drafted:
        """Draft what is told again about an announcement, or about the incident."""
        where, numbers = more.pop("where", ""), more.pop("numbers", ())
        cohort = Cohort(numbers, Selection.read(where) if where else None)
        order = Order(kind, about, more.pop("said", SAID), cohort, more)
        async with self.store.begin() as tx:
            return await again(tx, self.keys, order, organisation=HOUSE, author="alice")

    async def deliveries(self, code: str) -> dict[str, str]:
        """Return, by customer number, on which channels an announcement was sent and how it ended."""
        async with self.store.read() as tx:
            rows = await tx.rows(
                "SELECT c.number, d.channel, d.state FROM delivery d JOIN customer c ON c.id = d.customer_id"
                " JOIN announcement n ON n.id = d.announcement_id WHERE n.code = :code ORDER BY d.id",
                code=code,
            )
        found: dict[str, str] = {}
        for row in rows:
            found[row.number] = f"{found.get(row.number, '')} {row.channel} {row.state}".strip()
        return found


async def case(
    store: Store, keys: Keys, clock: FakeClock, home: Path, people: Sequence[CustomerRecord]
) -> Case:
    """Put an incident that affects these people on record."""
    ids = await add(store, keys, people)
    incident = await declared(store, RECORD)
    await affect(store, incident)
    return Case(store, keys, clock, home, incident, ids)
