"""Find people by customer number, e-mail address or telephone number, and open what is sealed.

Addresses are found through their blind indexes: nothing is decrypted to search.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, new_event_id
from notifier.customers.adding import add_customers
from notifier.customers.chunks import NewCustomer
from notifier.customers.faults import Faulty
from notifier.customers.normalise import emails, phones
from notifier.customers.normalise.cells import clean, one_line
from notifier.customers.sealing import CONTACT_POINT, Sealer, opened
from notifier.customers.values import CustomerRecord, PostalAddress
from notifier.errors import Conflict
from notifier.keys import Keys
from notifier.store import Transaction

Kind = Literal["number", "email", "phone"]
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """A contact point with its address readable."""

    id: int
    channel: str
    rank: int
    value: str
    state: str
    state_reason: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A customer with everything readable: for the people and templates entitled to it, never for a log."""

    id: int
    uid: str
    number: str
    name: str
    address: PostalAddress | None
    other: Mapping[str, str]
    locale: str
    time_zone: str
    country: str
    region: str
    points: tuple[OpenPoint, ...]


async def find(tx: Transaction, keys: Keys, value: str) -> list[int]:
    """Return the ids of the customers with this number, e-mail address or telephone number, in order.

    Contact points that are no longer in the imported data count too: somebody may still ask by them.
    """
    found: set[int] = set()
    for kind in ("number", "email", "phone"):
        matches = await match_many(tx, keys, kind, [value])
        found.update(matches[value])
    return sorted(found)


async def match_many(
    tx: Transaction, keys: Keys, kind: Kind, values: Sequence[str], *, country: str = ""
) -> dict[str, list[int]]:
    """Return for each value as given the ids of the customers it names; none, one or several.

    ``country`` is that of telephone numbers written without one. A value that cannot be what ``kind`` says
    names nobody.
    """
    found: dict[str, list[int]] = {value: [] for value in values}
    if kind == "number":
        await _by_number(tx, found)
        return found
    wanted: dict[bytes, list[str]] = {}
    folds: list[bytes] = []
    for value in found:
        if indexes := _indexes(keys, kind, value, country):
            wanted.setdefault(indexes[0], []).append(value)
            folds.append(indexes[1])
    async for row in _holders(tx, folds):
        for value in wanted.get(bytes(row.value_index), ()):
            found[value].append(row.customer_id)
    for ids in found.values():
        ids.sort()
    return found


class Matches(NamedTuple):
    """The ids of the customers that values name, and the values that only another spelling matched."""

    ids: dict[str, list[int]]
    respelled: set[str]

    def of(self, value: str) -> tuple[list[int], bool]:
        """Return the customers one value names, and whether only another spelling matched."""
        return self.ids[value], value in self.respelled


async def match_mailboxes(
    tx: Transaction, keys: Keys, kind: Kind, values: Sequence[str], *, country: str = ""
) -> Matches:
    """Match as ``match_many``, and an e-mail address that nobody has by the mailbox it leads to.

    ``bo.gm+x@gmail.com`` and ``bogm@googlemail.com`` are one mailbox, and so one reader.
    """
    found = await match_many(tx, keys, kind, values, country=country)
    if kind != "email":
        return Matches(found, set())
    wanted: dict[bytes, list[str]] = {}
    for value, ids in found.items():
        if not ids and (indexes := _indexes(keys, kind, value, country)):
            wanted.setdefault(indexes[1], []).append(value)
    holders: dict[str, set[int]] = {}
    async for row in _holders(tx, list(wanted)):
        for value in wanted[bytes(row.folded_index)]:
            holders.setdefault(value, set()).add(row.customer_id)
    return Matches(found | {value: sorted(ids) for value, ids in holders.items()}, set(holders))


async def contact_points(tx: Transaction, keys: Keys, value: str) -> list[int]:
    """Return the ids of all contact points with this e-mail address or telephone number, as it is spelled."""
    found: list[int] = []
    for kind in ("email", "phone"):
        if indexes := _indexes(keys, kind, value, ""):
            rows = await tx.rows(
                "SELECT id FROM contact_point WHERE folded_index = :folded AND value_index = :index",
                index=indexes[0],
                folded=indexes[1],
            )
            found += [row.id for row in rows]
    return found


async def holders(
    tx: Transaction, channel: str, value_index: bytes, folded_index: bytes, *, most: int = 20
) -> list[str]:
    """Return the numbers of the first customers who have the address with these indexes."""
    rows = await tx.rows(
        "SELECT c.number FROM contact_point p JOIN customer c ON c.id = p.customer_id"
        " WHERE p.folded_index = :folded AND p.value_index = :index AND p.channel = :channel"
        " ORDER BY c.id LIMIT :most",
        index=value_index,
        folded=folded_index,
        channel=channel,
        most=most,
    )
    return [row.number for row in rows]


