"""Public notices in the store: as they stand, and the pages they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from sqlalchemy import Row

from incidents.store import Incident
from incidents.substitute.making import Terms
from notifier.errors import NotFound
from notifier.store import Transaction

DRAFT, APPROVED, PUBLISHED = "draft", "approved", "published"
WITHDRAWN, DROPPED = "withdrawn", "dropped"


@dataclass(frozen=True, slots=True)
class Notice:
    """A public notice as it stands in the store; instants are microseconds since the epoch."""

    id: int
    incident_id: int
    revision: int
    slug: str
    state: str
    facts: Mapping[str, Any]
    digest: str
    from_at: int
    until_at: int
    law_days: int
    drafted_by: str
    approved_by: str
    approved_at: int | None
    expires_at: int | None
    alone: bool
    published_by: str
    published_at: int | None
    visible_at: int | None
    withdrawn_at: int | None
    taken_by: str

    @property
    def terms(self) -> Terms:
        """What was chosen when it was drafted."""
        public = self.facts["public"]
        return Terms(
            date.fromisoformat(public["from"]),
            date.fromisoformat(public["last"]),
            tuple(public["paths"]),
            bool(public["people"]),
        )

    @property
    def address(self) -> str:
        """Where the public finds it."""
        return str(self.facts["public"]["address"])


def read(row: Row[Any]) -> Notice:
    """Return the notice that a row of ``substitute_notice`` states."""
    facts = orjson.loads(row.facts) if isinstance(row.facts, str | bytes) else row.facts
    values = {name: getattr(row, name) for name in Notice.__dataclass_fields__ if name != "facts"}
    return Notice(**{**values, "alone": bool(row.alone)}, facts=facts)


async def newest(tx: Transaction, incident: Incident, *, lock: bool = False) -> Notice | None:
    """Return an incident's newest notice, if there is one; ``lock`` keeps it as it is until the commit."""
    row = await tx.row(
        "SELECT * FROM substitute_notice WHERE incident_id = :id ORDER BY revision DESC LIMIT 1"
        f"{' FOR UPDATE' if lock and tx.dialect == 'postgresql' else ''}",
        id=incident.id,
    )
    return read(row) if row else None


async def required(tx: Transaction, incident: Incident, *, lock: bool = False) -> Notice:
    """Return an incident's newest notice, or raise ``NotFound``."""
    found = await newest(tx, incident, lock=lock)
    if found is None:
        raise NotFound(
            f"{incident.code} has no public notice",
            advice="Draft one:"
            f" `notifier incidents substitute draft {incident.code} --days DAYS --operator HANDLE`.",
        )
    return found


async def pages(tx: Transaction, notice_id: int, kind: str) -> dict[str, bytes]:
    """Return a notice's pages, or its texts for the press, by locale."""
    rows = await tx.rows(
        "SELECT locale, content FROM substitute_page WHERE notice_id = :id AND kind = :kind ORDER BY locale",
        id=notice_id,
        kind=kind,
    )
    return {row.locale: bytes(row.content) for row in rows}
