"""The acknowledgements of one delivery, held against their audit entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from notifier.acknowledgements.taking import DISCLOSED, REASON_CONTEXT
from notifier.audit.disclosures import proven
from notifier.audit.entry import Disclosure
from notifier.audit.listing import Placed, by_ids
from notifier.clock import from_instant
from notifier.errors import StoreError
from notifier.keys import SubjectKey
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class AcknowledgementTold:
    """One acknowledgement on record. ``proven``: whether its audit entry commits to this very person;
    ``None`` where it discloses nothing or the person is erased; ``reason`` is then empty.
    """

    how: str
    at: datetime
    assurance: str
    counts: bool
    by: str
    reason: str
    entry: str
    leaf_index: int | None
    checkpoint: int | None
    proven: bool | None


async def acknowledgements_of(
    tx: Transaction, subject: SubjectKey | None, delivery_id: int
) -> tuple[AcknowledgementTold, ...]:
    """Return the acknowledgements of one delivery, in the order in which they were taken."""
    rows = await tx.rows(
        "SELECT w.*, c.number FROM acknowledgement w JOIN audience_member m ON m.id = w.member_id"
        " JOIN customer c ON c.id = m.customer_id WHERE w.delivery_id = :id ORDER BY w.id",
        id=delivery_id,
    )
    entries = await by_ids(tx, [row.event_id for row in rows])
    return tuple(_told(row, subject, entries.get(row.event_id)) for row in rows)


def _told(row: Row[Any], subject: SubjectKey | None, entry: Placed | None) -> AcknowledgementTold:
    whose = [Disclosure(DISCLOSED, {"customer": row.number})]
    return AcknowledgementTold(
        how=row.how,
        at=from_instant(row.at),
        assurance=row.assurance,
        counts=bool(row.counts),
        by=row.by,
        reason=_reason(row, subject),
        entry=row.event_id,
        leaf_index=entry.leaf_index if entry else None,
        checkpoint=entry.checkpoint if entry else None,
        proven=None if subject is None else proven(subject, entry, whose),
    )


def _reason(row: Row[Any], subject: SubjectKey | None) -> str:
    if subject is None or row.sealed is None:
        return ""
    try:
        return subject.open(bytes(row.sealed), REASON_CONTEXT).decode()
    except (StoreError, ValueError):
        return ""  # Verification says that it is not what was kept.
