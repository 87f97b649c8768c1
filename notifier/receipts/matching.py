"""Matching parked receipts: by themselves once their hand-over is on record, or on an operator's word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.channels.receipts import Receipt
from notifier.errors import BadInput, NotFound
from notifier.keys import Keys
from notifier.receipts import finding, parking
from notifier.receipts.finding import Place
from notifier.receipts.marking import indexes_of
from notifier.receipts.parking import Parked
from notifier.receipts.taking import put
from notifier.store import Transaction

_AT_ONCE = 1000


async def match_again(tx: Transaction, keys: Keys) -> int:
    """Match the parked receipts whose hand-overs are on record by now; returns how many those are."""
    matched = after = 0
    while part := await parking.matchable(tx, keys, after=after, limit=_AT_ONCE):
        after = part[-1].id
        places = await finding.places(tx, [one.receipt for one in part])
        by_source: dict[str, list[tuple[Receipt, Place]]] = defaultdict(list)
        found = [one for one in part if one.receipt.key in places]
        for one in found:
            by_source[one.source].append((one.receipt, places[one.receipt.key]))
        for source, placed in by_source.items():
            await put(tx, keys, source, placed)
        if found:
            await parking.settle(tx, [one.id for one in found], state="matched", by="system")
        matched += len(found)
    return matched


@dataclass(frozen=True, slots=True)
class Opened:
    """A parked report, and what was handed over to the address that it names."""

    parked: Parked
    candidates: Sequence[Row[Any]]
    """Each with ``reference``, ``code`` of the announcement and ``state``, the newest first."""


async def look(tx: Transaction, keys: Keys, number: int, *, operator: str) -> Opened:
    """Open a parked report for an operator; that they saw it is on record."""
    parked = await _parked(tx, keys, number)
    candidates: Sequence[Row[Any]] = ()
    if indexes := indexes_of(keys, parked.receipt.address):
        named = {f"index_{place}": index for place, index in enumerate(indexes)}
        candidates = await tx.rows(
            "SELECT d.reference, a.code, d.state FROM contact_point p"
            " JOIN delivery d ON d.contact_point_id = p.id JOIN announcement a ON a.id = d.announcement_id"
            f" WHERE d.attempts > 0 AND p.folded_index IN ({', '.join(f':{name}' for name in named)})"
            " ORDER BY d.id DESC LIMIT 20",
            **named,
        )
    tx.record(Event(AuditAction.RECEIPT_SHOWN, _facts(parked, operator)))
    return Opened(parked, candidates)


async def match(tx: Transaction, keys: Keys, number: int, reference: str, *, operator: str) -> None:
    """Take a parked report for one about the delivery with this reference, on an operator's word."""
    parked = await _parked(tx, keys, number)
    row = (await finding.named(tx, [reference])).get(reference)
    if row is None or not row.attempts:
        raise NotFound(
            "nothing was handed over under this reference",
            advice="`notifier customers show` gives the references of a person's deliveries.",
        )
    await put(tx, keys, parked.source, [(parked.receipt, Place(row.id, row.attempts))])
    await parking.settle(tx, [parked.id], state="matched", by=operator)
    tx.record(
        Event(AuditAction.RECEIPT_MATCHED, {**_facts(parked, operator), "delivery": reference}),
    )


async def set_aside(tx: Transaction, keys: Keys, number: int, *, reason: str, operator: str) -> None:
    """Note that a parked report is about nobody."""
    if not reason.strip():
        raise BadInput("the reason is missing", advice="Say in a few words why, with --reason.")
    parked = await _parked(tx, keys, number)
    await parking.settle(tx, [parked.id], state="set-aside", by=operator)
    facts = {**_facts(parked, operator), "reason_digest": tx.commitment("reason", reason)}
    tx.record(Event(AuditAction.RECEIPT_SET_ASIDE, facts))


async def _parked(tx: Transaction, keys: Keys, number: int) -> Parked:
    parked = await parking.find(tx, keys, number)
    if parked is None:
        raise NotFound(
            f"no receipt {number} is parked", advice="List those that are with `notifier receipts parked`."
        )
    return parked


def _facts(parked: Parked, operator: str) -> dict[str, Json]:
    return {"actor": f"operator:{operator}", "source": parked.source, "report": parked.receipt.key}
