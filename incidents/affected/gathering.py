"""What a list says of each person, gathered row by row with what is known of them already.

Rows of one person may stand far apart in a file: which hints a list has given so far is kept in a table of
this transaction alone, for a second one of the same list joins the first, where another list replaces it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from incidents.affected.details import added, known_details
from incidents.affected.listing import Entry, cut_columns, details_of
from incidents.affected.staging import Staged
from incidents.store import Incident
from notifier.categories import ordered
from notifier.customers.values import word_set
from notifier.keys import Keys
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class Matched:
    """A row of a list, whom it is about, and which of their data it names."""

    entry: Entry
    ids: tuple[int, ...]
    words: tuple[str, ...]


async def open_hints(tx: Transaction) -> None:
    """Make the table of the hints a list has given; it is gone with the transaction."""
    await tx.make_temporary("list_hint", key="customer_id, category", customer_id="bigint", category="text")


async def gather(
    tx: Transaction, keys: Keys, incident: Incident, matched: Sequence[Matched]
) -> tuple[list[Staged], list[tuple[Entry, str]]]:
    """Return each person of some rows once, and the rows that had to be cut, each with its columns."""
    said = [(row, details_of(row.entry)) for row in matched]
    detailed = {one for row, details in said if details for one in row.ids}
    known = await known_details(tx, keys, incident, detailed) if detailed else {}
    hinted = await _hinted(tx, detailed) if detailed else {}
    before = {one: frozenset(codes) for one, codes in hinted.items()}
    now: dict[int, dict[str, Any]] = dict(known)
    words: dict[int, list[str]] = defaultdict(list)
    usual: set[int] = set()
    cut = []
    for row, details in said:
        columns = cut_columns(row.entry)
        for one in row.ids:
            words[one] += row.words
            if not row.words:
                usual.add(one)
            if details:
                now[one], more = added(now.get(one, {}), details, hinted[one])
                hinted[one].update(details.get("hints", ()))
                columns |= more
        if columns:
            cut.append((row.entry, ", ".join(sorted(columns))))
    new = ((one, code) for one, codes in hinted.items() for code in codes - before.get(one, frozenset()))
    await tx.housekeep_many("list_hint", ("customer_id", "category"), new)
    staged = [
        Staged(
            one,
            word_set(ordered(words[one])),
            one in usual,
            {} if now.get(one) == known.get(one) else now[one],
        )
        for one in words
    ]
    return staged, cut


async def _hinted(tx: Transaction, customers: Iterable[int]) -> defaultdict[int, set[str]]:
    rows = await tx.rows(
        f"SELECT h.customer_id, h.category FROM {tx.recordset('wanted', 'v', id='bigint')}"
        " JOIN list_hint h ON h.customer_id = v.id",
        wanted=orjson.dumps([{"id": one} for one in customers]).decode(),
    )
    made: defaultdict[int, set[str]] = defaultdict(set)
    for row in rows:
        made[row.customer_id].add(row.category)
    return made
