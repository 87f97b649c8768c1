"""A public notice for tests: an incident with people, and an installation that may publish about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from incidents.store import Incident, find
from incidents.substitute.acts import Desk
from incidents.substitute.making import Terms
from incidents.substitute.notices import Notice
from notifier.keys import Keys
from notifier.settings import ApprovalSettings, Organisation, Settings, WebSettings
from notifier.store import Store, Transaction
from tests.affected import add, affect, declared, person

RECORD = """
title: A title inside
data_categories: [email]
occurred: {from: 2026-02-27T08:00:00+01:00, to: 2026-02-27T09:30:00+01:00}
detected: 2026-02-28T09:12:00+01:00
contact: {name: Privacy desk, phone: "+1 202-555-0143", email: privacy@example.com}
texts:
  en:
    summary: Your data was copied by a stranger.
    what_happened: [A stranger got into an old server.]
    measures: [We switched the server off.]
    consequences: {"*": [You may get messages from strangers.], password: [Others could sign in as you.]}
    advice: {password: [Set a new password.], "*": [Be careful with messages.]}
  ar:
    summary: نسخ شخص مجهول بياناتكم.
    what_happened: [دخل شخص مجهول إلى خادم قديم.]
    consequences: {"*": [قد تصلكم رسائل من مجهولين.]}
    advice: {"*": [احذروا من الرسائل.]}
internal: {notes: [SECRET-NOTE], ticket: SECRET-TICKET}
"""


def settings(**more: object) -> Settings:
    """An installation in Berlin, without a countdown."""
    made = Settings(
        home=Path("/nonexistent"),
        organisation=Organisation(brand="Nordlicht", time_zone="Europe/Berlin"),
        approval=ApprovalSettings(countdown_seconds=0, alone_countdown_seconds=0),
    )
    return made.model_copy(update=more)


@dataclass(frozen=True)
class House:
    """An incident, and those who act on its public notice."""

    store: Store
    keys: Keys
    incident: Incident
    settings: Settings = field(default_factory=settings)

    def as_public_at(self, address: str) -> House:
        """Return the same house with another public address."""
        return replace(self, settings=settings(web=WebSettings(public_url=address)))

    async def desk(self, tx: Transaction, operator: str) -> Desk:
        """Return the desk of an operator."""
        return Desk(tx, self.settings, await find(tx, self.incident.code), operator)

    async def draft(
        self,
        days: int = 30,
        *,
        law: int = 0,
        later: int = 0,
        count: bool = False,
        locales: tuple[str, ...] = ("ar", "en"),
    ) -> Notice:
        """Draft as alice, to begin today or some days later."""
        async with self.store.begin() as tx:
            zone = ZoneInfo(self.incident.record.time_zone or self.settings.organisation.time_zone)
            first = tx.clock.now().astimezone(zone).date() + timedelta(days=later)
            terms = Terms(first, first + timedelta(days=days), locales, count)
            return await (await self.desk(tx, "alice")).draft(self.keys, terms, law_days=law)

    async def approve(self, digest: str, operator: str = "ben", alone: str = "") -> Notice:
        """Approve as somebody else."""
        async with self.store.begin() as tx:
            return await (await self.desk(tx, operator)).approve(self.keys, digest, alone_reason=alone)

    async def publish(self, operator: str = "alice") -> Notice:
        """Publish what is approved."""
        async with self.store.begin() as tx:
            return await (await self.desk(tx, operator)).publish(self.keys)

    async def withdraw(self, reason: str = "it names the wrong server") -> list[Notice]:
        """Withdraw what is public."""
        async with self.store.begin() as tx:
            return await (await self.desk(tx, "ben")).withdraw(reason)

    async def public(
        self, days: int = 30, *, later: int = 0, locales: tuple[str, ...] = ("ar", "en")
    ) -> Notice:
        """Draft, approve and publish."""
        await self.approve((await self.draft(days, later=later, locales=locales)).digest)
        return await self.publish()


async def house(store: Store, keys: Keys) -> House:
    """Put an incident with three people on record, one of them with a password exposed."""
    await add(store, keys, [person(str(n), f"p{n}@example.com", name=f"Wanda Quill{n}") for n in range(3)])
    incident = await declared(store, RECORD.encode())
    await affect(store, incident)
    await affect(store, incident, "number = 1", "password", as_given=True)
    return House(store, keys, incident)
