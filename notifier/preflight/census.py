"""Looking through the customers for those whom the shared texts name."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.announcements import Announcement
from notifier.errors import Refused, StoreError
from notifier.keys import Keys
from notifier.preflight.naming import SharedNames
from notifier.store import Store

CHUNK = 2000
SHOWN = 5
"""Customer numbers told for each place; the others are counted."""


class NamesCustomers(Refused):
    """What everybody reads names customers."""

    def __init__(self, places: Mapping[str, int], examples: Mapping[str, Sequence[str]]) -> None:
        said = "; ".join(
            f"{place} ({_told(count, examples[place])})" for place, count in sorted(places.items())
        )
        super().__init__(
            f"every notice would name other customers, in the texts: {said}",
            advice="Reword these places; or, where somebody else of that name is meant and may be named, put"
            " the name on the record's `names_meant`. Then run the preflight again.",
        )
        self.places = places
        """How many customers each place names."""


async def refuse_named(
    store: Store,
    keys: Keys,
    now: Announcement,
    *,
    opened_after: int | None,
    looked: Callable[[int], None] = lambda _many: None,
) -> None:
    """Refuse an announcement whose texts name a customer; ``NamesCustomers`` says where, and whom by number.

    Those of its audience with a higher member id than ``opened_after`` are passed over: their names were
    looked for when their notices were made. None passes nobody over. ``looked`` is told of how many more
    customers have been looked at.
    """
    shared = SharedNames(now.facts)
    places: Counter[str] = Counter()
    examples: dict[str, list[str]] = defaultdict(list)
    after = 0
    while True:
        async with store.read() as tx:
            rows = await tx.rows(
                _ALL if opened_after is None else _OTHERS,
                after=after,
                most=CHUNK,
                **({} if opened_after is None else {"audience": now.audience_id, "opened": opened_after}),
            )
        for place, number in await asyncio.to_thread(_named, shared, keys, rows):
            places[place] += 1
            if len(examples[place]) < SHOWN:
                examples[place].append(number)
        looked(len(rows))
        if len(rows) < CHUNK:
            break
        after = rows[-1].id
    if places:
        raise NamesCustomers(places, examples)


def _named(shared: SharedNames, keys: Keys, rows: Sequence[Row[Any]]) -> list[tuple[str, str]]:
    found = []
    for row in rows:
        try:
            sealed = keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), b"customer")
            name = str(orjson.loads(sealed).get("name", ""))
        except (StoreError, ValueError):
            continue  # Whoever cannot be read has no name that anybody could know.
        found += [(place, row.number) for place in shared.places(name)]
    return found


def _told(count: int, numbers: Sequence[str]) -> str:
    shown = f"{'customer' if count == 1 else 'customers'} {', '.join(numbers)}"
    return f"{shown} and {count - len(numbers):,} more" if count > len(numbers) else shown


_SELECT = (
    "SELECT c.id, c.number, c.uid, c.sealed, k.wrapped FROM customer c"
    " JOIN subject_key k ON k.customer_id = c.id WHERE c.id > :after"
)
_ALL = f"{_SELECT} ORDER BY c.id LIMIT :most"
# A value for each customer and no join, so that no planner reads the whole audience for every chunk.
_OTHERS = (
    f"{_SELECT} AND coalesce((SELECT m.id FROM audience_member m WHERE m.audience_id = :audience"
    " AND m.customer_id = c.id AND m.state = 'due'), 0) <= :opened ORDER BY c.id LIMIT :most"
)
