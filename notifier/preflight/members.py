"""Reading the people of an audience for whom notices are made: by chunks, in flat memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.preflight.readers import Member
from notifier.store import Store, Transaction

CHUNK = 1000

_SELECT = (
    "SELECT m.id, m.variant, m.locale, m.categories, m.new_categories, m.sealed AS details,"
    " m.customer_id, c.uid AS person, c.sealed AS customer, k.wrapped, p.sealed AS point,"
    " CASE WHEN b.member_id IS NULL THEN p.state ELSE 'barred' END AS point_state,"
    " h.uid AS holder, hk.wrapped AS holder_wrapped"
    " FROM audience_member m JOIN customer c ON c.id = m.customer_id"
    " LEFT JOIN subject_key k ON k.customer_id = m.customer_id"
    " LEFT JOIN contact_point p ON p.id = m.contact_point_id"
    " LEFT JOIN barred_point b ON b.member_id = m.id AND b.contact_point_id = m.contact_point_id"
    " LEFT JOIN customer h ON h.id = p.customer_id"
    " LEFT JOIN subject_key hk ON hk.customer_id = p.customer_id"
)

# The plus keeps the planner on the primary key, in whose order the chunks come.
_DUE = (
    f"{_SELECT} WHERE +m.audience_id = :audience AND m.state = 'due' AND m.id > :after"
    " ORDER BY m.id LIMIT :most"
)

_ASIDE = (
    f"{_SELECT} WHERE m.id > :after AND m.id IN (SELECT member_id FROM set_aside"
    " WHERE announcement_id = :announcement AND NOT repaired) ORDER BY m.id LIMIT :most"
)


async def due(store: Store, audience_id: int, *, after: int) -> AsyncIterator[list[Member]]:
    """Yield the people of an audience who are due a notice, those with a higher id than ``after``."""
    if not after:
        async with store.read() as tx:
            first = await tx.scalar(
                "SELECT min(id) FROM audience_member WHERE audience_id = :audience", audience=audience_id
            )
        after = int(first or 1) - 1
    while True:
        async with store.read() as tx:
            rows = await tx.rows(_DUE, audience=audience_id, after=after, most=CHUNK)
            members = await _members(tx, rows)
        if members:
            yield members
        if len(rows) < CHUNK:
            return
        after = rows[-1].id


async def set_aside(store: Store, announcement_id: int) -> AsyncIterator[list[Member]]:
    """Yield the people of an announcement who are set aside and not repaired."""
    after = 0
    while True:
        async with store.read() as tx:
            rows = await tx.rows(_ASIDE, announcement=announcement_id, after=after, most=CHUNK)
            members = await _members(tx, rows)
        if members:
            yield members
        if len(rows) < CHUNK:
            return
        after = rows[-1].id


async def _members(tx: Transaction, rows: Sequence[Row[Any]]) -> list[Member]:
    own = await own_addresses(tx, [row.customer_id for row in rows if row.details is not None])
    return [
        Member(
            row.id,
            row.variant,
            row.locale,
            row.categories,
            row.new_categories,
            row.details,
            row.person,
            row.customer,
            row.wrapped,
            row.point,
            row.point_state == "usable",
            row.holder or "",
            row.holder_wrapped,
            tuple(own.get(row.customer_id, ())),
        )
        for row in rows
    ]


async def own_addresses(tx: Transaction, customers: Sequence[int]) -> Mapping[int, Sequence[bytes]]:
    """Return the blind indexes of these people's e-mail addresses."""
    own: dict[int, list[bytes]] = defaultdict(list)
    if customers:
        source = tx.recordset("ids", "v", id="bigint")
        for found in await tx.rows(
            f"SELECT p.customer_id, p.value_index FROM {source} JOIN contact_point p ON p.customer_id = v.id"
            " WHERE p.channel = 'email'",
            ids=orjson.dumps([{"id": one} for one in customers]).decode(),
        ):
            own[found.customer_id].append(bytes(found.value_index))
    return own
