"""Bring new customers into the store, many in a few statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from notifier.customers.chunks import NewCustomer
from notifier.customers.values import AccountRole
from notifier.store import Transaction
from notifier.suppressions import hold_for

_CUSTOMER = (
    "id",
    "uid",
    "number",
    "locale",
    "time_zone",
    "country",
    "region",
    "data_held",
    "marks",
    "attributes",
    "sealed",
    "place_index",
    "fingerprint",
    "account_id",
    "created_at",
    "changed_at",
    "origin",
)
POINT = (
    "customer_id",
    "channel",
    "rank",
    "sealed",
    "value_index",
    "folded_index",
    "site",
    "state",
    "state_reason",
)


async def known_fingerprints(tx: Transaction, numbers: Sequence[str]) -> dict[str, bytes]:
    """Return the fingerprints of the customers with these numbers."""
    source = tx.recordset("numbers", "v", number="text")
    rows = await tx.rows(
        f"SELECT c.number, c.fingerprint FROM {source} JOIN customer c ON c.number = v.number",
        numbers=orjson.dumps([{"number": number} for number in numbers]).decode(),
    )
    return {row.number: bytes(row.fingerprint) for row in rows}


async def add_customers(tx: Transaction, customers: Sequence[NewCustomer], origin: str) -> list[int]:
    """Add customers with their keys, contact points and account roles; returns their ids."""
    if not customers:
        return []
    accounts = await keep_accounts(tx, [each.account for each in customers if each.account])
    ids = await _reserve(tx, len(customers))
    now = tx.now_us()
    tail = (now, now, origin)
    await tx.insert_many(
        "customer",
        _CUSTOMER,
        (
            (key, *row, accounts[account.number] if account else None, *tail)
            for key, (row, _, _, account) in zip(ids, customers, strict=True)
        ),
    )
    await tx.insert_many(
        "subject_key", ("customer_id", "wrapped"), zip(ids, (each.wrapped for each in customers), strict=True)
    )
    await tx.insert_many(
        "contact_point",
        POINT,
        (
            (key, *point, "usable", "")
            for key, each in zip(ids, customers, strict=True)
            for point in each.points
        ),
    )
    await tx.insert_many(
        "account_contact",
        ("account_id", "customer_id", "role"),
        (
            (accounts[each.account.number], key, role)
            for key, each in zip(ids, customers, strict=True)
            if each.account
            for role in each.account.roles
        ),
    )
    await hold_for(tx, ids)
    return ids


async def keep_accounts(tx: Transaction, accounts: Iterable[AccountRole]) -> dict[str, int]:
    """Add accounts that are not known, rename those whose name has changed; returns ids by number."""
    names: dict[str, str] = {}
    for account in accounts:
        names[account.number] = account.name or names.get(account.number, "")
    if not names:
        return {}
    source = tx.recordset("accounts", "v", number="text", name="text")
    bound = orjson.dumps([{"number": number, "name": name} for number, name in names.items()]).decode()
    await tx.write(
        f"INSERT INTO account (number, name, country) SELECT v.number, v.name, '' FROM {source} WHERE true "
        "ON CONFLICT (number) DO UPDATE SET name = excluded.name "
        "WHERE excluded.name <> '' AND account.name <> excluded.name",
        {"accounts": bound},
    )
    rows = await tx.rows(
        f"SELECT a.number, a.id FROM {source} JOIN account a ON a.number = v.number", accounts=bound
    )
    return {row.number: row.id for row in rows}


async def _reserve(tx: Transaction, count: int) -> list[int]:
    """Return ids that nobody else will use: SQLite's writer is alone, PostgreSQL has a sequence."""
    if tx.dialect == "sqlite":
        top = int(await tx.scalar("SELECT coalesce(max(id), 0) FROM customer"))
        return list(range(top + 1, top + 1 + count))
    rows = await tx.rows(
        "SELECT nextval(pg_get_serial_sequence('customer', 'id')) "
        "FROM generate_series(1, CAST(:count AS integer))",
        count=count,
    )
    return [int(row[0]) for row in rows]
