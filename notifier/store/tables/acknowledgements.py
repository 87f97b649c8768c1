"""Acknowledgements: a person's word, or support's for them, that a notice was read."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, surrogate


class Acknowledgement(SQLModel, table=True):
    """One acknowledgement of one notice. Append-only."""

    __table_args__ = (UniqueConstraint("delivery_id", "how", "assurance"),)
    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id")
    member_id: int = big(foreign_key="audience_member.id", index=True)
    delivery_id: int = big(foreign_key="delivery.id")
    how: str
    """``banner``, ``page`` (the notice page) or ``support``."""
    at: int = big()
    assurance: str = ""
    """What vouches for the person beside the notice itself: ``fresh-sign-in``, ``identified``, or nothing."""
    counts: bool = True
    """Whether it counted when it was taken. It needs an assurance where the notice says that the person's
    means of signing in or mailbox were exposed."""
    by: str = ""
    """Who took it down, where that was support: an operator's handle."""
    sealed: bytes | None = None
    """Why, in that operator's words, under the person's key."""
    event_id: str = Field(max_length=32)
    """Its audit entry."""
