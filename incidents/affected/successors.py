"""An account whose contacts have all been excluded: who is in its next role is told instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from incidents.actions import IncidentAction
from incidents.affected import rules
from incidents.affected.accounts import ROLES, contacts
from incidents.affected.acts import keep_act
from incidents.affected.criteria import Exposure
from incidents.affected.details import open_details
from incidents.affected.staging import Staged, note_staged, open_stage, staged_people
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.customers.values import Role
from notifier.keys import Keys
from notifier.store import Transaction
from notifier.words import amount

ORDER = (*ROLES, Role.BILLING)
"""The roles that an account's notice goes through; billing is asked only where nobody else is left."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An account's notice that goes to another role."""

    account: str
    role: str
    people: int


async def succeed(
    tx: Transaction, keys: Keys, incident: Incident, accounts: Sequence[int], *, actor: str
) -> tuple[list[Moved], list[str]]:
    """Have the next role told for those of ``accounts`` that nobody is told for any more.

    Returns them, and the numbers of those with nobody left.
    """
    moved, silent = [], []
    await open_stage(tx)
    for row in await _silenced(tx, incident, accounts):
        role, ids = await contacts(tx, incident, row.account_id, ORDER)
        details = await open_details(tx, keys, {row.customer_id: row.sealed}) if ids else {}
        if not details:
            silent.append(row.number)
            continue
        exposure = Exposure(tuple(row.categories.split()), "given")
        staged = [Staged(one, "", True, details[row.customer_id], row.account_id) for one in ids]
        await note_staged(tx, keys, incident, staged, exposure, basis=row.basis)
        moved.append(Moved(row.number, role, len(ids)))
    if moved:
        await _record(tx, incident, moved, silent, actor=actor)
    return moved, silent


async def silent_accounts(tx: Transaction, incident: Incident) -> int:
    """Count the accounts that were to be told and whose contacts are all excluded."""
    return len(await _silenced(tx, incident))


async def _silenced(tx: Transaction, incident: Incident, accounts: Sequence[int] | None = None) -> list[Any]:
    """Return accounts with nobody left to be told, each with what one of its contacts was to be told."""
    rows = await tx.rows(
        "SELECT t.number, a.via_account_id AS account_id, a.customer_id, a.categories, a.basis, a.sealed"
        " FROM affected a JOIN account t ON t.id = a.via_account_id WHERE a.id IN"
        " (SELECT max(b.id) FROM affected b WHERE b.incident_id = :id AND b.via_account_id <> 0"
        " GROUP BY b.via_account_id HAVING count(CASE WHEN b.excluded = '' THEN 1 END) = 0)"
        " ORDER BY t.number",
        id=incident.id,
    )
    return [row for row in rows if accounts is None or row.account_id in accounts]


async def _record(
    tx: Transaction, incident: Incident, moved: Sequence[Moved], silent: Sequence[str], *, actor: str
) -> None:
    people = (await staged_people(tx)).matched
    what = f"{amount(len(moved), 'account')}: the next role"
    reason = "all earlier contacts are excluded"
    await keep_act(tx, incident, kind="account", what=what, note=reason, people=people, actor=actor)
    await rules.enforce(tx, incident, actor=actor)
    tx.record(
        Event(
            IncidentAction.AFFECTED_CONTACT_SUCCEEDED,
            {
                "incident": incident.code,
                "accounts": len(moved),
                "contacts": people,
                "without_contact": len(silent),
                "actor": f"operator:{actor}",
            },
        )
    )
