"""Is this reference one of ours? The answer is a subject, a day and a channel, or nothing.

A reference is public only once its notice was handed over for the first time; it tells nothing about the
person who got it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.policy import SMTPUTF8
from typing import Any

from sqlalchemy import Row

from notifier import notices
from notifier.clock import from_instant
from notifier.errors import StoreError
from notifier.keys import Keys
from notifier.store import Store


@dataclass(frozen=True, slots=True)
class Genuine:
    """What may be said of a notice that is ours. ``subject`` is empty once its reader's data is erased."""

    subject: str
    day: datetime
    channel: str


async def find(store: Store, keys: Keys, reference: str) -> Genuine | None:
    """Return what may be said of the notice with this reference; ``None`` if none was handed over."""
    async with store.read() as tx:
        row = await tx.row(
            "SELECT d.message_date, d.channel, n.sealed, nd.content, c.uid, k.wrapped "
            "FROM notice n JOIN delivery d ON d.member_id = n.member_id AND d.notice_id = n.id "
            "JOIN notice_dictionary nd ON nd.id = n.dictionary_id "
            "JOIN customer c ON c.id = d.customer_id "
            "LEFT JOIN subject_key k ON k.customer_id = d.customer_id "
            "WHERE n.reference = :reference AND d.message_date IS NOT NULL",
            reference=reference,
        )
    return row and Genuine(_subject(row, keys), from_instant(row.message_date), row.channel)


def subject_of(message: bytes) -> str:
    """Return the decoded subject line of a message."""
    return str(message_from_bytes(message.partition(b"\r\n\r\n")[0], policy=SMTPUTF8).get("Subject", ""))


def _subject(row: Row[Any], keys: Keys) -> str:
    if row.wrapped is None:
        return ""
    try:
        packed = keys.subject(row.uid, row.wrapped).open(row.sealed, notices.SEAL_CONTEXT)
        return subject_of(notices.unpack(packed, row.content)[1])
    except StoreError:
        return ""
