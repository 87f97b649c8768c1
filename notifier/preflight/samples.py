"""Notices as they lie in the store, opened for an operator who is about to approve them. On record."""

from __future__ import annotations

import email
import email.policy
import secrets
from dataclasses import dataclass

from notifier import notices
from notifier.announcements import Announcement
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.errors import StoreError
from notifier.keys import Keys
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class Sample:
    """One notice, its very bytes read back as a mail program would."""

    reference: str
    locale: str
    recipient: str
    subject: str
    text: str


async def random_samples(
    tx: Transaction, keys: Keys, announcement: Announcement, locales: list[str], *, most: int, operator: str
) -> list[Sample]:
    """Open random real notices, at least one in each language, and record that ``operator`` saw them."""
    made: dict[str, Sample] = {}
    for locale in [*locales, *("" for _ in range(max(0, most - len(locales))))]:
        number = await _draw(tx, announcement.id, locale)
        row = await tx.row(
            "SELECT n.reference, n.locale, n.sealed, n.digest, m.uid AS member, c.uid, k.wrapped, d.content"
            " FROM notice n JOIN audience_member m ON m.id = n.member_id"
            " JOIN customer c ON c.id = m.customer_id JOIN subject_key k ON k.customer_id = c.id"
            " JOIN notice_dictionary d ON d.id = n.dictionary_id WHERE n.id = :id",
            id=number,
        )
        if row is None or row.reference in made:
            continue
        packed = keys.subject(row.uid, bytes(row.wrapped)).open(bytes(row.sealed), notices.SEAL_CONTEXT)
        recipient, message = notices.unpack(packed, bytes(row.content))
        if notices.keyed_digest(message, keys.index) != bytes(row.digest):
            raise StoreError("a notice does not match its digest", advice="Run the preflight again.")
        made[row.reference] = Sample(row.reference, row.locale, recipient, *read(message))
        tx.record(
            Event(
                AuditAction.PREVIEWED,
                {
                    "actor": f"operator:{operator}",
                    "announcement": announcement.code,
                    "member": row.member,
                    "locale": row.locale,
                },
            )
        )
    return list(made.values())


async def _draw(tx: Transaction, announcement_id: int, locale: str) -> int | None:
    """Draw a notice: references are random, so the next one behind a random one is as good as any."""
    for draw in (secrets.token_hex(8).upper(), ""):
        found = await tx.scalar(
            "SELECT id FROM notice WHERE reference >= :draw AND announcement_id = :id"
            " AND (:locale = '' OR locale = :locale) ORDER BY reference LIMIT 1",
            draw=draw,
            id=announcement_id,
            locale=locale,
        )
        if found is not None:
            return int(found)
    return None


def read(message: bytes) -> tuple[str, str]:
    """Return subject and text of a message."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    body = parsed.get_body(("plain",))
    return str(parsed["subject"]), body.get_content() if body is not None else ""
