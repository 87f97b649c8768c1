"""Where we only process data for an account: its contacts are told, with the records affected.

The account then tells its own people; we do not go past it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from incidents.actions import IncidentAction
from incidents.affected.acts import Counted, keep_act, read_note, require_open
from incidents.affected.criteria import Exposure
from incidents.affected.rules import enforce
from incidents.affected.staging import Staged, note_staged, open_stage, staged_people
from incidents.selection import Selection
from incidents.selection.tree import Everybody
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.categories import ordered
from notifier.customers.values import Role, word_set
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.store import Transaction
from notifier.words import amount

ROLES: tuple[str, ...] = (Role.SECURITY, Role.PRIVACY, Role.OWNER)
EVERY_ACCOUNT = "all"
LISTED_RECORDS = 50


@dataclass(frozen=True, slots=True)
class AccountsTold:
    """Which accounts are told, through how many contacts, about how many records."""

    accounts: int
    records: int
    without_contact: tuple[str, ...]
    """Numbers of accounts that have affected records and nobody to tell: to be repaired."""
    counted: Counted


@dataclass(frozen=True, slots=True)
class _Account:
    id: int
    number: str
    name: str
    records: int
    exposed: tuple[str, ...]


async def for_accounts(
    tx: Transaction,
    keys: Keys,
    incident: Incident,
    numbers: Sequence[str],
    exposure: Exposure,
    *,
    selection: Selection | None = None,
    roles: Sequence[str] = ROLES,
    basis: str,
    actor: str,
) -> AccountsTold:
    """Put the contacts of the accounts on the list, with their account's affected records sealed.

    The affected records are the account's customers whom ``selection`` describes, all of them without one.
    ``numbers`` may be ``all``: every account with affected records. The first of ``roles`` that an account
    has anybody in is told.
    """
    require_open(incident)
    basis = read_note("the basis", basis)
    if unknown := sorted(set(roles) - set(Role)):
        raise BadInput(f"there is no role {unknown[0]!r}", advice=f"There are: {', '.join(Role)}.")
    selection = selection or Selection("everybody", Everybody())
    accounts = await _accounts(tx, numbers, exposure, selection)
    await open_stage(tx)
    without = []
    for account in accounts:
        _role, ids = await contacts(tx, incident, account.id, roles)
        if not ids:
            without.append(account.number)
            continue
        details = {
            "subject": account.name or account.number,
            "records": await _records(tx, account, selection),
            "count": account.records,
        }
        staged = [
            Staged(one, word_set(account.exposed), details=details, via_account_id=account.id) for one in ids
        ]
        await note_staged(tx, keys, incident, staged, exposure, basis=f"account: {basis}")
    counted = await staged_people(tx)
    records = sum(account.records for account in accounts)
    await keep_act(
        tx,
        incident,
        kind="account",
        what=f"{amount(len(accounts), 'account')}: {selection.text}",
        exposed=str(exposure),
        note=basis,
        people=counted.matched,
        actor=actor,
    )
    await enforce(tx, incident, actor=actor)
    tx.record(
        Event(
            IncidentAction.AFFECTED_FOR_ACCOUNT,
            {
                "incident": incident.code,
                "accounts": len(accounts),
                "records": records,
                "contacts": counted.matched,
                "without_contact": len(without),
                "actor": f"operator:{actor}",
            },
        )
    )
    return AccountsTold(len(accounts), records, tuple(without), counted)


async def _accounts(
    tx: Transaction, numbers: Sequence[str], exposure: Exposure, selection: Selection
) -> list[_Account]:
    condition, params = selection.condition(tx.dialect)
    every = EVERY_ACCOUNT in numbers
    named = {f"account_{place}": number for place, number in enumerate(numbers)}
    which = "true" if every else f"a.number IN ({', '.join(f':{name}' for name in named)})"
    rows = await tx.rows(
        f"SELECT a.id, a.number, a.name, s.exposed, count(*) AS records FROM account a"
        f" JOIN (SELECT c.account_id, {exposure.expression('c.data_held')} AS exposed FROM customer c"
        f" WHERE {condition}) AS s ON s.account_id = a.id WHERE {which} AND s.exposed <> ''"
        " GROUP BY a.id, a.number, a.name, s.exposed ORDER BY a.id",
        **params,
        **({} if every else named),
    )
    found: dict[int, _Account] = {}
    for row in rows:
        before = found.get(row.id)
        exposed = (*(before.exposed if before else ()), *row.exposed.split())
        records = row.records + (before.records if before else 0)
        found[row.id] = _Account(row.id, row.number, row.name, records, ordered(exposed))
    if missing := [] if every else set(numbers) - {account.number for account in found.values()}:
        raise BadInput(
            f"unknown, or without affected records: {amount(len(missing), 'account')}",
            advice="Check their numbers and the selection; nothing was changed.",
        )
    if not found:
        raise BadInput("no account has affected records", advice="Check the selection.")
    return list(found.values())


async def contacts(
    tx: Transaction, incident: Incident, account_id: int, roles: Sequence[str]
) -> tuple[str, list[int]]:
    """Return the first of ``roles`` that the account has anybody in to be told, and who that is.

    Whoever is excluded, in person or as a contact, is passed over.
    """
    rows = await tx.rows(
        "SELECT t.role, t.customer_id FROM account_contact t JOIN customer c ON c.id = t.customer_id"
        " WHERE t.account_id = :id AND c.marks NOT LIKE '% deceased %' AND c.marks NOT LIKE '% minor %'"
        " AND NOT EXISTS (SELECT 1 FROM affected a WHERE a.incident_id = :incident"
        " AND a.customer_id = t.customer_id AND a.excluded <> '') ORDER BY t.customer_id",
        id=account_id,
        incident=incident.id,
    )
    for role in roles:
        if ids := [row.customer_id for row in rows if row.role == role]:
            return role, ids
    return "", []


async def _records(tx: Transaction, account: _Account, selection: Selection) -> list[str]:
    """Return the numbers of the affected records, and how many more there are, in no language."""
    condition, params = selection.condition(tx.dialect)
    rows = await tx.rows(
        f"SELECT c.number FROM customer c WHERE c.account_id = :account AND {condition}"
        f" ORDER BY c.id LIMIT {LISTED_RECORDS}",
        account=account.id,
        **params,
    )
    listed = [row.number for row in rows]
    more = account.records - len(listed)
    return [*listed, f"+ {more}"] if more > 0 else listed
