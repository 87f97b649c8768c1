"""Where we only process data for an account: its contacts are told, with the records affected.

The account then tells its own people; we do not go past it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from incidents.actions import IncidentAction
from incidents.affected.acts import Counted, keep_act, read_note, require_open
from incidents.affected.criteria import Exposure
from incidents.affected.departed import gone
from incidents.affected.details import known_details, since
from incidents.affected.rules import enforce
from incidents.affected.staging import Staged, note_staged, open_stage, staged_people
from incidents.affected.words import union
from incidents.selection import Selection
from incidents.selection.tree import Everybody
from incidents.silence import LEFT
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.categories import ordered
from notifier.customers.values import Role, word_set
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.notices import LISTED_RECORDS, listed
from notifier.store import Transaction
from notifier.words import amount

ROLES: tuple[str, ...] = (Role.SECURITY, Role.PRIVACY, Role.OWNER)
EVERY_ACCOUNT = "all"
_UNION = union("affected_record.categories", "excluded.categories")


@dataclass(frozen=True, slots=True)
class AccountsTold:
    """Which accounts are told, through how many contacts, about how many records."""

    accounts: int
    records: int
    without_contact: tuple[str, ...]
    """Numbers of accounts that have affected records and nobody to tell: to be repaired."""
    counted: Counted


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its affected records, over all acts of the incident."""

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

    The affected records are the account's customers whom ``selection`` describes, all of them without one;
    they add up over all acts. An account with nobody to tell is kept, and told once it has a contact.
    ``numbers`` may be ``all``: every account with affected records. The first of ``roles`` that an account
    has anybody in is told.
    """
    require_open(incident)
    basis = read_note("the basis", basis)
    if unknown := sorted(set(roles) - set(Role)):
        raise BadInput(f"there is no role {unknown[0]!r}", advice=f"There are: {', '.join(Role)}.")
    selection = selection or Selection("everybody", Everybody())
    ids, grown = await _note_records(tx, incident, numbers, exposure, selection)
    await gone(tx, incident, grown)
    accounts = await with_records(tx, incident, ids)
    await open_stage(tx)
    without = []
    for account in accounts:
        _role, whom = await contacts(tx, incident, account.id, roles)
        if whom:
            await stage_contacts(tx, keys, incident, account, whom, basis=f"account: {basis}")
        else:
            without.append(account.number)
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


async def _note_records(
    tx: Transaction, incident: Incident, numbers: Sequence[str], exposure: Exposure, selection: Selection
) -> tuple[list[int], list[int]]:
    """Add the records that ``selection`` describes to those known; returns the ids of their accounts, and of
    those with more of them now.
    """
    condition, params = selection.condition(tx.dialect)
    every = EVERY_ACCOUNT in numbers
    named = {f"account_{place}": number for place, number in enumerate(numbers)}
    which = "true" if every else f"a.number IN ({', '.join(f':{name}' for name in named)})"
    params = {**params, **({} if every else named)}
    source = (
        "SELECT * FROM (SELECT a.id AS account_id, a.number, c.id AS customer_id,"
        f" {exposure.expression('c.data_held')} AS categories FROM customer c"
        f" JOIN account a ON a.id = c.account_id WHERE {which} AND {condition}) AS s WHERE s.categories <> ''"
    )
    found = await tx.rows(f"SELECT DISTINCT s.account_id AS id, s.number FROM ({source}) AS s", **params)
    if missing := [] if every else set(numbers) - {row.number for row in found}:
        raise BadInput(
            f"unknown, or without affected records: {amount(len(missing), 'account')}",
            advice="Check their numbers and the selection; nothing was changed.",
        )
    if not found:
        raise BadInput("no account has affected records", advice="Check the selection.")
    more = await tx.write_returning(
        "INSERT INTO affected_record (incident_id, account_id, customer_id, categories, settled)"
        " SELECT :incident, s.account_id, s.customer_id, s.categories, ''"
        f" FROM ({source}) AS s WHERE true ON CONFLICT (incident_id, account_id, customer_id) DO UPDATE"
        f" SET categories = {_UNION}, settled = '' WHERE affected_record.categories <> {_UNION}"
        " RETURNING account_id",
        {**params, "incident": incident.id},
    )
    return [row.id for row in found], sorted({row.account_id for row in more})


async def with_records(tx: Transaction, incident: Incident, ids: Collection[int]) -> list[Account]:
    """Return these accounts with what is known of their affected records, over all acts."""
    source = tx.recordset("accounts", "v", id="bigint")
    rows = await tx.rows(
        "SELECT a.id, a.number, a.name, r.categories, count(*) AS records FROM affected_record r"
        f" JOIN account a ON a.id = r.account_id JOIN {source} ON v.id = a.id WHERE r.incident_id = :incident"
        " GROUP BY a.id, a.number, a.name, r.categories ORDER BY a.id",
        incident=incident.id,
        accounts=orjson.dumps([{"id": one} for one in ids]).decode(),
    )
    found: dict[int, Account] = {}
    for row in rows:
        before = found.get(row.id)
        exposed = (*(before.exposed if before else ()), *row.categories.split())
        records = row.records + (before.records if before else 0)
        found[row.id] = Account(row.id, row.number, row.name, records, ordered(exposed))
    return list(found.values())


async def stage_contacts(
    tx: Transaction, keys: Keys, incident: Incident, account: Account, whom: Sequence[int], *, basis: str
) -> None:
    """Note that these contacts are told about the account's records."""
    details = {
        "subject": account.name or account.number,
        "records": await _records(tx, incident, account),
        "count": account.records,
    }
    exposure = Exposure(account.exposed, "given")
    known = await known_details(tx, keys, incident, whom, via_account_id=account.id)
    exposed = word_set(account.exposed)
    staged = [
        Staged(one, exposed, details=_more(known.get(one), details), via_account_id=account.id)
        for one in whom
    ]
    await note_staged(tx, keys, incident, staged, exposure, basis=basis)


def _more(before: Mapping[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """Return ``now``, or nothing where it has nothing new: another name of the account is not."""
    return now if before is None or since(before, now).details["records_new"] else {}


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
        " AND a.customer_id = t.customer_id AND a.excluded NOT IN ('', :left)) ORDER BY t.customer_id",
        id=account_id,
        incident=incident.id,
        left=LEFT,
    )
    for role in roles:
        if ids := [row.customer_id for row in rows if row.role == role]:
            return role, ids
    return "", []


async def _records(tx: Transaction, incident: Incident, account: Account) -> list[str]:
    """Return the numbers of the affected records, and how many more there are, in no language."""
    rows = await tx.rows(
        "SELECT c.number FROM affected_record r JOIN customer c ON c.id = r.customer_id"
        " WHERE r.incident_id = :incident AND r.account_id = :account"
        f" ORDER BY c.number LIMIT {LISTED_RECORDS}",
        incident=incident.id,
        account=account.id,
    )
    return listed([row.number for row in rows], account.records)
