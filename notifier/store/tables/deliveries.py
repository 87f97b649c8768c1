"""Deliveries, their attempts, and the batches and runs that carry them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, json, surrogate


class SendBatch(SQLModel, table=True):
    """Some 500 deliveries that one worker leases and sends together."""

    __tablename__ = "send_batch"
    __table_args__ = (UniqueConstraint("wave_id", "number"),)
    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id", index=True)
    wave_id: int = big(foreign_key="wave.id")
    number: int
    """Counts from 0 within the wave, in the order in which they are due."""
    channel: str = Field(default="email", sa_column_kwargs={"server_default": "email"})
    """All in it go this way."""
    size: int
    state: str = Field(default="planned", index=True)
    """``planned`` (its wave has not fired), ``ready``, ``leased`` or ``done``."""
    not_before: int = big(default=0)
    """Earliest instant at which something in it is due."""
    claim_token: str = ""
    lease_until: int | None = big(default=None)
    worker: str = ""
    failures: int = 0
    """Runs in a row that something unexpected ended."""


class Delivery(SQLModel, table=True):
    """The tracked life of one notice to one contact point."""

    __table_args__ = (
        UniqueConstraint("announcement_id", "customer_id", "contact_point_id", "occasion"),
        Index("ix_delivery_batch", "batch_id"),
    )
    id: int | None = surrogate()
    reference: str = Field(max_length=16)
    """The notice's; unique there."""
    announcement_id: int = big(foreign_key="announcement.id")
    """An announcement row is one revision, so the constraint above covers the revision."""
    member_id: int = big(foreign_key="audience_member.id", index=True)
    customer_id: int = big(foreign_key="customer.id")
    contact_point_id: int | None = big(default=None, foreign_key="contact_point.id")
    """``None`` for a banner: that is shown to whoever signs in to the account."""
    channel: str = "email"
    step: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Of the announcement's channel plan."""
    occasion: str = "first"
    notice_id: int = big(foreign_key="notice.id")
    batch_id: int = big(foreign_key="send_batch.id")
    state: str = "planned"
    attempts: int = 0
    """Hand-overs opened so far."""
    due_at: int = big(default=0)
    """Not before this instant: send window, back-off, or the end of a quarantine."""
    claim_token: str = ""
    message_date: int | None = big(default=None)
    """The Date header, fixed when the first attempt is opened."""
    opened_at: int | None = big(default=None)
    changed_at: int = big(default=0)
    left_at: int | None = big(default=None)
    """When somebody decided to leave it held, in doubt for good."""
    signature: bytes | None = None
    """The DKIM-Signature fields, sealed, context ``signature``."""


class SkippedStep(SQLModel, table=True):
    """A step of the channel plan that was not gone with somebody, and why. Append-only."""

    __tablename__ = "skipped_step"
    member_id: int = big(primary_key=True, foreign_key="audience_member.id")
    announcement_id: int = big(primary_key=True, foreign_key="announcement.id")
    step: int = Field(primary_key=True)
    reason: str
    """``no-contact-point``, ``contact-point-dead``, ``contact-point-stopped``, ``compromised`` …"""
    at: int = big()
    event_id: str = Field(max_length=32)
    """The entry that commits to this row, and to those that were written with it."""


class Attempt(SQLModel, table=True):
    """One closed hand-over. Its opening is on record in the delivery and the audit trail. Append-only."""

    __table_args__ = (
        UniqueConstraint("delivery_id", "number"),
        Index(
            "ix_attempt_carrier",
            "carrier_id",
            sqlite_where=text("carrier_id <> ''"),
            postgresql_where=text("carrier_id <> ''"),
        ),
    )
    id: int | None = surrogate()
    delivery_id: int = big(foreign_key="delivery.id")
    number: int
    opened_at: int = big()
    closed_at: int = big()
    outcome: str
    """``accepted``, ``deferred``, ``rejected`` or ``unknown``."""
    code: int = 0
    enhanced: str = ""
    relay: str = ""
    reason: str = ""
    """What the classification says: ``address-dead``, ``mailbox-full``, ``about-us``, ``throttled`` …"""
    sealed: bytes | None = None
    """The server's reply text: sealed, context ``response``."""
    event_id: str = ""
    """Its audit entry."""
    carrier_id: str = ""
    """The carrier's own id of the message, where it is the one thing a later report may name."""


class Schedule(SQLModel, table=True):
    """When something fires. The database holds the truth; timers only wake us."""

    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id", index=True)
    kind: str
    """``release`` (end of the countdown) or ``wave``."""
    subject_id: int = big(default=0)
    next_fire_at: int | None = big(default=None, index=True)


class SendRun(SQLModel, table=True):
    """One firing of a schedule: the unique constraint lets exactly one worker win it."""

    __tablename__ = "send_run"
    __table_args__ = (UniqueConstraint("schedule_id", "fire_at"),)
    id: int | None = surrogate()
    schedule_id: int = big(foreign_key="schedule.id")
    fire_at: int = big()
    fired_at: int = big()


class RateLimit(SQLModel, table=True):
    """One GCRA row per relay or destination site: ``tat`` is the theoretical arrival time."""

    __tablename__ = "rate_limit"
    key: str = Field(primary_key=True)
    tat: int = big(default=0)
    interval_us: int = big(default=0)
    """Microseconds between two permits now; widened when the other side asks for it."""
    base_interval_us: int = big(default=0)
    facts: dict[str, Any] = json(default_factory=dict)


class SenderLease(SQLModel, table=True):
    """The one worker that may send, where the database is shared (PostgreSQL)."""

    __tablename__ = "sender_lease"
    id: int = big(primary_key=True)
    worker: str
    until: int = big()
