"""An account that nobody is told for: its next role, or whoever was imported since, is told instead."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from incidents.actions import IncidentAction
from incidents.affected import rules
from incidents.affected.accounts import ROLES, contacts, stage_contacts, with_records
from incidents.affected.acts import keep_act
from incidents.affected.departed import part
from incidents.affected.staging import open_stage, staged_people
from incidents.silence import silent
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
    moved, without = [], []
    await part(tx, incident, actor=actor)
    await open_stage(tx)
    waiting = {
        one.id: ORDER if one.excluded else ROLES
        for one in await silent(tx, incident.id)
        if accounts is None or one.id in accounts
    }
    for account in await with_records(tx, incident, waiting):
        role, whom = await contacts(tx, incident, account.id, waiting[account.id])
        if not whom:
            without.append(account.number)
            continue
        await stage_contacts(tx, keys, incident, account, whom, basis="account: nobody else is told")
        moved.append(Moved(account.number, role, len(whom)))
    if moved:
        await _record(tx, incident, moved, without, actor=actor)
    return moved, without


async def silent_accounts(tx: Transaction, incident: Incident) -> int:
    """Count the accounts with affected records that nobody is told for."""
    return len(await silent(tx, incident.id))


async def _record(
    tx: Transaction, incident: Incident, moved: Sequence[Moved], without: Sequence[str], *, actor: str
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
                "without_contact": len(without),
                "actor": f"operator:{actor}",
            },
        )
    )
