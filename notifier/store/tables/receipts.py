"""Receipts: what was said of hand-overs afterwards, and what nobody could say yet whom it is about."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, surrogate


class ReceiptRow(SQLModel, table=True):
    """One report about one delivery. Append-only."""

    __tablename__ = "receipt"
    __table_args__ = (UniqueConstraint("source", "key"), Index("ix_receipt_delivery", "delivery_id"))
    id: int | None = surrogate()
    source: str
    """Who reported: ``email``, or a provider's name."""
    key: str = Field(max_length=64)
    """What the same report has in common however often it comes."""
    delivery_id: int = big(foreign_key="delivery.id")
    attempt: int
    kind: str
    """A ``ReceiptKind``."""
    occurred_at: int | None = big(default=None)
    """When it happened, as the report has it."""
    received_at: int = big()
    code: int = 0
    enhanced: str = ""
    reason: str = ""
    was: str = ""
    """The delivery's state that it ended; empty where it changed none."""
    became: str = ""
    """The state that followed."""
    late: bool = False
    """Whether the announcement was closed by then."""
    sealed: bytes | None = None
    """Whom it names and its own words: sealed JSON, context ``receipt``."""
    event_id: str = Field(max_length=32)
    """Its audit entry."""


class PendingReceipt(SQLModel, table=True):
    """A receipt that came before the answer to its hand-over: it counts once that is on record."""

    __tablename__ = "pending_receipt"
    receipt_id: int = big(primary_key=True, foreign_key="receipt.id")


class ParkedReceipt(SQLModel, table=True):
    """A report about no delivery we know, kept until it can be matched or somebody sets it aside."""

    __tablename__ = "parked_receipt"
    __table_args__ = (UniqueConstraint("source", "key"),)
    id: int | None = surrogate()
    source: str
    key: str = Field(max_length=64)
    kind: str
    reference: str = ""
    attempt: int = 0
    carrier_id: str = ""
    occurred_at: int | None = big(default=None)
    received_at: int = big()
    code: int = 0
    enhanced: str = ""
    reason: str = ""
    sealed: bytes
    """Whom it names and its own words: sealed JSON under the house's key, context ``receipt``."""
    state: str = Field(default="parked", index=True)
    """``parked``, ``matched`` or ``set-aside``."""
    settled_at: int | None = big(default=None)
    settled_by: str = ""
    """An operator's handle, or ``system``."""
