"""Bring what a file says about known customers into the store, as far as it differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from notifier.customers.adding import POINT, keep_accounts
from notifier.customers.merging import merge, stated_channels
from notifier.customers.sealing import Sealer, opened, ranked
from notifier.customers.values import AccountRole, CustomerRecord
from notifier.keys import Keys, SubjectKey
from notifier.store import Transaction
from notifier.suppressions import hold_for

RETIRED = "no longer in the imported data"
Differing = tuple[CustomerRecord, bytes]


class _Known(NamedTuple):
    """What the store has of one customer. ``points`` are (id, channel, index, rank, state)."""

    id: int
    uid: str
    subject: SubjectKey
    record: CustomerRecord
    fingerprint: bytes
    points: list[tuple[int, str, bytes, int, str]]


class _Changes:
    """The statements' parameters, gathered over a chunk."""

    def __init__(self) -> None:
        self.customers: list[dict[str, Any]] = []
        self.fingerprints: list[dict[str, Any]] = []
        self.new_points: list[tuple[Any, ...]] = []
        self.ranks: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.roles: list[tuple[int, CustomerRecord]] = []
        self.changed = 0
        self.now = 0

    def of_points(self) -> int:
        """Return how many contact points change so far."""
        return len(self.new_points) + len(self.ranks) + len(self.states)


async def change_customers(tx: Transaction, keys: Keys, differing: Sequence[Differing]) -> tuple[int, int]:
    """Compare and write; returns how many customers changed, and how many turned out to be the same.

    Contact points that the file no longer has become ``retired``; none is ever deleted. One that comes
    back is ``usable`` again; a dead or stopped one stays what it is.
    """
    if not differing:
        return 0, 0
    sealer = Sealer(keys)
    known = await _load(tx, keys, [record.number for record, _ in differing])
    changes = _Changes()
    for told, fingerprint in differing:
        changes.now = tx.now_us()
        _compare(sealer, known[told.number], told, fingerprint, changes)
    await _write(tx, changes)
    return changes.changed, len(differing) - changes.changed


def _compare(
    sealer: Sealer, known: _Known, told: CustomerRecord, fingerprint: bytes, changes: _Changes
) -> None:
    merged = merge(known.record, told)
    moved = _compare_points(sealer, known, told, changes)
    if merged.account != known.record.account:
        changes.roles.append((known.id, merged))
    if not moved and _content(merged) == _content(known.record):
        if fingerprint != known.fingerprint:
            changes.fingerprints.append({"id": known.id, "fingerprint": fingerprint})
        return
    changes.changed += 1
    row = sealer.customer(known.subject, known.uid, merged, fingerprint)
    unlink = "guardian" in told.stated and not told.guardian
    changes.customers.append({**row._asdict(), "id": known.id, "now": changes.now, "unlink": unlink})


def _content(record: CustomerRecord) -> tuple[object, ...]:
    return (
        record.name, record.address, record.locale, record.time_zone, record.country, record.region,
        frozenset(record.data_held), record.marks, dict(record.attributes), dict(record.other),
        record.account, record.guardian,
    )  # fmt: skip


def _compare_points(sealer: Sealer, known: _Known, told: CustomerRecord, changes: _Changes) -> bool:
    """Note what must become of the contact points; says whether anything must."""
    before = changes.of_points()
    there = {(channel, index): (key, rank, state) for key, channel, index, rank, state in known.points}
    for rank, point in ranked(told.points):
        value_index, _ = sealer.indexes(point)
        found = there.pop((point.channel, value_index), None)
        if found is None:
            sealed = sealer.point(known.subject, point, rank)
            changes.new_points.append((known.id, *sealed, "usable", ""))
        elif found[2] == "retired":
            changes.states.append({"id": found[0], "rank": rank, "state": "usable", "reason": ""})
        elif found[1] != rank:
            changes.ranks.append({"id": found[0], "rank": rank})
    channels = stated_channels(told)
    for (channel, _), (key, rank, state) in there.items():
        if channel in channels and state == "usable":
            changes.states.append({"id": key, "rank": rank, "state": "retired", "reason": RETIRED})
    return changes.of_points() > before


