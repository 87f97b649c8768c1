"""What a frozen audience commits to, and whether it still is what was frozen.

The root is that of RFC 6962 over one leaf a member, in the order of their random ids: the id, then
SHA-256(k || line). The line is the member's row as a canonical JSON array (RFC 8785), with the person's
random id and the keyed index of the address to be used; k is SHA-256(salt || id). The salt is random, one
for each audience, and stays in the store: nobody can test guesses against the root, and one member's line
can be shown without giving away another's. No key is needed, so that all of it still holds once a person
is erased.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import orjson
from sqlalchemy import Row
from sqlalchemy.exc import DBAPIError

from notifier.audit.actions import AuditAction
from notifier.audit.merkle import CompactRange
from notifier.errors import Refused
from notifier.store import Dialect, Transaction

Kind = Literal["text", "number", "bytes"]
MEMBER: Sequence[tuple[str, Kind]] = (
    ("m.uid", "text"),
    ("m.id", "number"),
    ("c.uid", "text"),
    ("m.contact_point_id", "number"),
    ("p.value_index", "bytes"),
    ("m.state", "text"),
    ("m.reason", "text"),
    ("m.variant", "text"),
    ("m.locale", "text"),
    ("m.country", "text"),
    ("m.time_zone", "text"),
    ("m.categories", "text"),
    ("m.new_categories", "text"),
    ("m.basis", "text"),
    ("m.sealed", "bytes"),
)
"""What a member's line holds, in this order; docs/reference/audit-entry.md repeats it."""
_MEMBERS = (
    "audience_member m LEFT JOIN customer c ON c.id = m.customer_id"
    " LEFT JOIN contact_point p ON p.id = m.contact_point_id"
)
_ID = slice(2, 34)
"""Where a line has the member's id: 32 digits behind ``["``."""
_PREFIX = 3
_BUNDLES = 64
_SIGNED = ("code", "subject", "kind", "frozen_at", "frozen_by", "people", "root", "counts", "selection")


class Committed(NamedTuple):
    """How many rows there are, and the root over them in hex."""

    rows: int
    root: str


def new_salt() -> bytes:
    """Return what hides the rows of one audience from those who know only its root."""
    return os.urandom(32)


async def commit(
    tx: Transaction,
    audience_id: int,
    salt: bytes,
    *,
    source: str = _MEMBERS,
    columns: Sequence[tuple[str, Kind]] = MEMBER,
) -> Committed:
    """Commit to an audience's members, or to other rows about each member ``m``; memory stays flat.

    The database hands the lines over joined, by the first digits of the ids: fetching a row for each
    costs more than its hashes do.
    """
    prefix, line = f"substr(m.uid, 1, {_PREFIX})", _line(tx.dialect, columns)
    if tx.dialect == "sqlite":
        joined, order = f"CAST(group_concat({line}, char(10)) AS BLOB)", prefix
    else:
        joined, order = f"convert_to(string_agg({line}, chr(10)), 'UTF8')", f'{prefix} COLLATE "C"'
    bundles = tx.stream(
        f"SELECT {joined} AS lines FROM {source} WHERE m.audience_id = :id"
        f" GROUP BY {prefix} ORDER BY {order}",
        chunk=_BUNDLES,
        id=audience_id,
    )
    tree = CompactRange()
    async for part in bundles:
        for bundle in part:
            tree.extend([leaf(line, salt) for line in sorted(bytes(bundle.lines).split(b"\n"))])
    return Committed(tree.size, tree.root().hex())


def leaf(line: bytes, salt: bytes) -> bytes:
    """Return the hash of a member's line as a leaf."""
    uid = line[_ID]
    return sha256(b"\x00" + uid + sha256(sha256(salt + uid).digest() + line).digest()).digest()