async def _holders(tx: Transaction, folds: Sequence[bytes]) -> AsyncIterator[Row[Any]]:
    """Yield who has contact points with these folded indexes, and how each spells them."""
    for part in _parts(dict.fromkeys(folds)):
        # The last one again and again fills up the list, so that all statements are one.
        names = {
            f"v{place}": part[min(place, len(part) - 1)] for place in range(_AT_ONCE if len(part) > 1 else 1)
        }
        for row in await tx.rows(
            "SELECT DISTINCT customer_id, value_index, folded_index FROM contact_point WHERE folded_index IN "
            f"({', '.join(f':{name}' for name in names)}) AND channel IN ('email', 'sms', 'voice')",
            **names,
        ):
            yield row


async def _by_number(tx: Transaction, found: dict[str, list[int]]) -> None:
    source = tx.recordset("numbers", "v", number="text")
    for part in _parts(found):
        numbers: dict[str, list[str]] = {}
        for value in part:
            if number := _cleaned(value):
                numbers.setdefault(number, []).append(value)
        rows = await tx.rows(
            f"SELECT c.number, c.id FROM {source} JOIN customer c ON c.number = v.number",
            numbers=orjson.dumps([{"number": number} for number in numbers]).decode(),
        )
        for row in rows:
            for value in numbers[row.number]:
                found[value].append(row.id)


def _cleaned(value: str) -> str:
    try:
        return one_line(clean(value, []))
    except Faulty:
        return ""


def _indexes(keys: Keys, kind: Kind, value: str, country: str) -> tuple[bytes, bytes] | None:
    """Return the blind indexes, of the value and of the value folded, that a look-up goes by."""
    try:
        text = clean(value, [])
        point = emails.email(text) if kind == "email" else phones.phone(text, country, [])
    except Faulty:
        return None
    return Sealer(keys).indexes(point)


def _parts(values: Iterable[object]) -> Iterator[list]:  # type: ignore[type-arg]
    queue = iter(values)
    while part := list(islice(queue, _AT_ONCE)):
        yield part


async def add_typed(
    tx: Transaction,
    keys: Keys,
    record: CustomerRecord,
    *,
    origin: Literal["typed", "list"] = "typed",
    actor: str = "system",
) -> int:
    """Add a person who is no customer, typed in or brought by a list; returns their id.

    Without a number they get a random one. ``Conflict`` if a customer has that number.
    """
    uid = new_event_id(tx.now_us())
    number = record.number or f"{origin}-{uid[-12:]}"
    if await tx.scalar("SELECT 1 FROM customer WHERE number = :number", number=number):
        raise Conflict(
            "there is a customer with this number", advice="Name the customer by the number instead."
        )
    sealer = Sealer(keys)
    numbered = CustomerRecord(**{**{f: getattr(record, f) for f in record.__slots__}, "number": number})
    row, wrapped, points = sealer.new(numbered, b"", tx.now_us())
    (customer_id,) = await add_customers(tx, [NewCustomer(row, wrapped, points, record.account)], origin)
    tx.record(Event(AuditAction.CUSTOMER_TYPED, {"actor": actor, "person": row.uid, "origin": origin}))
    return customer_id


async def open_profile(tx: Transaction, keys: Keys, customer_id: int) -> Profile | None:
    """Return a customer with everything readable; ``None`` if there is none, or their key is gone."""
    return (await open_profiles(tx, keys, [customer_id])).get(customer_id)


async def open_profiles(tx: Transaction, keys: Keys, ids: Sequence[int]) -> dict[int, Profile]:
    """Return customers with everything readable, by id. Those whose key is gone are left out."""
    opened_profiles: dict[int, Profile] = {}
    for part in _parts(dict.fromkeys(ids)):
        opened_profiles.update(await _open(tx, keys, part))
    return opened_profiles


async def _open(tx: Transaction, keys: Keys, ids: Sequence[int]) -> dict[int, Profile]:
    source = tx.recordset("ids", "v", id="bigint")
    bound = orjson.dumps([{"id": each} for each in ids]).decode()
    customers = await tx.rows(
        "SELECT c.id, c.uid, c.number, c.locale, c.time_zone, c.country, c.region, c.sealed, k.wrapped "
        f"FROM {source} JOIN customer c ON c.id = v.id JOIN subject_key k ON k.customer_id = c.id",
        ids=bound,
    )
    subjects = {row.id: keys.subject(row.uid, bytes(row.wrapped)) for row in customers}
    points: dict[int, list[OpenPoint]] = {}
    for row in await tx.rows(
        "SELECT p.customer_id, p.id, p.channel, p.rank, p.sealed, p.state, p.state_reason "
        f"FROM {source} JOIN contact_point p ON p.customer_id = v.id ORDER BY p.channel, p.rank, p.id",
        ids=bound,
    ):
        if subject := subjects.get(row.customer_id):
            value = subject.open(bytes(row.sealed), CONTACT_POINT).decode()
            point = OpenPoint(row.id, row.channel, row.rank, value, row.state, row.state_reason)
            points.setdefault(row.customer_id, []).append(point)
    made = {}
    for row in customers:
        name, address, other = opened(subjects[row.id], bytes(row.sealed))
        made[row.id] = Profile(
            id=row.id,
            uid=row.uid,
            number=row.number,
            name=name,
            address=address,
            other=other,
            locale=row.locale,
            time_zone=row.time_zone,
            country=row.country,
            region=row.region,
            points=tuple(points.get(row.id, ())),
        )
    return made
