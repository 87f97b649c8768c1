"""Which banners are out for a person now: one statement; opened with their key, held to their digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Row

from notifier import notices
from notifier.acknowledgements import ACKNOWLEDGED, EXPOSED
from notifier.announcements import corrects
from notifier.channels.banner import content
from notifier.channels.banner.notices import BannerEvent, BannerNotice, Reading
from notifier.clock import from_instant
from notifier.deliveries import State
from notifier.errors import StoreError
from notifier.keys import Keys, SubjectKey
from notifier.standing import ASIDE, BARRED
from notifier.store import Transaction

_log = structlog.get_logger(__name__)

MOST = 20
MOMENTS = tuple(f"{event}_at" for event in BannerEvent)
"""Columns of a reading."""
# While an announcement is paused nobody new is told; who has seen it may read on.
_OUT = (
    f"a.state = 'released' AND (d.state = '{State.DELIVERED}' OR (a.control = 'run'"
    f" AND d.state IN ('{State.PLANNED}', '{State.ACCEPTED}'))) AND a.control <> 'cancel' AND NOT {ASIDE}"
    f" AND NOT {BARRED}"
)


@dataclass(frozen=True, slots=True)
class Out:
    """A banner that is out, before it is opened."""

    row: Row[Any]

    @property
    def reading(self) -> Reading | None:
        """How far its reader has come; ``None`` where nothing is on record."""
        row = self.row
        if row.read_revision is None:
            return None
        moments: dict[str, Any] = {
            name: None if (at := getattr(row, name)) is None else from_instant(at) for name in MOMENTS
        }
        return Reading(row.read_revision, dismissals=row.dismissals, **moments)

    def subject(self, keys: Keys) -> SubjectKey:
        """Return its reader's key."""
        return keys.subject(self.row.person, bytes(self.row.wrapped))

    def opened(self, keys: Keys) -> BannerNotice:
        """Return what is shown. Bytes that are not those that were made and approved are a ``StoreError``."""
        row = self.row
        packed = self.subject(keys).open(bytes(row.sealed), notices.SEAL_CONTEXT)
        _, said = notices.unpack(packed, bytes(row.dictionary))
        if notices.keyed_digest(said, keys.index) != bytes(row.digest):
            raise StoreError("a banner is not the one that was made")
        try:
            made = content.read(said)
        except ValueError:
            raise StoreError("a banner cannot be read") from None
        return made.notice(
            notices.grouped(row.reference), row.revision, self.reading, doubtful=bool(row.doubtful)
        )


async def out(tx: Transaction, sub: str, *, reference: str = "") -> list[Out]:
    """Return what is out for a person, the newest first; with ``reference`` that one alone.

    Of an announcement and its correction only the correction is.
    """
    rows = await tx.rows(
        "SELECT d.id AS delivery_id, d.state, d.reference, a.id AS announcement_id, a.code, a.revision,"
        f" {corrects('a', tx.dialect)} AS corrects, m.id AS member_id, m.uid AS member, c.uid AS person,"
        " k.wrapped, n.digest, n.sealed, y.content AS dictionary, r.revision AS read_revision,"
        f" {', '.join(f'r.{name}' for name in MOMENTS)}, r.dismissals,"
        f" CASE WHEN {EXPOSED} AND NOT {ACKNOWLEDGED} THEN 1 ELSE 0 END AS doubtful"
        " FROM customer c JOIN subject_key k ON k.customer_id = c.id"
        " JOIN audience_member m ON m.customer_id = c.id"
        " JOIN delivery d ON d.member_id = m.id AND d.channel = 'banner'"
        " JOIN announcement a ON a.id = d.announcement_id JOIN notice n ON n.id = d.notice_id"
        " JOIN notice_dictionary y ON y.id = n.dictionary_id"
        " LEFT JOIN banner_reading r ON r.member_id = m.id AND r.reference = d.reference"
        f" WHERE c.number = :sub AND {_OUT} ORDER BY d.id DESC LIMIT {MOST}",
        sub=sub,
    )
    corrected = {row.corrects for row in rows if row.corrects}
    return [Out(row) for row in rows if row.code not in corrected and reference in {"", row.reference}]


def shown(found: Sequence[Out], keys: Keys) -> list[BannerNotice]:
    """Open what is out. What is damaged is never shown, and hides nothing else; where nothing can be shown
    for that, it is a ``StoreError``.
    """
    opened = []
    for one in found:
        try:
            opened.append(one.opened(keys))
        except StoreError:
            _log.error("banner.damaged", delivery=one.row.reference)
            if len(found) == 1:
                raise
    if found and not opened:
        raise StoreError("no banner of a person can be opened")
    return opened
