"""What a notice page says: the words that were sent, opened with the person's key and held against the
digest that was approved, and what is known of whether they were read.
"""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Row

from notifier import notices
from notifier.acknowledgements import ACKNOWLEDGED, EXPOSED, TOLD
from notifier.announcements import corrects, from_json
from notifier.clock import from_instant
from notifier.errors import NotifierError, StoreError
from notifier.keys import Keys
from notifier.notices import Person
from notifier.rendering.press import Order
from notifier.rendering.sandbox import all_named
from notifier.store import Transaction
from notifier.web.notices.blocks import Block, of_banner, of_letter, of_text


def _finding(dialect: str) -> str:
    """Return the query for a notice by its reference, if it can have come before its reader."""
    corrected = (
        f"(SELECT min(k.released_at) FROM announcement k WHERE {corrects('k', dialect)} = n.code"
        " AND k.released_at IS NOT NULL AND k.state <> 'cancelled' AND EXISTS (SELECT 1"
        " FROM audience_member x WHERE x.audience_id = k.audience_id AND x.customer_id = m.customer_id))"
    )
    return (
        "SELECT t.reference, t.locale, t.sealed, t.digest, y.content AS dictionary, d.channel,"
        " d.message_date, n.notice, n.facts, n.drill, n.released_at, c.uid, k.wrapped,"
        f" CASE WHEN {EXPOSED} THEN 1 ELSE 0 END AS exposed,"
        f" CASE WHEN {ACKNOWLEDGED} THEN 1 ELSE 0 END AS counts,"
        " (SELECT min(w.at) FROM acknowledgement w WHERE w.member_id = m.id) AS acknowledged_at,"
        f" {corrected} AS corrected_at"
        " FROM notice t JOIN delivery d ON d.member_id = t.member_id AND d.notice_id = t.id"
        " JOIN announcement n ON n.id = d.announcement_id JOIN notice_dictionary y ON y.id = t.dictionary_id"
        " JOIN audience_member m ON m.id = d.member_id JOIN customer c ON c.id = d.customer_id"
        " LEFT JOIN subject_key k ON k.customer_id = d.customer_id"
        f" WHERE t.reference = :reference AND {TOLD}"
    )


@dataclass(frozen=True, slots=True)
class Told:
    """One notice as its reader may see it. ``subject`` and ``blocks`` are empty where the reader's data was
    erased, or with ``damaged`` where they cannot be opened or are not what was approved.
    """

    reference: str
    locale: str
    channel: str
    sent_at: datetime | None
    drill: bool
    contact: Mapping[str, str]
    exposed: bool
    """Whether others may have the reader's means of signing in or mailbox."""
    acknowledged_at: datetime | None
    counts: bool
    """Whether what the reader has acknowledged counts."""
    corrected_at: datetime | None = None
    """When a correction of it was released, for this reader too."""
    erased: bool = False
    damaged: bool = False
    subject: str = ""
    blocks: tuple[Block, ...] = ()


class Notices:
    """Opens the notices of one installation. ``own`` are the operator's own template folders."""

    def __init__(self, keys: Keys, own: tuple[Path, ...]) -> None:
        self._keys = keys
        self._own = own
        self._readers: Mapping[str, Callable[[Row[Any], bytes], tuple[str, list[Block]]]] = {
            "email": _email,
            "letter": self._letter,
            "banner": _banner,
        }

    async def find(self, tx: Transaction, reference: str) -> Told | None:
        """Return the notice with this reference; ``None`` where none can have come before its reader."""
        row = await tx.row(_finding(tx.dialect), reference=reference)
        if row is None:
            return None
        facts = from_json(row.facts)
        sent_at = row.released_at if row.message_date is None else row.message_date
        known: dict[str, Any] = {
            "reference": row.reference,
            "locale": row.locale,
            "channel": row.channel,
            "sent_at": None if sent_at is None else from_instant(sent_at),
            "drill": bool(row.drill),
            "contact": {name: str(value) for name, value in facts.get("contact", {}).items() if value},
            "exposed": bool(row.exposed),
            "acknowledged_at": None if row.acknowledged_at is None else from_instant(row.acknowledged_at),
            "counts": bool(row.counts),
            "corrected_at": None if row.corrected_at is None else from_instant(row.corrected_at),
        }
        if row.wrapped is None:
            return Told(**known, erased=True)
        try:
            subject, blocks = self._readers.get(row.channel, _plain)(row, self._opened(row))
        except (NotifierError, MessageError, ValueError, LookupError, TypeError, AttributeError):
            return Told(**known, damaged=True)
        return Told(**known, subject=subject, blocks=tuple(blocks))

    def _opened(self, row: Row[Any]) -> bytes:
        """Return the exact bytes that were approved."""
        packed = self._keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), notices.SEAL_CONTEXT)
        _, message = notices.unpack(packed, bytes(row.dictionary))
        if notices.keyed_digest(message, self._keys.index) != bytes(row.digest):
            raise StoreError("a notice does not match its digest")
        return message

    def _letter(self, row: Row[Any], content: bytes) -> tuple[str, list[Block]]:
        """Return what the letter says: the same content, facts and templates that its pages are set from."""
        from notifier.channels.letter.press import LetterPress  # noqa: PLC0415 - most notices are no letters

        said = orjson.loads(content)
        person = Person(
            str(said["name"]),
            str(said["variant"]),
            tuple(said["categories"]),
            tuple(said["new_categories"]),
            said["details"],
        )
        press = LetterPress(self._own)
        facts = {**from_json(row.facts), "drill": bool(row.drill)}
        order: Order = press.order(row.notice, row.locale, facts)
        with all_named():
            letter = press.content(order, person, row.reference)
            return letter.subject(), list(of_letter(letter.blocks(large_print=False)))


def _email(_row: Row[Any], message: bytes) -> tuple[str, list[Block]]:
    """Return subject and text of an e-mail; its HTML says the same and is nothing for another page."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    body = parsed.get_body(("plain",))
    if body is None:
        raise StoreError("a notice has no text")
    return str(parsed.get("Subject", "")), of_text(str(body.get_content()))


def _banner(row: Row[Any], content: bytes) -> tuple[str, list[Block]]:
    """Return title and text of a banner."""
    if not content.startswith(b"{"):
        return _plain(row, content)
    shown = orjson.loads(content)
    return str(shown.get("title", "")), list(of_banner(shown))


def _plain(_row: Row[Any], content: bytes) -> tuple[str, list[Block]]:
    """Return a text, such as a text message."""
    return "", of_text(content.decode())
