"""One fact of the audit trail and its bytes.

An entry is a CloudEvents 1.0 structured JSON document in canonical bytes (RFC 8785), stored exactly as
it is hashed. In the clear stand only ids, codes, times and digests. Personal values appear as salted
digests (RFC 9901, section 4.2.4): the salt comes from the person's subject key and is never stored, so a
disclosure can be made again while that key lives and never after.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Union

import orjson

from notifier.keys import SubjectKey

MAX_ENTRY_BYTES = 65_535  # A tlog-tiles entry bundle counts an entry's length in 16 bits.

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
    random = int.from_bytes(os.urandom(10), "big")
    value = (
        ((now_us // 1000) & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76
        | (random >> 68) << 64
        | 0b10 << 62
        | (random & 0x3FFF_FFFF_FFFF_FFFF)
    )
    return f"{value:032x}"


def encode(event: Event, *, event_id: str, origin: str, at: datetime) -> bytes:
    """Return the entry's bytes: the very bytes that are stored, hashed and shown.

    A float, a boolean, a null or a key outside ASCII is a ``TypeError``: their canonical form differs
    between libraries. An entry of more than 65,535 bytes is a ``ValueError``.
    """
    _only_plain(event.facts)
    data: dict[str, Json] = dict(event.facts)
    if event.disclosures:
        data["_sd"] = sorted(digest(made) for made in disclose(event, event_id))
        data["_sd_alg"] = "sha-256"
    entry = orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": origin,
            "type": event.action,
            "time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "datacontenttype": "application/json",
            "data": data,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    if len(entry) > MAX_ENTRY_BYTES:
        raise ValueError(f"an audit entry may have {MAX_ENTRY_BYTES} bytes, this one has {len(entry)}")
    return entry


def disclose(event: Event, event_id: str) -> list[bytes]:
    """Return the disclosures of ``event`` in the form that is handed out (RFC 9901, section 4.2.1)."""
    if event.subject is None:
        raise ValueError("an event with disclosures needs the subject whose key salts them")
    made = []
    for disclosure in event.disclosures:
        salt = _b64(event.subject.salt(event_id, disclosure.name))
        content = orjson.dumps([salt, disclosure.name, disclosure.value], option=orjson.OPT_SORT_KEYS)
        made.append(_b64(content).encode())
    return made


def digest(disclosure: bytes) -> str:
    """Return the digest under which a disclosure stands in its entry (RFC 9901, section 4.2.3)."""
    return _b64(hashlib.sha256(disclosure).digest())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _only_plain(value: Json) -> None:
    kind = type(value)
    if kind is str or kind is int:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not key.isascii():
                raise TypeError(f"an audit entry's keys are ASCII, not {key!r}")
            _only_plain(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for inner in value:
            _only_plain(inner)
    else:
        raise TypeError(f"an audit entry holds strings and integers, not {kind.__name__}")
