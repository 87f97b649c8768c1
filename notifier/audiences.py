"""Audiences: the frozen recipients of one announcement. Made by one set-based statement, never changed.

Who belongs in one is the caller's business: a SELECT that yields the columns ``COLUMNS``, one row a
person. Everybody it yields is a member, of whatever state, so that nobody is lost from the count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from notifier.audit import frozen
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.errors import Conflict, NotFound, Refused
from notifier.store import Dialect, Transaction

COLUMNS = (
    *("customer_id", "state", "reason", "variant", "contact_point_id", "locale", "country", "time_zone"),
    *("categories", "new_categories", "basis", "sealed"),
)
"""What a source yields. ``state`` is ``due``, ``needs-channel`` or ``excluded``; see ``AudienceMember``."""

# 128 random bits in hex. PostgreSQL's own random bytes come as UUIDs of 122; two of them, hashed, have all.
_RANDOM: Mapping[Dialect, str] = {
    "sqlite": "lower(hex(randomblob(16)))",
    "postgresql": "substr(encode(sha256(uuid_send(gen_random_uuid())"
    " || uuid_send(gen_random_uuid())), 'hex'), 1, 32)",
}


class EmptyAudience(Refused):
    """There is nobody in this audience."""


@dataclass(frozen=True, slots=True)
class Audience:
    """A frozen audience, without its people."""

    id: int
    code: str
    subject: str
    kind: str
    frozen_at: int
    frozen_by: str
    people: int
    root: str
    digest: str
    counts: Mapping[str, Any]
    selection: Mapping[str, Any]


async def freeze(
    tx: Transaction,
    *,
    code: str,
    subject: str,
    kind: str,
    source: str,
    params: Mapping[str, Any],
    selection: Mapping[str, Any],
    frozen_by: str,
) -> Audience:
    """Take the snapshot that ``source`` yields, commit to it in the audit trail, and return it.

    An audience without people is ``EmptyAudience``, a taken code a ``Conflict``; both leave nothing behind
    once the caller's transaction ends with them.
    """
    if await tx.scalar("SELECT 1 FROM audience WHERE code = :code", code=code):
        raise Conflict(f"there is an audience {code} already")
    audience_id = await _open(tx, code, subject, kind, frozen_by)
    names = ", ".join(COLUMNS)
    people = await tx.write(
        f"INSERT INTO audience_member (uid, audience_id, {names})"
        f" SELECT {_RANDOM[tx.dialect]}, :frozen_audience, {names} FROM ({source}) AS s",
        {**params, "frozen_audience": audience_id},
    )
    if not people:
        raise EmptyAudience("there is nobody in this audience", advice="Choose who belongs to it first.")
    await seal(tx, audience_id, selection)
    return await find(tx, code)


async def seal(tx: Transaction, audience_id: int, selection: Mapping[str, Any]) -> None:
    """Commit to an audience whose members are in place, in its row and in the audit trail."""
    salt = frozen.new_salt()
    people, root = await frozen.commit(tx, audience_id, salt)
    counts = await _counts(tx, audience_id, people)
    row = await frozen.find(tx, "id", audience_id)
    if row is None:
        raise NotFound("there is no such audience")
    made = {"people": people, "root": root, "counts": counts, "selection": selection, "salt": salt}
    digest = frozen.digest({**row._mapping, **made})  # noqa: SLF001 - SQLAlchemy's public name
    (event_id,) = tx.record(
        Event(
            AuditAction.AUDIENCE_FROZEN,
            {
                "audience": row.code,
                "subject": row.subject,
                "kind": row.kind,
                "people": people,
                "root": root,
                "digest": digest,
                "actor": f"operator:{row.frozen_by}",
            },
        )
    )
    cast = "CAST({} AS jsonb)" if tx.dialect == "postgresql" else "{}"
    await tx.write(
        "UPDATE audience SET people = :people, root = :root, digest = :digest, salt = :salt,"
        f" event_id = :event, counts = {cast.format(':counts')}, selection = {cast.format(':selection')}"
        " WHERE id = :id",
        {
            "people": people,
            "root": root,
            "digest": digest,
            "salt": salt,
            "event": event_id,
            "counts": canonical(counts).decode(),
            "selection": canonical(selection).decode(),
            "id": audience_id,
        },
    )


async def find(tx: Transaction, code: str) -> Audience:
    """Return the audience named ``code``, or raise ``NotFound``."""
    row = await tx.row(
        "SELECT id, code, subject, kind, frozen_at, frozen_by, people, root, digest, counts, selection"
        " FROM audience WHERE code = :code",
        code=code,
    )
    if row is None:
        raise NotFound(
            "there is no audience with this code",
            advice="`notifier incidents audiences CODE` lists those of an incident.",
        )
    return _audience(row)


async def about(tx: Transaction, subject: str) -> list[Audience]:
    """Return the audiences about ``subject``, the oldest first."""
    rows = await tx.rows(
        "SELECT id, code, subject, kind, frozen_at, frozen_by, people, root, digest, counts, selection"
        " FROM audience WHERE subject = :subject ORDER BY id",
        subject=subject,
    )
    return [_audience(row) for row in rows]


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted names and no spaces."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


async def _open(tx: Transaction, code: str, subject: str, kind: str, frozen_by: str) -> int:
    rows = await tx.write_returning(
        "INSERT INTO audience (code, subject, kind, frozen_at, frozen_by, people, root, digest, counts,"
        " selection, salt, event_id)"
        " VALUES (:code, :subject, :kind, :now, :by, 0, '', '', '{}', '{}', :nothing, '') RETURNING id",
        {
            "code": code,
            "subject": subject,
            "kind": kind,
            "now": tx.now_us(),
            "by": frozen_by,
            "nothing": b"",
        },
    )
    return int(rows[0].id)


async def _counts(tx: Transaction, audience_id: int, people: int) -> dict[str, Any]:
    """Count the people by all that is counted.

    Grouping sorts, and sorting a million rows costs seconds: the usual person, due and told in person, is
    what remains when all others are counted.
    """
    places = await tx.rows(
        "SELECT country, locale, count(*) AS people FROM audience_member WHERE audience_id = :id"
        " GROUP BY country, locale",
        id=audience_id,
    )
    others = await tx.rows(
        "SELECT state, reason, variant, count(*) AS people,"
        " CASE WHEN contact_point_id IS NULL THEN 'none' ELSE 'email' END AS channel FROM audience_member"
        " WHERE audience_id = :id AND NOT (state = 'due' AND variant = 'person' AND reason = ''"
        " AND contact_point_id IS NOT NULL) GROUP BY state, reason, variant, channel",
        id=audience_id,
    )
    counts: dict[str, Any] = {
        **{name: _added(others, name) for name in ("state", "reason", "variant", "channel")},
        **{name: _added(places, name) for name in ("country", "locale")},
    }
    counts["reason"].pop("unknown", None)
    if usual := people - sum(row.people for row in others):
        for name, value in (("state", "due"), ("variant", "person"), ("channel", "email")):
            counts[name][value] = counts[name].get(value, 0) + usual
    counts["open_duplicates"] = await _open_duplicates(tx, audience_id)
    return counts


def _added(rows: Sequence[Any], name: str) -> dict[str, int]:
    made: dict[str, int] = {}
    for row in rows:
        value = getattr(row, name) or "unknown"
        made[value] = made.get(value, 0) + row.people
    return made


async def _open_duplicates(tx: Transaction, audience_id: int) -> int:
    """Count the people of whom nobody has decided yet whether they are one with somebody else."""
    return int(
        await tx.scalar(
            "SELECT count(*) FROM (SELECT first_id AS id FROM duplicate_candidate WHERE state = 'open'"
            " UNION SELECT second_id FROM duplicate_candidate WHERE state = 'open') AS d"
            " JOIN audience_member m ON m.audience_id = :id AND m.customer_id = d.id",
            id=audience_id,
        )
    )


def _audience(row: Any) -> Audience:
    facts = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row's columns
    for name in ("counts", "selection"):
        if isinstance(facts[name], str | bytes):
            facts[name] = orjson.loads(facts[name])
    return Audience(**facts)
