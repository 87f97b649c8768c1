"""Acknowledgements: a person's word, or support's for them, that a notice was read."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, surrogate


class Acknowledgement(SQLModel, table=True):
    """One acknowledgement. Append-only."""

    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id")
    member_id: int = big(foreign_key="audience_member.id", index=True)
    delivery_id: int = big(foreign_key="delivery.id")
    how: str
    at: int = big()
    assurance: str = ""
    counts: bool = True
    by: str = ""
    reason: str = ""
    event_id: str = Field(default="", max_length=32)
