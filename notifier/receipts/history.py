"""The receipts of one delivery, opened with the person's key and held against their audit entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.audit.disclosures import proven
from notifier.audit.entry import Disclosure
from notifier.audit.listing import Placed, by_ids
from notifier.clock import from_instant
from notifier.errors import StoreError
from notifier.keys import SubjectKey
from notifier.receipts.parking import CONTEXT
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class ReceiptTold:
    """One report. ``proven``: whether its audit entry commits to this very address and text; ``None`` where
    it discloses nothing or the person is erased.
    """

    source: str
    kind: str
    attempt: int
    occurred_at: datetime | None
    received_at: datetime
    code: int
    enhanced: str
    reason: str
    address: str
    text: str
    became: str
    """The state that the delivery took with it; empty if it changed none."""
    entry: str
    leaf_index: int | None
    checkpoint: int | None
    proven: bool | None
    unreadable: bool


async def receipts_of(tx: Transaction, subject: SubjectKey | None, delivery_id: int) -> list[ReceiptTold]:
    """Return what was reported about a delivery, in the order in which it came."""
    rows = await tx.rows("SELECT * FROM receipt WHERE delivery_id = :id ORDER BY id", id=delivery_id)
    entries = await by_ids(tx, [row.event_id for row in rows])
    return [_told(row, subject, entries.get(row.event_id)) for row in rows]


def _told(row: Row[Any], subject: SubjectKey | None, entry: Placed | None) -> ReceiptTold:
    named: Mapping[str, Any] = {}
    unreadable = False
    if subject is not None and row.sealed is not None:
        try:
            named = orjson.loads(subject.open(bytes(row.sealed), CONTEXT))
        except (StoreError, ValueError):
            unreadable = True
    return ReceiptTold(
        source=row.source,
        kind=row.kind,
        attempt=row.attempt,
        occurred_at=None if row.occurred_at is None else from_instant(row.occurred_at),
        received_at=from_instant(row.received_at),
        code=row.code,
        enhanced=row.enhanced,
        reason=row.reason,
        address=str(named.get("address", "")),
        text=str(named.get("text", "")),
        became=row.became,
        entry=row.event_id,
        leaf_index=entry.leaf_index if entry else None,
        checkpoint=entry.checkpoint if entry else None,
        proven=_proven(subject, entry, named),
        unreadable=unreadable,
    )


def _proven(subject: SubjectKey | None, entry: Placed | None, named: Mapping[str, Any]) -> bool | None:
    if subject is None:
        return None
    found = proven(subject, entry, [Disclosure("report", named)])
    return False if found is None and named else found
