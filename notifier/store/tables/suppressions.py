"""Suppressions: standing refusals to use an address, with why, for how long, and why no more."""

from __future__ import annotations

from sqlalchemy import Index, text
from sqlmodel import SQLModel

from notifier.store.tables.columns import big, surrogate

_STANDS = text("lifted_at IS NULL")


class Suppression(SQLModel, table=True):
    """One refusal to use one address on one channel, whoever has it. At most one of a reason stands."""

    __table_args__ = (
        Index(
            "ix_suppression_standing",
            "value_index",
            "channel",
            "reason",
            unique=True,
            sqlite_where=_STANDS,
            postgresql_where=_STANDS,
        ),
    )
    id: int | None = surrogate()
    channel: str
    value_index: bytes
    """Blind index of the address, as a contact point has it."""
    folded_index: bytes
    """Its index folded: contact points are looked up by it."""
    reason: str
    """A ``notifier.suppressions.Reason``."""
    because: str
    """What showed it, in words without personal data; an operator's own words."""
    source: str
    """``answer`` (to a hand-over), ``receipt`` or ``operator``."""
    by: str = "system"
    """An operator's handle, or ``system``."""
    since: int = big()
    until: int | None = big(default=None)
    """When it ends by itself; never, where there is none."""
    lifted_at: int | None = big(default=None)
    lifted_by: str = ""
    lifted_because: str = ""