def _line(dialect: Dialect, columns: Sequence[tuple[str, Kind]]) -> str:
    """Return the SQL of a row as a JSON array without white space: the same bytes on both databases."""
    if dialect == "sqlite":
        # hex() of nothing is an empty text, which is another value.
        hexed = "CASE WHEN {0} IS NOT NULL THEN hex({0}) END"
        return f"json_array({', '.join(hexed.format(c) if kind == 'bytes' else c for c, kind in columns)})"
    written = {
        "text": "to_json({})::text",
        "number": "{}::text",
        "bytes": "'\"' || upper(encode({}, 'hex')) || '\"'",
    }
    parts = (f"coalesce({written[kind].format(column)}, 'null')" for column, kind in columns)
    return f"'[' || concat_ws(',', {', '.join(parts)}) || ']'"


def digest(audience: Mapping[str, Any]) -> str:
    """Return what an approval signs of an audience: SHA-256 over its salt and its row in canonical JSON, in
    hex. The row quotes descriptions and reasons, which could be guessed without the salt.
    """
    signed = {name: audience[name] for name in _SIGNED}
    for name in ("counts", "selection"):
        if isinstance(signed[name], str | bytes):
            signed[name] = orjson.loads(signed[name])
    return sha256(bytes(audience["salt"]) + orjson.dumps(signed, option=orjson.OPT_SORT_KEYS)).hexdigest()


async def differences(tx: Transaction, audience: Row[Any], entry: Mapping[str, Any]) -> list[str]:
    """Name what of an audience, a row of ``find``, is not as its entry says. Reads all its members."""
    facts = entry.get("data", {})
    try:
        now = await commit(tx, audience.id, bytes(audience.salt))
    except (DBAPIError, TypeError):  # What an application never writes may not even be readable.
        return ["its members cannot be read"]
    found = []
    if now.rows != facts.get("people"):
        found.append(f"members now: {now.rows}, frozen: {facts.get('people')}")
    elif now.root != facts.get("root"):
        found.append("a member, or what is kept about one, differs")
    if not _says(audience, entry):
        found.append("its counts, its selection or another fact of its own differs")
    return found


def _says(audience: Row[Any], entry: Mapping[str, Any]) -> bool:
    facts = entry.get("data", {})
    row = dict(audience._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row's columns
    try:
        signed = digest(row)
    except orjson.JSONDecodeError:
        return False
    same = all(row[name] == facts.get(name) for name in ("subject", "kind", "people", "root", "digest"))
    return (
        same
        and (row["code"], row["digest"], row["event_id"]) == (facts.get("audience"), signed, entry.get("id"))
        and facts.get("actor") == f"operator:{row['frozen_by']}"
    )


async def find(tx: Transaction, column: Literal["id", "code"], key: int | str) -> Row[Any] | None:
    """Return the row of an audience, or nothing."""
    return await tx.row(
        "SELECT id, code, subject, kind, frozen_at, frozen_by, people, root, digest, counts, selection, salt,"
        f" event_id FROM audience WHERE {column} = :key",
        key=key,
    )


async def fault(tx: Transaction, audience_id: int) -> str:
    """Say in what an audience is not the one that was frozen; empty if it is, to the last member."""
    audience = await find(tx, "id", audience_id)
    if audience is None:
        return "the audience is gone"
    entry = await tx.scalar(
        "SELECT entry FROM audit_event WHERE id = :id AND action = :action",
        id=audience.event_id,
        action=AuditAction.AUDIENCE_FROZEN.value,
    )
    found = await differences(tx, audience, orjson.loads(entry)) if entry else ["its entry is missing"]
    return f"the audience {audience.code} is not the one that was frozen: {'; '.join(found)}" if found else ""


async def require(tx: Transaction, audience_id: int) -> None:
    """Refuse to go on with an audience that is not the one that was frozen."""
    if found := await fault(tx, audience_id):
        raise Refused(
            found,
            advice="Do not send. Find out who wrote to the database (`notifier audit verify` names all that"
            " differs), cancel the announcement, and freeze again with --replace.",
        )
