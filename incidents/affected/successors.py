"""An account that nobody is told for: its next role, or whoever was imported since, is told instead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from incidents.actions import IncidentAction
from incidents.affected import rules
from incidents.affected.accounts import ROLES, contacts, stage_contacts, with_records
from incidents.affected.acts import keep_act
from incidents.affected.staging import open_stage, staged_people
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
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    accounts: Collection[int] | None = None,
    *,
    actor: str,
) -> tuple[list[Moved], list[str]]:
    """Have somebody told for those of ``accounts``, or of all, that nobody is told for.

    Returns them, and the numbers of those with nobody left.
    """
    moved, silent = [], []
    await open_stage(tx)
    ids = [one.id for one in await _silenced(tx, incident) if accounts is None or one.id in accounts]
    for account in await with_records(tx, incident, ids):
        role, whom = await contacts(tx, incident, account.id, ORDER)
        if not whom:
            silent.append(account.number)
            continue
        await stage_contacts(tx, keys, incident, account, whom, basis="account: nobody else is told")
        moved.append(Moved(account.number, role, len(whom)))
    if moved:
        await _record(tx, incident, moved, silent, actor=actor)
    return moved, silent


async def silent_accounts(tx: Transaction, incident: Incident) -> int:
    """Count the accounts with affected records that nobody is told for."""
    return len(await _silenced(tx, incident))


async def _silenced(tx: Transaction, incident: Incident) -> list[Any]:
    """Return the accounts with affected records that nobody is told for, by number.

    ``excluded`` says that it had contacts, who are all excluded for a reason.
    """
    return list(
        await tx.rows(
            "SELECT t.id, t.number, EXISTS (SELECT 1 FROM affected a WHERE a.incident_id = :id"
            " AND a.via_account_id = t.id) AS excluded FROM account t WHERE t.id IN"
            " (SELECT r.account_id FROM affected_record r WHERE r.incident_id = :id AND r.settled = '')"
            " AND NOT EXISTS (SELECT 1 FROM affected a WHERE a.incident_id = :id"
            " AND a.via_account_id = t.id AND a.excluded = '') ORDER BY t.number",
            id=incident.id,
        )
    )


async def _record(
    tx: Transaction, incident: Incident, moved: Sequence[Moved], silent: Sequence[str], *, actor: str
) -> None:
    people = (await staged_people(tx)).matched
    what = f"{amount(len(moved), 'account')}: the next role"
    reason = "nobody else is told for them"
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