async def _load(tx: Transaction, keys: Keys, numbers: Sequence[str]) -> dict[str, _Known]:
    source = tx.recordset("numbers", "v", number="text")
    bound = orjson.dumps([{"number": number} for number in numbers]).decode()
    customers = await tx.rows(
        "SELECT c.*, k.wrapped, a.number AS account_number, a.name AS account_name, "
        "g.number AS guardian_number "
        f"FROM {source} JOIN customer c ON c.number = v.number JOIN subject_key k ON k.customer_id = c.id "
        "LEFT JOIN account a ON a.id = c.account_id LEFT JOIN customer g ON g.id = c.guardian_id",
        numbers=bound,
    )
    points: dict[int, list[tuple[int, str, bytes, int, str]]] = {}
    for row in await tx.rows(
        "SELECT p.customer_id, p.id, p.channel, p.value_index, p.rank, p.state "
        f"FROM {source} JOIN customer c ON c.number = v.number JOIN contact_point p ON p.customer_id = c.id",
        numbers=bound,
    ):
        point = (row.id, row.channel, bytes(row.value_index), row.rank, row.state)
        points.setdefault(row.customer_id, []).append(point)
    roles: dict[int, list[str]] = {}
    for row in await tx.rows(
        f"SELECT r.customer_id, r.role FROM {source} JOIN customer c ON c.number = v.number "
        "JOIN account_contact r ON r.customer_id = c.id AND r.account_id = c.account_id ORDER BY r.role",
        numbers=bound,
    ):
        roles.setdefault(row.customer_id, []).append(row.role)
    return {
        row.number: _known(keys, row, points.get(row.id, []), tuple(roles.get(row.id, ())))
        for row in customers
    }


def _known(
    keys: Keys, row: Any, points: list[tuple[int, str, bytes, int, str]], roles: tuple[str, ...]
) -> _Known:
    subject = keys.subject(row.uid, bytes(row.wrapped))
    name, address, other = opened(subject, bytes(row.sealed))
    attributes = row.attributes if isinstance(row.attributes, dict) else orjson.loads(row.attributes)
    record = CustomerRecord(
        number=row.number,
        name=name,
        address=address,
        locale=row.locale,
        time_zone=row.time_zone,
        country=row.country,
        region=row.region,
        data_held=tuple(row.data_held.split()),
        marks=tuple(row.marks.split()),
        attributes=attributes,
        other=other,
        account=AccountRole(row.account_number, row.account_name, roles) if row.account_number else None,
        guardian=row.guardian_number or "",
    )
    return _Known(row.id, row.uid, subject, record, bytes(row.fingerprint), points)


async def _write(tx: Transaction, changes: _Changes) -> None:
    if changes.customers:
        await tx.write(
            "UPDATE customer SET locale = :locale, time_zone = :time_zone, country = :country, "
            "region = :region, "
            "data_held = :data_held, marks = :marks, attributes = :attributes, sealed = :sealed, "
            "place_index = :place_index, fingerprint = :fingerprint, changed_at = :now, "
            "guardian_id = CASE WHEN :unlink THEN NULL ELSE guardian_id END WHERE id = :id",
            changes.customers,
        )
    if changes.fingerprints:
        await tx.write("UPDATE customer SET fingerprint = :fingerprint WHERE id = :id", changes.fingerprints)
    if changes.new_points:
        await tx.insert_many("contact_point", POINT, changes.new_points)
    if changes.ranks:
        await tx.write("UPDATE contact_point SET rank = :rank WHERE id = :id", changes.ranks)
    if changes.states:
        await tx.write(
            "UPDATE contact_point SET rank = :rank, state = :state, state_reason = :reason WHERE id = :id",
            changes.states,
        )
    if changes.new_points or changes.states:
        await hold_for(tx, [row["id"] for row in changes.customers])
    if changes.roles:
        await _write_roles(tx, changes.roles)


async def _write_roles(tx: Transaction, roles: Sequence[tuple[int, CustomerRecord]]) -> None:
    """Let each customer belong to the account of their record, in its roles and no others."""
    accounts = await keep_accounts(tx, [record.account for _, record in roles if record.account])
    await tx.write(
        "UPDATE customer SET account_id = :account WHERE id = :id",
        [{"id": key, "account": accounts[r.account.number] if r.account else None} for key, r in roles],
    )
    await tx.write("DELETE FROM account_contact WHERE customer_id = :id", [{"id": key} for key, _ in roles])
    await tx.insert_many(
        "account_contact",
        ("account_id", "customer_id", "role"),
        [
            (accounts[r.account.number], key, role)
            for key, r in roles
            if r.account
            for role in r.account.roles
        ],
    )
