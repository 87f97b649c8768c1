"""Parked receipts: reports about no hand-over that we know of. They change nothing about anybody.

What proves nothing may come from anybody. A report that names a hand-over is matched by itself once that is
on record; for the others an operator looks who is meant, matches them by hand, or sets them aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.clock import from_instant, to_instant
from notifier.keys import Keys
from notifier.store import Transaction

CONTEXT = b"receipt"
_COLUMNS = (
    *("source", "key", "kind", "reference", "attempt", "carrier_id", "occurred_at", "received_at", "code"),
    *("enhanced", "reason", "sealed", "state", "settled_by", "settled_at"),
)
_NAMED = 100
"""Of many parked at once, so many are named on the trail by their keys."""
_MATCHABLE = (
    "SELECT * FROM parked_receipt WHERE id IN ("
    " SELECT p.id FROM parked_receipt p JOIN notice n ON n.reference = p.reference"
    " JOIN delivery d ON d.member_id = n.member_id AND d.notice_id = n.id"
    " WHERE p.state = 'parked' AND p.reference <> '' AND p.attempt BETWEEN 1 AND d.attempts"
    " UNION SELECT p.id FROM parked_receipt p"
    " JOIN attempt t ON t.carrier_id = p.carrier_id AND t.carrier_id <> ''"
    " WHERE p.state = 'parked' AND p.reference = ''"
    ") AND id > :after ORDER BY id LIMIT :limit"
)
"""What ``finding.places`` would find a hand-over for."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked report, opened."""

    id: int
    source: str
    received_at: datetime
    receipt: Receipt


async def park(tx: Transaction, keys: Keys, source: str, receipts: Sequence[Receipt]) -> None:
    """Keep reports about nobody we know."""
    if not receipts:
        return
    await _insert(tx, keys, source, receipts, settled=False)
    facts: dict[str, Json] = {
        "source": source,
        "count": len(receipts),
        "reports": [one.key for one in receipts[:_NAMED]],
    }
    tx.record(Event(AuditAction.RECEIPTS_PARKED, facts))


async def keep(tx: Transaction, keys: Keys, source: str, receipts: Sequence[Receipt]) -> None:
    """Remember by their keys reports that have had their effect and are about no hand-over; nothing of whom
    they name is kept. The caller records what they did.
    """
    plain = [replace(one, address="", text="") for one in receipts]
    await _insert(tx, keys, source, plain, settled=True)


async def _insert(
    tx: Transaction, keys: Keys, source: str, receipts: Sequence[Receipt], *, settled: bool
) -> None:
    house, now = keys.house(), tx.now_us()
    state = ("matched", "system", now) if settled else ("parked", "", None)
    await tx.insert_many(
        "parked_receipt",
        _COLUMNS,
        [
            (
                *(source, one.key, str(one.kind), one.reference, one.attempt, one.carrier_id),
                *(None if one.occurred_at is None else to_instant(one.occurred_at), now),
                *(one.code, one.enhanced, one.reason),
                house.seal(orjson.dumps({"address": one.address, "text": one.text}), CONTEXT),
                *state,
            )
            for one in receipts
        ],
    )


async def waiting(tx: Transaction, keys: Keys, *, after: int = 0, limit: int = 100) -> list[Parked]:
    """Return parked reports, the oldest first."""
    rows = await tx.rows(
        "SELECT * FROM parked_receipt WHERE state = 'parked' AND id > :after ORDER BY id LIMIT :limit",
        after=after,
        limit=limit,
    )
    return [_open(keys, row) for row in rows]


async def matchable(tx: Transaction, keys: Keys, *, after: int = 0, limit: int = 100) -> list[Parked]:
    """Return the parked reports whose hand-overs are on record by now, the oldest first; opens no other."""
    rows = await tx.rows(_MATCHABLE, after=after, limit=limit)
    return [_open(keys, row) for row in rows]


async def find(tx: Transaction, keys: Keys, number: int) -> Parked | None:
    """Return one report that is still parked."""
    row = await tx.row("SELECT * FROM parked_receipt WHERE id = :id AND state = 'parked'", id=number)
    return None if row is None else _open(keys, row)


async def settle(tx: Transaction, numbers: Sequence[int], *, state: str, by: str) -> None:
    """Note that reports are parked no more: ``matched`` or ``set-aside``. The caller records why."""
    await tx.write(
        "UPDATE parked_receipt SET state = :state, settled_at = :now, settled_by = :by"
        f" WHERE state = 'parked' AND id IN (SELECT v.id FROM {tx.recordset('ids', 'v', id='bigint')})",
        {
            "state": state,
            "now": tx.now_us(),
            "by": by,
            "ids": orjson.dumps([{"id": one} for one in numbers]).decode(),
        },
    )


def _open(keys: Keys, row: Row[Any]) -> Parked:
    named: Mapping[str, Any] = orjson.loads(keys.house().open(bytes(row.sealed), CONTEXT))
    receipt = Receipt(
        kind=ReceiptKind(row.kind),
        key=row.key,
        reference=row.reference,
        attempt=row.attempt,
        carrier_id=row.carrier_id,
        address=str(named.get("address", "")),
        occurred_at=None if row.occurred_at is None else from_instant(row.occurred_at),
        code=row.code,
        enhanced=row.enhanced,
        reason=row.reason,
        text=str(named.get("text", "")),
    )
    return Parked(row.id, row.source, from_instant(row.received_at), receipt)
