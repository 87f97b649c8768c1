"""Taking receipts: each is put on record once, and moves its delivery, in one transaction.

A receipt may come before the answer to its hand-over, twice, in any order, or never. Where the deliveries
end does not depend on the order: one that bounced stays so, and else one receipt of its delivery is enough.
That a hand-over was accepted is news only where its answer was lost: it settles the doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Disclosure, Event, Json
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.clock import to_instant
from notifier.deliveries import UNSETTLED, Happening, State, after
from notifier.engine import doubt
from notifier.engine.holds import end_holds
from notifier.keys import Keys
from notifier.receipts import finding, owners, parking, sender
from notifier.receipts.finding import About, Place
from notifier.receipts.marking import mark
from notifier.receipts.parking import CONTEXT
from notifier.store import Transaction

_HAPPENINGS: Mapping[ReceiptKind, Happening] = {
    ReceiptKind.DELIVERED: Happening.DELIVERED,
    ReceiptKind.DISPLAYED: Happening.DELIVERED,
    ReceiptKind.COMPLAINED: Happening.DELIVERED,
    ReceiptKind.BOUNCED: Happening.BOUNCED,
}
"""What a receipt means for its delivery; ``ACCEPTED`` depends on the answer, the others change no state."""
_COLUMNS = (
    *("source", "key", "delivery_id", "attempt", "kind", "occurred_at", "received_at", "code", "enhanced"),
    *("reason", "was", "became", "late", "sealed", "event_id"),
)
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some receipts."""

    taken: int = 0
    """On record with their delivery now."""
    repeated: int = 0
    """Known already: nothing changed."""
    parked: int = 0
    """About no hand-over we know of: see ``notifier.receipts.parking``."""
    moved: int = 0
    """Deliveries that have another state."""


@dataclass(slots=True)
class _Entry:
    """A receipt about to be put on record, and what it changes."""

    receipt: Receipt
    about: About
    attempt: int
    was: str = ""
    became: str = ""

    def event(self, source: str) -> Event:
        one, about = self.receipt, self.about
        facts: dict[str, Json] = {
            **about.facts(),
            "channel": about.channel,
            "attempt": self.attempt,
            "source": source,
            "report": one.key,
            "kind": str(one.kind),
            "code": one.code,
            "enhanced": one.enhanced,
            "reason": one.reason,
        }
        if self.became:
            facts.update({"was": self.was, "became": self.became})
        if about.closed:
            facts["late"] = 1
        named = _personal(one)
        disclosures = [Disclosure("report", named)] if named and about.subject else []
        return Event(AuditAction.RECEIPT_TAKEN, facts, disclosures, about.subject if disclosures else None)

    def columns(self, source: str, now: int, event_id: str) -> tuple[Any, ...]:
        one, about = self.receipt, self.about
        named = _personal(one)
        return (
            *(source, one.key, about.id, self.attempt, str(one.kind)),
            *(None if one.occurred_at is None else to_instant(one.occurred_at), now),
            *(one.code, one.enhanced, one.reason, self.was, self.became, about.closed),
            about.subject.seal(orjson.dumps(named), CONTEXT) if named and about.subject else None,
            event_id,
        )


async def take(tx: Transaction, keys: Keys, source: str, receipts: Sequence[Receipt]) -> Taken:
    """Put receipts of one source on record, and do what they ask for.

    What is known by its key is left alone, so a report may come as often as it likes.
    """
    fresh = await finding.unknown(tx, source, receipts)
    said = [one for one in fresh if one.channel]
    await owners.heed(tx, keys, source, said)
    places = await finding.places(tx, [one for one in fresh if not one.channel])
    lost = [one for one in fresh if one.key not in places and not one.channel and not one.echo]
    await parking.park(tx, keys, source, lost)
    placed = await _without_echoes(tx, [(one, places[one.key]) for one in fresh if one.key in places])
    kept, moved = await put(tx, keys, source, placed)
    on_record = kept + len(said)
    return Taken(on_record, len(receipts) - on_record - len(lost), len(lost), moved)


async def _without_echoes(
    tx: Transaction, placed: Sequence[tuple[Receipt, Place]]
) -> Sequence[tuple[Receipt, Place]]:
    """Leave out what only repeats answers that are on record; most of a carrier's reports are such."""
    echoed = {place.delivery_id for one, place in placed if one.echo}
    if not echoed:
        return placed
    open_ = await finding.still_open(tx, echoed)
    return [(one, place) for one, place in placed if not one.echo or place.delivery_id in open_]


