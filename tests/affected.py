"""Customers and an incident for tests about who is affected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from incidents import records
from incidents import store as incident_store
from incidents.affected.criteria import Exposure, by_criteria
from incidents.lifecycle import Step
from incidents.selection import Selection
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.customers.adding import add_customers
from notifier.customers.chunks import NewCustomer
from notifier.customers.normalise import emails, phones
from notifier.customers.sealing import Sealer
from notifier.customers.values import AccountRole, ContactPoint, CustomerRecord
from notifier.keys import Keys
from notifier.store import Store

RECORD = b"""
title: Test
data_categories: [email, password-hash]
detected: 2026-03-01T09:12:00+01:00
contact: {email: privacy@example.com}
next_update: 2026-03-20
texts:
  en: {summary: Your data was seen., what_happened: [It happened.], advice: {"*": [Be careful.]}}
internal: {notes: [SECRET-NOTE], systems: [SECRET-SYSTEM], ticket: SECRET-TICKET}
"""


def person(number: str, *addresses: str, **more: Any) -> CustomerRecord:
    """Describe a customer; addresses with an @ are e-mail, others phones."""
    points: list[ContactPoint] = [
        emails.email(one) if "@" in one else phones.phone(one, "", []) for one in addresses
    ]
    more.setdefault("name", f"Name {number}")
    if isinstance(account := more.get("account"), tuple):
        more["account"] = AccountRole(account[0], account[1], tuple(account[2:]))
    return CustomerRecord(number=number, points=tuple(points), **more)


async def add(store: Store, keys: Keys, people: Iterable[CustomerRecord]) -> dict[str, int]:
    """Bring customers into the store; returns their ids by number. Guardians come before their wards."""
    sealer, people = Sealer(keys), list(people)
    async with store.begin() as tx:
        new = []
        for one in people:
            row, wrapped, points = sealer.new(one, sealer.fingerprint(one), tx.now_us())
            new.append(NewCustomer(row, wrapped, points, one.account))
        ids = dict(zip((one.number for one in people), await add_customers(tx, new, "import"), strict=True))
        for one in people:
            if one.guardian:
                await tx.write(
                    "UPDATE customer SET guardian_id = :guardian WHERE id = :id",
                    {"guardian": ids[one.guardian], "id": ids[one.number]},
                )
        tx.record(Event("customers:imported", {"rows": len(people)}))
    return ids


async def declared(store: Store, record: bytes = RECORD) -> Incident:
    """Put a declared incident on record."""
    async with store.begin() as tx:
        code = await incident_store.declare(tx, records.read(record), actor="alice")
        for step in (Step.ASSESS, Step.DECLARE):
            await incident_store.take_step(tx, code, step, actor="alice")
        return await incident_store.find(tx, code)


async def affect(
    store: Store, incident: Incident, where: str = "everybody", exposed: str = "", **more: Any
) -> Any:
    """Put people on the list by criteria."""
    async with store.begin() as tx:
        exposure = Exposure.read(exposed, incident, as_given=more.pop("as_given", False))
        return await by_criteria(
            tx, incident, Selection.read(where), exposure, basis="the log", actor="alice", **more
        )


async def members(store: Store, code: str) -> dict[str, Any]:
    """Return an audience's members by customer number."""
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT c.number, m.* FROM audience_member m JOIN audience u ON u.id = m.audience_id"
            " JOIN customer c ON c.id = m.customer_id WHERE u.code = :code ORDER BY m.id",
            code=code,
        )
    return {row.number: row for row in rows}


async def listed(store: Store, incident: Incident) -> dict[str, tuple[str, ...]]:
    """Return the data categories exposed, by customer number."""
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT c.number, a.categories FROM affected a JOIN customer c ON c.id = a.customer_id"
            " WHERE a.incident_id = :id ORDER BY a.id",
            id=incident.id,
        )
    return {row.number: tuple(row.categories.split()) for row in rows}


async def entries(store: Store, action: str) -> list[dict[str, Any]]:
    """Return the data of the audit entries of one action."""
    async with store.read() as tx:
        rows: Sequence[Any] = await tx.rows(
            "SELECT entry FROM audit_event WHERE action = :action ORDER BY id", action=action
        )
    return [orjson.loads(bytes(row.entry))["data"] for row in rows]
