"""Banners: how far each reader has come with a notice that is shown in the service, and how that is known."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, surrogate


class BannerReading(SQLModel, table=True):
    """How far one person has come with one notice: what their events add up to."""

    __tablename__ = "banner_reading"
    __table_args__ = (UniqueConstraint("member_id", "reference"),)
    id: int | None = surrogate()
    member_id: int = big(foreign_key="audience_member.id")
    reference: str = Field(max_length=16)
    revision: int
    """The announcement's; of another one it counts for nothing."""
    served_at: int | None = big(default=None)
    visible_at: int | None = big(default=None)
    opened_at: int | None = big(default=None)
    acknowledged_at: int | None = big(default=None)
    snoozed_at: int | None = big(default=None)
    dismissed_at: int | None = big(default=None)
    dismissals: int = 0


class BannerEventRow(SQLModel, table=True):
    """One thing that happened to a banner on a page, where it changed the reading. Append-only."""

    __tablename__ = "banner_event"
    __table_args__ = (UniqueConstraint("member_id", "report"),)
    id: int | None = surrogate()
    delivery_id: int = big(foreign_key="delivery.id", index=True)
    member_id: int = big(foreign_key="audience_member.id")
    report: str = Field(max_length=64)
    """Chosen by whoever reports; the same for each repetition."""
    revision: int
    event: str
    """A ``BannerEvent``."""
    at: int = big()
    form: str
    """How it was shown: ``element``, ``fragment`` or ``json``."""
    locale: str
    """The language of the text on the page; empty where whoever reports does not say, or says another."""
    key_id: str
    """Which of the host's keys vouched for the session."""
    customary_place: bool | None = None
    """Whether the session came from a place customary for this account, where the host asserts it."""
    authenticated_at: int | None = big(default=None)
    """When the reader last proved who they are, as the host asserts."""
    was: str = ""
    """The delivery's state that it ended; empty where it changed none."""
    became: str = ""
    """The state that followed."""
    sealed: bytes | None = None
    """The token's ``jti``: sealed, context ``banner``."""
    event_id: str = Field(max_length=32)
    """Its audit entry."""