async def put(
    tx: Transaction, keys: Keys, source: str, placed: Sequence[tuple[Receipt, Place]]
) -> tuple[int, int]:
    """Put receipts on record with the hand-overs they are about; returns how many, and how many deliveries
    moved.
    """
    if not placed:
        return 0, 0
    found = await finding.deliveries(tx, keys, {place.delivery_id for _one, place in placed})
    lost = await _lost(tx, ((one.kind, place) for one, place in placed))
    about = list(found.values())
    entries = []
    for one, place in placed:
        entry = _Entry(one, found[place.delivery_id], place.attempt)
        before = entry.about.state
        happening = _happening(one.kind, place in lost, before)
        if one.echo and happening is None and not _awaited(entry, lost=place in lost):
            continue
        entries.append(entry)
        if happening is not None:
            entry.about.state = after(before, happening)
            if entry.about.state is not before:
                entry.was, entry.became = str(before), str(entry.about.state)
    if not entries:
        return 0, 0
    event_ids = tx.record(*(entry.event(source) for entry in entries))
    now = tx.now_us()
    await tx.insert_many(
        "receipt",
        _COLUMNS,
        [entry.columns(source, now, event_id) for entry, event_id in zip(entries, event_ids, strict=True)],
    )
    waiting = [entry.receipt.key for entry in entries if entry.about.was is State.HANDING_OVER]
    if waiting:
        await tx.housekeep(
            f"INSERT INTO pending_receipt SELECT r.id FROM {tx.recordset('keys', 'v', key='text')}"
            " CROSS JOIN receipt r WHERE r.source = :source AND r.key = v.key",
            {"source": source, "keys": orjson.dumps([{"key": key} for key in waiting]).decode()},
        )
    moved = await finding.move(tx, about)
    await mark(tx, keys, [(entry.receipt, entry.about) for entry in entries])
    await sender.heed(tx, [(entry.receipt, entry.about) for entry in entries])
    await _end_doubt(tx, about)
    return len(entries), moved


def _happening(kind: ReceiptKind, lost: bool, state: State) -> Happening | None:
    """Return what a receipt means for a delivery in ``state``; ``lost`` is the answer to its hand-over."""
    if state is State.HANDING_OVER:
        return None
    if kind is ReceiptKind.ACCEPTED:
        return Happening.TAKEN if lost and state in UNSETTLED else None
    return _HAPPENINGS.get(kind)


def _awaited(entry: _Entry, *, lost: bool) -> bool:
    """Say whether it will only be known later if this is news."""
    about = entry.about
    return about.state is State.HANDING_OVER and (lost or entry.attempt == about.attempts)


async def _lost(tx: Transaction, said: Iterable[tuple[ReceiptKind, Place]]) -> set[Place]:
    accepted = [place for kind, place in said if kind is ReceiptKind.ACCEPTED]
    return await finding.lost_answers(tx, accepted) if accepted else set()


async def settle_pending(tx: Transaction, keys: Keys) -> int:
    """Let receipts count whose hand-overs have been answered since they came; returns how many did."""
    rows = await tx.rows(
        "SELECT r.id, r.kind, r.delivery_id, r.attempt FROM pending_receipt p"
        " JOIN receipt r ON r.id = p.receipt_id JOIN delivery d ON d.id = r.delivery_id"
        f" WHERE d.state <> 'handing-over' ORDER BY r.id LIMIT {_AT_ONCE}"
    )
    if not rows:
        return 0
    about = await finding.deliveries(tx, keys, {row.delivery_id for row in rows})
    lost = await _lost(tx, ((ReceiptKind(row.kind), Place(row.delivery_id, row.attempt)) for row in rows))
    done = []
    for row in rows:
        one = about[row.delivery_id]
        if one.was is State.HANDING_OVER:
            continue  # Handed over once more meanwhile.
        place = Place(row.delivery_id, row.attempt)
        if happening := _happening(ReceiptKind(row.kind), place in lost, one.state):
            one.state = after(one.state, happening)
        done.append({"id": row.id})
    await tx.housekeep(
        "DELETE FROM pending_receipt WHERE receipt_id IN"
        f" (SELECT v.id FROM {tx.recordset('ids', 'v', id='bigint')})",
        {"ids": orjson.dumps(done).decode()},
    )
    for one in about.values():
        if one.state is not one.was:
            facts: dict[str, Json] = {**one.facts(), "attempt": one.attempts, "outcome": str(one.state)}
            tx.record(Event(AuditAction.DELIVERY_SETTLED, facts))
    await finding.move(tx, list(about.values()))
    await _end_doubt(tx, list(about.values()))
    return len(done)


async def _end_doubt(tx: Transaction, about: Sequence[About]) -> None:
    """End the question about held deliveries where receipts have answered it for all of them."""
    for announcement_id in sorted({one.announcement_id for one in about if one.was is State.HELD}):
        if not await doubt.undecided(tx, announcement_id):
            await end_holds(tx, announcement_id, kinds=(doubt.HOLD,), actor="system")


def _personal(one: Receipt) -> dict[str, Json]:
    return {name: value for name, value in (("address", one.address), ("text", one.text)) if value}
