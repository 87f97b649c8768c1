"""Which delivery a receipt is about, and what has to be known of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Row

from notifier.audit.entry import Json
from notifier.channels.receipts import Receipt
from notifier.deliveries import OPEN, State
from notifier.errors import StoreError
from notifier.keys import Keys, SubjectKey
from notifier.store import Transaction


class Place(NamedTuple):
    """The hand-over that a receipt is about."""

    delivery_id: int
    attempt: int


@dataclass(slots=True)
class About:
    """A delivery that receipts are about; ``state`` moves with them."""

    id: int
    reference: str
    member: str
    code: str
    """The announcement's."""
    announcement_id: int
    contact_point_id: int
    channel: str
    attempts: int
    closed: bool
    """Whether its announcement is."""
    was: State
    state: State
    subject: SubjectKey | None
    """``None`` once the person is erased, or where their row is damaged."""

    def facts(self) -> dict[str, Json]:
        """Return what each entry about the delivery says."""
        return {"announcement": self.code, "delivery": self.reference, "member": self.member}


async def unknown(tx: Transaction, source: str, receipts: Iterable[Receipt]) -> list[Receipt]:
    """Return each report once, without those that are on record or parked already."""
    single = {one.key: one for one in receipts}
    wanted = tx.recordset("keys", "v", key="text")
    known: set[str] = set()
    for table in ("receipt", "parked_receipt"):
        # SQLite keeps to the order of a CROSS JOIN. Else it may begin with all reports of a source, which
        # are ever more, and look for each of them among the few.
        rows = await tx.rows(
            f"SELECT t.key FROM {wanted} CROSS JOIN {table} t WHERE t.source = :source AND t.key = v.key",
            source=source,
            keys=orjson.dumps([{"key": key} for key in single]).decode(),
        )
        known.update(row.key for row in rows)
    return [one for key, one in single.items() if key not in known]


async def named(tx: Transaction, references: Iterable[str]) -> dict[str, Row[Any]]:
    """Return the ``id`` and ``attempts`` of the delivery that each reference names, by reference."""
    rows = await tx.rows(
        f"SELECT n.reference, d.id, d.attempts FROM {tx.recordset('names', 'v', name='text')}"
        " JOIN notice n ON n.reference = v.name"
        " JOIN delivery d ON d.member_id = n.member_id AND d.notice_id = n.id",
        names=_names(references),
    )
    return {row.reference: row for row in rows}


async def places(tx: Transaction, receipts: Collection[Receipt]) -> dict[str, Place]:
    """Return by its key what each receipt is about. A hand-over that the store does not know of is none:
    the store may be an older copy.
    """
    deliveries = await named(tx, {one.reference for one in receipts if one.reference})
    carried = {one.carrier_id for one in receipts if one.carrier_id and not one.reference}
    attempts = {
        row.carrier_id: Place(row.delivery_id, row.number)
        for row in await tx.rows(
            f"SELECT t.carrier_id, t.delivery_id, t.number FROM {tx.recordset('names', 'v', name='text')}"
            " JOIN attempt t ON t.carrier_id = v.name AND t.carrier_id <> ''",
            names=_names(carried),
        )
    }
    found = {}
    for one in receipts:
        row = deliveries.get(one.reference)
        if row is not None and 0 < one.attempt <= row.attempts:
            found[one.key] = Place(row.id, one.attempt)
        elif not one.reference and one.carrier_id in attempts:
            found[one.key] = attempts[one.carrier_id]
    return found


async def lost_answers(tx: Transaction, places: Iterable[Place]) -> set[Place]:
    """Return those of the hand-overs whose answers are on record as lost."""
    wanted = orjson.dumps([place._asdict() for place in set(places)]).decode()
    rows = await tx.rows(
        "SELECT t.delivery_id, t.number"
        f" FROM {tx.recordset('places', 'v', delivery_id='bigint', attempt='bigint')}"
        " JOIN attempt t ON t.delivery_id = v.delivery_id AND t.number = v.attempt"
        " WHERE t.outcome = 'unknown'",
        places=wanted,
    )
    return {Place(row.delivery_id, row.number) for row in rows}


async def still_open(tx: Transaction, ids: Iterable[int]) -> set[int]:
    """Return those of the deliveries that have not ended. Whoever has ended never opens again by itself."""
    rows = await tx.rows(
        f"SELECT d.id, d.state FROM {tx.recordset('ids', 'v', id='bigint')} JOIN delivery d ON d.id = v.id",
        ids=orjson.dumps([{"id": one} for one in set(ids)]).decode(),
    )
    return {row.id for row in rows if row.state in OPEN}


async def deliveries(tx: Transaction, keys: Keys, ids: Iterable[int]) -> dict[int, About]:
    """Return deliveries, locked until the end of the transaction.

    Their announcements are locked before them, as by whoever cancels or closes one.
    """
    wanted = orjson.dumps([{"id": one} for one in sorted(ids)]).decode()
    source = tx.recordset("ids", "v", id="bigint")
    share, update = (" FOR SHARE", " FOR UPDATE OF d") if tx.dialect == "postgresql" else ("", "")
    announced = {
        row.id: row
        for row in await tx.rows(
            "SELECT id, code, state FROM announcement WHERE id IN (SELECT d.announcement_id"
            f" FROM {source} JOIN delivery d ON d.id = v.id) ORDER BY id{share}",
            ids=wanted,
        )
    }
    rows = await tx.rows(
        "SELECT d.id, d.reference, d.channel, d.state, d.attempts, d.announcement_id, d.contact_point_id,"
        f" m.uid AS member, c.uid AS person, k.wrapped FROM {source} JOIN delivery d ON d.id = v.id"
        " JOIN audience_member m ON m.id = d.member_id JOIN customer c ON c.id = d.customer_id"
        f" LEFT JOIN subject_key k ON k.customer_id = d.customer_id ORDER BY d.id{update}",
        ids=wanted,
    )
    return {
        row.id: About(
            id=row.id,
            reference=row.reference,
            member=row.member,
            code=announced[row.announcement_id].code,
            announcement_id=row.announcement_id,
            contact_point_id=row.contact_point_id,
            channel=row.channel,
            attempts=row.attempts,
            closed=announced[row.announcement_id].state == "closed",
            was=State(row.state),
            state=State(row.state),
            subject=_subject(keys, row),
        )
        for row in rows
    }


async def move(tx: Transaction, about: Sequence[About]) -> int:
    """Give the deliveries the states that receipts have brought them to; returns how many are new."""
    moved = [one for one in about if one.state is not one.was]
    if moved:
        await tx.write(
            "UPDATE delivery SET state = v.state, changed_at = :now"
            f" FROM {tx.recordset('rows', 'v', id='bigint', state='text')} WHERE delivery.id = v.id",
            {
                "now": tx.now_us(),
                "rows": orjson.dumps([{"id": one.id, "state": one.state} for one in moved]).decode(),
            },
        )
    return len(moved)


def _subject(keys: Keys, row: Row[Any]) -> SubjectKey | None:
    try:
        return None if row.wrapped is None else keys.subject(row.person, bytes(row.wrapped))
    except StoreError:
        return None  # One damaged row holds up nobody else's receipts.


def _names(values: Iterable[str]) -> str:
    return orjson.dumps([{"name": one} for one in values]).decode()
