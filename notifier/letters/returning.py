"""What the mail house says became of letters, taken as receipts like those of any other carrier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.channels.receipts import Receipt
from notifier.keys import Keys
from notifier.receipts.taking import Taken, take
from notifier.store import Store, Transaction

SOURCE = "letter"
_TOGETHER = 500


@dataclass(slots=True)
class Told:
    """What became of the rows of a return file."""

    taken: int = 0
    repeated: int = 0
    parked: int = 0
    """References that this store knows nothing of, or of no printed letter: nobody is concerned for now."""
    moved: int = 0
    not_letters: list[str] = field(default_factory=list)
    """References of notices on other channels: a mail house has nothing to say about those."""


async def take_returns(store: Store, keys: Keys, receipts: Sequence[Receipt], *, operator: str) -> Told:
    """Put what a return file says on record, many rows in a transaction; what is known changes nothing.

    A row is about the latest attempt of its letter. That ``operator`` brought it is on record.
    """
    told = Told()
    for start in range(0, len(receipts), _TOGETHER):
        part = receipts[start : start + _TOGETHER]
        try:
            done, others = await _take(store, keys, part, operator)
        except IntegrityError:  # Another process has just taken the same; now it is known.
            done, others = await _take(store, keys, part, operator)
        told.taken += done.taken
        told.repeated += done.repeated
        told.parked += done.parked
        told.moved += done.moved
        told.not_letters += others
    return told


async def _take(store: Store, keys: Keys, part: Sequence[Receipt], operator: str) -> tuple[Taken, list[str]]:
    async with store.begin() as tx:
        known = await _deliveries(tx, part)
        others = sorted({name for name, row in known.items() if row.channel != "letter"})
        mine = [
            replace(one, attempt=max(1, known[one.reference].attempts) if one.reference in known else 1)
            for one in part
            if one.reference not in others
        ]
        done = await take(tx, keys, SOURCE, mine)
        if done.taken or done.parked:
            facts: dict[str, Json] = {
                "actor": f"operator:{operator}",
                "taken": done.taken,
                "parked": done.parked,
            }
            tx.record(Event(AuditAction.LETTERS_RETURNED, facts))
        return done, others


async def _deliveries(tx: Transaction, part: Sequence[Receipt]) -> dict[str, Row[Any]]:
    """Return channel and number of attempts of what each reference names."""
    rows = await tx.rows(
        f"SELECT n.reference, d.channel, d.attempts FROM {tx.recordset('names', 'v', name='text')}"
        " JOIN notice n ON n.reference = v.name"
        " JOIN delivery d ON d.member_id = n.member_id AND d.notice_id = n.id",
        names=orjson.dumps([{"name": one.reference} for one in part]).decode(),
    )
    return {row.reference: row for row in rows}
