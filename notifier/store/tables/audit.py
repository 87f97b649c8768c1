"""The audit trail's tables. ``audit_event``, ``log_leaf`` and ``log_checkpoint`` are append-only."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, surrogate


class AuditEvent(SQLModel, table=True):
    """One entry: the very bytes that are hashed."""

    __tablename__ = "audit_event"
    id: str = Field(primary_key=True, max_length=32)
    action: str
    at: int = big()
    entry: bytes


class AuditPending(SQLModel, table=True):
    """An entry that waits for its place in the log."""

    __tablename__ = "audit_pending"
    id: int | None = surrogate()
    event_id: str = Field(max_length=32)


class LogLeaf(SQLModel, table=True):
    """The place of an entry in the log."""

    __tablename__ = "log_leaf"
    leaf_index: int = big(primary_key=True)
    event_id: str = Field(unique=True, max_length=32)


class LogTile(SQLModel, table=True):
    """A full tile of 256 hashes (C2SP tlog-tiles)."""

    __tablename__ = "log_tile"
    level: int = Field(primary_key=True)
    number: int = big(primary_key=True)
    content: bytes


class LogEdge(SQLModel, table=True):
    """The growing tile of each level."""

    __tablename__ = "log_edge"
    level: int = Field(primary_key=True)
    number: int = big()
    content: bytes


class LogCheckpoint(SQLModel, table=True):
    """A signed checkpoint: a C2SP signed note."""

    __tablename__ = "log_checkpoint"
    size: int = big(primary_key=True)
    note: bytes
    signed_at: int = big()


class LogState(SQLModel, table=True):
    """The one row that sequencing locks: tree size and compact range (the 32-byte hashes joined)."""

    __tablename__ = "log_state"
    __table_args__ = (UniqueConstraint("origin"),)
    id: int = Field(primary_key=True)
    origin: str
    size: int = big()
    compact_range: bytes = b""
    published: int = big(default=0)
    """Size of the checkpoint that may be shown: the one that is remembered outside the database."""
