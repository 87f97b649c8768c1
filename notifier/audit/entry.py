"""One fact of the audit trail and its bytes.

An entry is a CloudEvents 1.0 structured JSON document in canonical bytes (RFC 8785), stored exactly as
it is hashed. In the clear stand only ids, codes, times and digests. Personal values appear as salted
digests (RFC 9901, section 4.2.4): the salt comes from the person's subject key and is never stored, so a
disclosure can be made again while that key lives and never after.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Union

import orjson

from notifier.keys import SubjectKey

MAX_ENTRY_BYTES = 65_535  # A tlog-tiles entry bundle counts an entry's length in 16 bits.
# Beyond 53 bits RFC 8785 has no exact integers.
_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_PLAIN = frozenset((str, int))
_FOR_URLS = bytes.maketrans(b"+/", b"-_")

Json = Union[str, int, Sequence["Json"], Mapping[str, "Json"]]  # noqa: UP007 - recursive, read at run time


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Personal values of one entry under one name, to be shown only to those entitled to them."""

    name: str
    value: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Event:
    """One fact to record together with a change.

    ``action`` is a value of an audit action enum, such as ``delivery:attempt:accepted``; ``facts`` hold
    ids, codes, times and digests only; ``disclosures`` hold what is personal and need the ``subject``
    whose key salts them.
    """

    action: str
    facts: Mapping[str, Json] = field(default_factory=dict)
    disclosures: Sequence[Disclosure] = ()
    subject: SubjectKey | None = None


def new_event_id(now_us: int) -> str:
    """Return a UUIDv7 (RFC 9562, section 5.7) for the instant ``now_us``, as 32 hex digits."""
    random = os.urandom(10).hex()
    return f"{now_us // 1000 & 0xFFFF_FFFF_FFFF:012x}7{random[:3]}{_VARIANT[random[3]]}{random[4:19]}"


def encode(event: Event, *, event_id: str, origin: str, at: datetime) -> bytes:
    """Return the entry's bytes: the very bytes that are stored, hashed and shown.

    A float, a boolean, a null or a key outside ASCII is a ``TypeError``: their canonical form differs
    between libraries. An entry of more than 65,535 bytes is a ``ValueError``.
    """
    facts = event.facts
    if not (_PLAIN.issuperset(map(type, facts.values())) and "".join(facts).isascii()):
        _only_plain(facts)
    data: Mapping[str, Json] = facts
    if event.disclosures:
        made = [digest(one) for one in disclose(event, event_id)]
        made.sort()
        data = {**facts, "_sd": made, "_sd_alg": "sha-256"}
    entry = orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": origin,
            "type": event.action,
            "time": _written(at),
            "datacontenttype": "application/json",
            "data": data,
        },
        option=_CANONICAL,
    )
    if len(entry) > MAX_ENTRY_BYTES:
        raise ValueError(f"an audit entry may have {MAX_ENTRY_BYTES} bytes, this one has {len(entry)}")
    return entry


def disclose(event: Event, event_id: str) -> list[bytes]:
    """Return the disclosures of ``event`` in the form that is handed out (RFC 9901, section 4.2.1)."""
    if event.subject is None:
        raise ValueError("an event with disclosures needs the subject whose key salts them")
    salt = event.subject.salt
    return [
        _b64(
            orjson.dumps(
                [_b64(salt(event_id, one.name)).decode(), one.name, one.value], option=orjson.OPT_SORT_KEYS
            )
        )
        for one in event.disclosures
    ]


def digest(disclosure: bytes) -> str:
    """Return the digest under which a disclosure stands in its entry (RFC 9901, section 4.2.3)."""
    return _b64(sha256(disclosure).digest()).decode()


@lru_cache(maxsize=64)
def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _b64(raw: bytes) -> bytes:
    """Encode for URLs and without padding, at a third of the cost of ``base64.urlsafe_b64encode``."""
    return b2a_base64(raw, newline=False).translate(_FOR_URLS).rstrip(b"=")


def _only_plain(value: Json) -> None:
    kind = type(value)
    if kind is str or kind is int:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise TypeError(f"an audit entry's keys are ASCII, not {key!r}")
            _only_plain(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for inner in value:
            _only_plain(inner)
    else:
        raise TypeError(f"an audit entry holds strings and integers, not {kind.__name__}")
