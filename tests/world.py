"""A small world for tests of the engine: people with notices, an announcement that is released."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlmodel import SQLModel

from notifier import notices
from notifier.announcements import canonical_digest
from notifier.audiences import seal
from notifier.audit.entry import Event, Json
from notifier.engine.planning import PlanCounts, plan
from notifier.keys import Keys
from notifier.preflight.making import new_dictionary
from notifier.store import Store, Transaction
from notifier.store.tables import Announcement, Audience, ContactPoint, Customer, SubjectKeyRow

CODE = "INC-2026-001/1/A1"
DICTIONARY = new_dictionary(
    b"Subject: Notice of data breach\r\n\r\nDear reader, this is what happened.\r\n" * 20
)


class PlainFinisher:
    """Puts the Date before a message; no signature."""

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Prepend the Date field."""
        return f"Date: {date:%a, %d %b %Y %H:%M:%S} +0000\r\n".encode() + message, kept

    def return_path(self, reference: str, attempt: int) -> str:
        """Make an address that names the attempt."""
        return f"b+{reference}-{attempt}@bounces.example.com"


async def _insert(tx: Transaction, row: SQLModel, returning: str = "id") -> int:
    """Insert one row with all its defaults; returns its id."""
    values = {
        name: orjson.dumps(value).decode() if isinstance(value, dict) else value
        for name, value in row.model_dump().items()
        if name != "id" and value is not None
    }
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    (made,) = await tx.write_returning(
        f"INSERT INTO {row.__tablename__} ({names}) VALUES ({marks}) RETURNING {returning} AS id", values
    )
    return int(made.id)


def address(number: int) -> str:
    """Return the address of person ``number``."""
    return f"person{number}@example.test"


def _message(number: int, reference: str) -> bytes:
    return (
        f"From: security@example.com\r\nTo: {address(number)}\r\nMessage-ID: <{reference.lower()}@example.com>\r\n"
        f"Subject: Notice of data breach\r\n\r\nDear person {number}, this is what happened.\r\n"
    ).encode()


def telephone(number: int) -> str:
    """Return the telephone number of person ``number``, where they are written to by text message."""
    return f"+1415555{100 + number:04}"


async def people(
    store: Store, keys: Keys, count: int, *, zone: str = "Etc/UTC", channel: str = "email"
) -> int:
    """Add ``count`` customers with contact points and an audience of them; returns the audience's id."""
    async with store.begin() as tx:
        now = tx.now_us()
        for number in range(count):
            uid = secrets.token_hex(16)
            subject, wrapped = keys.new_subject(uid)
            customer = Customer(
                uid=uid, number=f"C{number}", locale="en", country="DE", created_at=now, changed_at=now,
                sealed=subject.seal(orjson.dumps({"name": f"Person {number}"}), b"customer"),
            )  # fmt: skip
            customer_id = await _insert(tx, customer)
            await _insert(
                tx, SubjectKeyRow(customer_id=customer_id, wrapped=wrapped), returning="customer_id"
            )
            kind, value = ("phone", telephone(number)) if channel == "sms" else ("email", address(number))
            index = keys.blind_index(kind, value)
            point = ContactPoint(
                customer_id=customer_id, channel=channel, value_index=index, folded_index=index, site="site",
                sealed=subject.seal(address(number).encode(), b"contact_point"),
            )  # fmt: skip
            await _insert(tx, point)
        return await _audience(tx, count, zone)


async def _audience(tx: Transaction, count: int, zone: str) -> int:
    audience = Audience(
        code="INC-2026-001/1", subject="INC-2026-001", frozen_at=tx.now_us(), frozen_by="anna", people=count,
        root="", digest="", salt=b"", event_id="",
    )  # fmt: skip
    audience_id = await _insert(tx, audience)
    rows = await tx.rows(
        "SELECT c.id, p.id AS point FROM customer c JOIN contact_point p ON p.customer_id = c.id ORDER BY c.id"
    )
    await tx.insert_many(
        "audience_member",
        ("uid", "audience_id", "customer_id", "state", "reason", "variant", "contact_point_id", "locale",
         "country", "time_zone", "categories", "new_categories", "basis"),
        [
            (secrets.token_hex(16), audience_id, row.id, "due", "", "person", row.point, "en", "DE", zone,
             " email ", "", "criteria")
            for row in rows
        ],
    )  # fmt: skip
    await seal(tx, audience_id, {})
    return audience_id


async def announcement(store: Store, keys: Keys, audience: int, details: Mapping[str, Any]) -> int:
    """Draft an announcement with a notice for each member, as a preflight would; returns its id."""
    async with store.begin() as tx:
        made_id = await _insert(
            tx,
            Announcement(
                code=CODE, audience_id=audience, state="approved", plan=dict(details), author="anna",
                created_at=tx.now_us(),
            ),
        )  # fmt: skip
        (kept,) = await tx.write_returning(
            "INSERT INTO notice_dictionary (announcement_id, locale, variant, content) "
            "VALUES (:id, 'en', 'person', :content) RETURNING id",
            {"id": made_id, "content": DICTIONARY},
        )
        rows = await tx.rows(
            "SELECT m.id, c.uid, c.number, k.wrapped FROM audience_member m "
            "JOIN customer c ON c.id = m.customer_id JOIN subject_key k ON k.customer_id = c.id "
            "WHERE m.audience_id = :audience ORDER BY m.id",
            audience=audience,
        )
        records = []
        for row in rows:
            reference = secrets.token_hex(8).upper()
            number = int(row.number[1:])
            message = _message(number, reference)
            packed = notices.pack(address(number), message, DICTIONARY)
            subject = keys.subject(row.uid, row.wrapped)
            digest = notices.keyed_digest(message, keys.index)
            sealed = subject.seal(packed, notices.SEAL_CONTEXT)
            records.append(
                (reference, made_id, row.id, "email", "first", "en", kept.id, digest, len(message), sealed)
            )
        columns = ("reference", "announcement_id", "member_id", "channel", "occasion", "locale")
        await tx.insert_many("notice", (*columns, "dictionary_id", "digest", "size", "sealed"), records)
        audience_code = await tx.scalar("SELECT code FROM audience WHERE id = :id", id=audience)
        written = {"facts_digest": canonical_digest({}), "plan_digest": canonical_digest(details)}
        by: dict[str, Json] = {"actor": "operator:anna", "drill": 0, "editors": []}
        facts = {"announcement": CODE, "audience": audience_code, **written, **by}
        tx.record(Event("announcement:drafted", facts))
        tx.record(Event("announcement:preflighted", {"announcement": CODE}))
    return made_id


async def release(tx: Transaction, announcement_id: int, *, batch_size: int = 500) -> PlanCounts:
    """Enqueue an announcement, without the approval that the real release checks."""
    await tx.write(
        "UPDATE announcement SET state = 'released', released_at = :now WHERE id = :id",
        {"id": announcement_id, "now": tx.now_us()},
    )
    counts = await plan(tx, announcement_id, batch_size=batch_size)
    planned = {"deliveries": counts.deliveries}
    tx.record(Event("announcement:released", {"announcement": CODE, "planned": planned}))
    return counts


async def released(
    store: Store, keys: Keys, count: int, *, batch_size: int = 500, channel: str = "email", **details: Any
) -> int:
    """Do all of the above for ``count`` people; returns the announcement's id."""
    made = await announcement(store, keys, await people(store, keys, count, channel=channel), details)
    async with store.begin() as tx:
        await release(tx, made, batch_size=batch_size)
    return made
