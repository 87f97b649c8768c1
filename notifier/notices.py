"""A notice: what one person is told on one channel, immutable, with its digest and its exact bytes.

The bytes are kept compressed against the rendering for an invented person, so that a notice of 7 kB costs
a few hundred bytes; restoring them needs zlib (RFC 1951) and that dictionary, no template and no library
of ours.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from notifier.errors import StoreError

_WINDOW = -15  # Raw deflate, 32 kB window: no header, and no Adler-32 over personal bytes.
_AFTER_RECIPIENT = b"\0"  # In no e-mail address, number or postal address; those have several lines.
SEAL_CONTEXT = b"notice"
LISTED_RECORDS = 50
"""How many records a notice lists."""


@dataclass(frozen=True, slots=True)
class Person:
    """What a template may know about the reader. ``name`` may be empty."""

    name: str = ""
    variant: str = "person"
    categories: tuple[str, ...] = ()
    new_categories: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    """Facts about this reader only: affected records, last four digits."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One notice as text, before it becomes a message: the same facts three times."""

    subject: str
    text: str
    html: str


def listed(records: Sequence[str], total: int) -> list[str]:
    """Return the first of ``total`` records, and how many more there are, in no language."""
    first = list(records[:LISTED_RECORDS])
    more = total - len(first)
    return [*first, f"+ {more}"] if more > 0 else first


def shortened(records: Sequence[str], most: int) -> list[str]:
    """Return what ``listed`` made with no more than ``most`` records."""
    more = 0
    if records and records[-1].startswith("+ ") and records[-1][2:].isdecimal():
        records, more = records[:-1], int(records[-1][2:])
    first = list(records[:most])
    more += len(records) - len(first)
    return [*first, f"+ {more}"] if more else first


def addressed(recipient: str, message: bytes) -> bytes:
    """Return a message behind its recipient: an address, a number, or the lines of a postal address. One with
    a NUL in it is a ``ValueError``: it could not be told from the message.
    """
    if "\0" in recipient:
        raise ValueError("there is a NUL in the recipient of a notice")
    return recipient.encode() + _AFTER_RECIPIENT + message


def pack(recipient: str, message: bytes, dictionary: bytes) -> bytes:
    """Compress a recipient and a message without Date against ``dictionary``; see ``addressed``."""
    squeeze = _primed(dictionary).copy()
    return squeeze.compress(addressed(recipient, message)) + squeeze.flush()


@lru_cache(maxsize=64)
def _primed(dictionary: bytes) -> zlib._Compress:
    """Return a compressor that has read ``dictionary``: a copy of it costs less than reading again."""
    return zlib.compressobj(6, zlib.DEFLATED, _WINDOW, zdict=dictionary[-32_768:])


def sample(dictionary: bytes) -> bytes:
    """Return the message to an invented reader that a dictionary holds behind their address."""
    return dictionary.partition(_AFTER_RECIPIENT)[2]


def unpack(packed: bytes, dictionary: bytes) -> tuple[str, bytes]:
    """Return the envelope recipient and the exact message that ``pack`` was given. Anything that ``pack``
    has not made against this dictionary is a ``StoreError``, unless the message is another one by chance:
    its digest shows that.
    """
    expand = zlib.decompressobj(_WINDOW, zdict=dictionary[-32_768:])
    try:
        recipient, between, message = (expand.decompress(packed) + expand.flush()).partition(_AFTER_RECIPIENT)
        if between and expand.eof and not expand.unused_data:
            return recipient.decode(), message
    except (zlib.error, UnicodeDecodeError):
        pass
    raise StoreError("a notice cannot be restored from what is kept")


def keyed_digest(message: bytes, key: bytes) -> bytes:
    """Return the BLAKE2b-256 digest (RFC 7693) of a message under a key: no dictionary attack on names."""
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


def grouped(reference: str) -> str:
    """Return a reference as people read and type it: ``3F9A-02BC-77D1-E04B``."""
    return "-".join(reference[start : start + 4] for start in range(0, len(reference), 4))
