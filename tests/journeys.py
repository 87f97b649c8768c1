"""A released announcement with a channel plan, for tests of what follows the first e-mail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.channels import Channel, Outcome, OutcomeKind
from notifier.channels.sms.zones import zones_of
from notifier.engine import batches
from notifier.engine.dispatch import InlineDispatcher
from notifier.engine.flow import Flow
from notifier.engine.loading import Loader, Policy
from notifier.engine.planning import plan
from notifier.engine.reckoning import Account, reckon
from notifier.engine.schedule import fire_due
from notifier.engine.sending import BatchRun
from notifier.engine.spill import Spill
from notifier.escalation.rounds import Escalation
from notifier.keys import Keys
from notifier.plans import Step
from notifier.preflight import Preflight
from notifier.settings import LetterSettings, SendingSettings, Settings
from notifier.store import Store, Transaction
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.audiences import Frozen, Someone, drafted, freeze, settings_in
from tests.fates import FatedChannel

DEAD = Outcome(OutcomeKind.REJECTED, code=550, enhanced="5.1.1", reason="address-dead")
INLINE = InlineDispatcher(workers=1)
SENDING = SendingSettings(concurrency=10)
LETTERHEAD = LetterSettings(
    sender_name="Example Company",
    sender_street="Beispielweg 1",
    sender_postal_code="50667",
    sender_city="Köln",
)


@dataclass
class Journey:
    """The people of one announcement, on their way."""

    store: Store
    keys: Keys
    clock: FakeClock
    folder: Path
    id: int
    audience: Frozen
    escalation: Escalation
    email: ScriptedChannel = field(default_factory=ScriptedChannel)
    sms: ScriptedChannel = field(default_factory=ScriptedChannel)
    fated: dict[str, FatedChannel] = field(default_factory=dict)
    """Carriers that decide by lot, in place of the scripted ones."""

    async def send(self) -> None:
        """Fire what is due and hand over all that waits."""
        await fire_due(self.store, release=_never, refused=_never, dispatcher=INLINE)
        carriers: dict[str, Channel] = {**self.fated} or {"email": self.email, "sms": self.sms}
        for name, channel in carriers.items():
            async with channel:
                while await self._send_batch(name, channel):
                    pass

    async def _send_batch(self, name: str, channel: Channel) -> bool:
        lease = await batches.claim(
            self.store, worker="w", drill=False, lease_us=15_000_000, quarantine_us=0, channels=[name]
        )
        if lease is None:
            return False
        spill = Spill(self.folder)
        policy = Policy(hold_unknown=False, unknown_most=9)
        loader = Loader(self.store, self.keys, self, policy, zones_of if name == "sms" else None)
        run = BatchRun(
            store=self.store, lease=lease, loader=loader, channel=channel, spill=spill, settings=SENDING,
            flow=Flow(10), dispatcher=INLINE, stop=lambda: False,
        )  # fmt: skip
        await run.run()
        spill.close()
        return True

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Complete a message, as a finisher does."""
        return world.PlainFinisher().finish(message, date, kept)

    def return_path(self, reference: str, attempt: int) -> str:
        """Name an attempt by its reference."""
        return f"{reference}-{attempt}@bounces.example.com"

    async def go(self, hours: float = 0) -> Account:
        """Let time pass, then everybody have their next steps, and send them; returns the account."""
        self.clock.advance(hours=hours)
        await self.escalation.round()
        await self.send()
        return await self.account()

    async def account(self) -> Account:
        """Count everybody."""
        async with self.store.read() as tx:
            return await reckon(tx, self.id)

    async def deliveries(self) -> dict[str, list[str]]:
        """Return what was sent to each person, by their e-mail address: channel, occasion and state."""
        numbers = {number: email for email, number in self.audience.subjects.items()}
        found: dict[str, list[str]] = {email: [] for email in self.audience.subjects}
        async with self.store.read() as tx:
            for row in await tx.rows(
                "SELECT customer_id, channel, occasion, state FROM delivery ORDER BY id"
            ):
                found[numbers[row.customer_id]].append(f"{row.channel} {row.occasion} {row.state}")
        return found

    async def skipped(self) -> list[tuple[int, str]]:
        """Return the steps that were skipped, with the reasons."""
        async with self.store.read() as tx:
            rows = await tx.rows("SELECT step, reason FROM skipped_step ORDER BY member_id, step")
        return [(row.step, row.reason) for row in rows]

    async def entries(self, action: str) -> list[dict[str, object]]:
        """Return what entries of one kind say."""
        async with self.store.read() as tx:
            rows = await tx.rows("SELECT entry FROM audit_event WHERE action = :a ORDER BY at", a=action)
        return [json.loads(bytes(row.entry))["data"] for row in rows]


async def _never(_tx: Transaction, _announcement: int) -> None:
    raise AssertionError


async def journey(
    store: Store,
    keys: Keys,
    clock: FakeClock,
    home: Path,
    people: Sequence[Someone],
    *steps: str,
    seed: int | None = None,
    sms_any_time: str = "test",
    **plan_more: object,
) -> Journey:
    """Release an announcement to ``people`` whose plan has these later steps; nothing is sent yet.

    ``plan_more`` are further fields of the plan.
    """
    settings: Settings = settings_in(home, letter=LETTERHEAD)
    audience = await freeze(store, keys, people)
    planned = [Step.read(step).model_dump(mode="json") for step in steps]
    number = await drafted(store, audience, plan={"steps": planned, **_hours(sms_any_time), **plan_more})
    await Preflight(store, keys, settings, processes=0).run(number)
    async with store.begin() as tx:
        counts = await plan(tx, number, batch_size=500)
        code = await tx.scalar("SELECT code FROM announcement WHERE id = :id", id=number)
        facts = {"announcement": code, "planned": {"deliveries": counts.deliveries}}
        tx.record(Event(AuditAction.ANNOUNCEMENT_RELEASED, facts))
        await tx.write(
            "UPDATE announcement SET state = 'released', released_at = :now WHERE id = :id",
            {"now": tx.now_us(), "id": number},
        )
    escalation = Escalation(store, keys, settings, INLINE, monotonic=lambda: 0.0)
    made = Journey(store, keys, clock, home, number, audience, escalation)
    if seed is not None:
        made.fated = {
            name: FatedChannel(name, seed, home / f"{name}.taken") for name in ("email", "sms", "letter")
        }
    return made


def _hours(any_time: str) -> dict[str, object]:
    return {"sms_window": None, "sms_any_time": any_time} if any_time else {}
