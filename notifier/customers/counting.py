"""How many customers there are, by what stands in the clear, and a list of them without their secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class Counts:
    """Customers altogether and by country, locale, mark, and channel they can be reached on."""

    customers: int
    by_country: Mapping[str, int]
    by_locale: Mapping[str, int]
    by_mark: Mapping[str, int]
    by_channel: Mapping[str, int]
    without_channel: int
    open_duplicates: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A customer as a list shows them: nothing sealed is opened."""

    id: int
    number: str
    country: str
    locale: str
    data_held: str
    marks: str
    account: str
    channels: str
    origin: str


async def count_customers(tx: Transaction) -> Counts:
    """Count every customer; grouping is the database's work."""

    async def grouped(sql: str) -> dict[str, int]:
        return {str(row.label): int(row.n) for row in await tx.rows(sql)}

    marks = await grouped(
        "SELECT marks AS label, count(*) AS n FROM customer WHERE marks <> '' GROUP BY marks"
    )
    by_mark: dict[str, int] = {}
    for words, count in marks.items():
        for mark in words.split():
            by_mark[mark] = by_mark.get(mark, 0) + count
    return Counts(
        customers=int(await tx.scalar("SELECT count(*) FROM customer")),
        by_country=await grouped(
            "SELECT country AS label, count(*) AS n FROM customer GROUP BY country ORDER BY n DESC, country"
        ),
        by_locale=await grouped(
            "SELECT locale AS label, count(*) AS n FROM customer GROUP BY locale ORDER BY n DESC, locale"
        ),
        by_mark=dict(sorted(by_mark.items())),
        by_channel=await grouped(
            "SELECT channel AS label, count(DISTINCT customer_id) AS n FROM contact_point "
            "WHERE state = 'usable' AND channel <> 'voice' GROUP BY channel ORDER BY channel"
        ),
        without_channel=int(
            await tx.scalar(
                "SELECT count(*) FROM customer c WHERE NOT EXISTS (SELECT 1 FROM contact_point p "
                "WHERE p.customer_id = c.id AND p.state = 'usable' AND p.channel <> 'voice')"
            )
        ),
        open_duplicates=int(await tx.scalar("SELECT count(*) FROM duplicate_candidate WHERE state = 'open'")),
    )


async def list_customers(
    tx: Transaction, after: int, limit: int, *, country: str = "", locale: str = ""
) -> Sequence[Listed]:
    """Return customers with an id above ``after``, oldest first; the next page begins at the last id."""
    wanted = "AND c.country = :country " if country else ""
    wanted += "AND (c.locale = :locale OR c.locale LIKE :locale || '-%') " if locale else ""
    bound = {"country": country} if country else {}
    bound |= {"locale": locale} if locale else {}
    rows = await tx.rows(
        "SELECT c.id, c.number, c.country, c.locale, c.data_held, c.marks, a.number AS account, c.origin "
        "FROM customer c LEFT JOIN account a ON a.id = c.account_id "
        f"WHERE c.id > :after {wanted}ORDER BY c.id LIMIT :limit",
        after=after,
        limit=limit,
        **bound,
    )
    if not rows:
        return []
    points = await tx.rows(
        "SELECT customer_id, channel, count(*) AS n FROM contact_point "
        "WHERE customer_id BETWEEN :low AND :high "
        "AND state = 'usable' GROUP BY customer_id, channel ORDER BY customer_id, channel",
        low=rows[0].id,
        high=rows[-1].id,
    )
    channels: dict[int, list[str]] = {}
    for point in points:
        channels.setdefault(point.customer_id, []).append(
            point.channel if point.n == 1 else f"{point.channel}*{point.n}"
        )
    return [
        Listed(
            id=row.id,
            number=row.number,
            country=row.country,
            locale=row.locale,
            data_held=row.data_held.strip(),
            marks=row.marks.strip(),
            account=row.account or "",
            channels=" ".join(channels.get(row.id, ())),
            origin=row.origin,
        )
        for row in rows
    ]
