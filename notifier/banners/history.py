"""What became of one banner: its events, opened with the person's key and held against their entries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from notifier.audit.disclosures import proven
from notifier.audit.entry import Disclosure
from notifier.audit.listing import Placed, by_ids
from notifier.banners.reporting import DISCLOSED, SEAL_CONTEXT
from notifier.clock import from_instant
from notifier.errors import StoreError
from notifier.keys import SubjectKey
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class BannerTold:
    """One event. ``proven``: whether its audit entry commits to this very token; ``None`` where it discloses
    nothing or the person is erased.
    """

    event: str
    at: datetime
    revision: int
    locale: str
    form: str
    key_id: str
    token_id: str
    customary_place: bool | None
    authenticated_at: datetime | None
    became: str
    """The state that the delivery took with it; empty if it changed none."""
    entry: str
    leaf_index: int | None
    checkpoint: int | None
    proven: bool | None
    unreadable: bool


async def events_of(tx: Transaction, subject: SubjectKey | None, delivery_id: int) -> list[BannerTold]:
    """Return what happened to a banner, in the order in which it came."""
    rows = await tx.rows("SELECT * FROM banner_event WHERE delivery_id = :id ORDER BY id", id=delivery_id)
    entries = await by_ids(tx, [row.event_id for row in rows])
    return [_told(row, subject, entries.get(row.event_id)) for row in rows]


def _told(row: Row[Any], subject: SubjectKey | None, entry: Placed | None) -> BannerTold:
    token, unreadable = "", False
    if subject is not None and row.sealed is not None:
        try:
            token = subject.open(bytes(row.sealed), SEAL_CONTEXT).decode()
        except (StoreError, UnicodeDecodeError):
            unreadable = True
    return BannerTold(
        event=row.event,
        at=from_instant(row.at),
        revision=row.revision,
        locale=row.locale,
        form=row.form,
        key_id=row.key_id,
        token_id=token,
        customary_place=None if row.customary_place is None else bool(row.customary_place),
        authenticated_at=None if row.authenticated_at is None else from_instant(row.authenticated_at),
        became=row.became,
        entry=row.event_id,
        leaf_index=entry.leaf_index if entry else None,
        checkpoint=entry.checkpoint if entry else None,
        proven=_proven(subject, entry, token),
        unreadable=unreadable,
    )


def _proven(subject: SubjectKey | None, entry: Placed | None, token: str) -> bool | None:
    if subject is None:
        return None
    found = proven(subject, entry, [Disclosure(DISCLOSED, {"token": token})])
    return False if found is None and token else found
