"""Customers, their contact points, the accounts they belong to, and their keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, json, surrogate


class Account(SQLModel, table=True):
    """A legal entity that customers belong to; for some data the operator is only its processor."""

    id: int | None = surrogate()
    number: str = Field(unique=True)
    name: str
    country: str = ""


class Customer(SQLModel, table=True):
    """A person. What criteria may select on stands in the clear, the rest is sealed."""

    id: int | None = surrogate()
    uid: str = Field(unique=True, max_length=32)
    number: str = Field(unique=True)
    """The operator's own customer number: how files and commands name the person."""
    locale: str = ""
    time_zone: str = ""
    country: str = Field(default="", index=True)
    region: str = ""
    data_held: str = ""
    """Data categories held, as `` email name ``."""
    marks: str = ""
    """Of minor, deceased, employee, court-protected, as `` minor ``."""
    attributes: dict[str, Any] = json(default_factory=dict)
    """Attributes declared selectable, in the clear."""
    sealed: bytes = b""
    """Name, postal address and other attributes: sealed JSON, context ``customer``."""
    place_index: bytes | None = Field(default=None, index=True)
    """Blind index of folded name and address, for duplicate search."""
    fingerprint: bytes = b""
    """Keyed digest of everything imported: tells changed from unchanged."""
    account_id: int | None = big(default=None, foreign_key="account.id", index=True)
    guardian_id: int | None = big(default=None, foreign_key="customer.id", index=True)
    created_at: int = big()
    changed_at: int = big()
    origin: str = "import"
    """``import``, ``typed`` or ``list``: where we know the person from."""


class SubjectKeyRow(SQLModel, table=True):
    """A person's wrapped subject key. Losing the row is erasing the person; keep few backups of it."""

    __tablename__ = "subject_key"
    customer_id: int = big(primary_key=True, foreign_key="customer.id")
    wrapped: bytes


class ContactPoint(SQLModel, table=True):
    """A customer's address on one channel."""

    __tablename__ = "contact_point"
    __table_args__ = (
        UniqueConstraint("customer_id", "channel", "value_index"),
        # Equal values fold to equal values, so look-ups go through this index and compare ``value_index``.
        Index("ix_contact_point_folded", "folded_index", "customer_id"),
    )
    id: int | None = surrogate()
    customer_id: int = big(foreign_key="customer.id")
    channel: str
    """``email``, ``sms``, ``voice`` (a telephone that takes no texts) or ``letter``."""
    rank: int = 0
    """0 is preferred."""
    sealed: bytes
    """The address itself: sealed text, context ``contact_point``."""
    value_index: bytes
    """Blind index of the normalised address."""
    folded_index: bytes
    """Blind index with case, dots and plus tags folded where the provider folds them."""
    site: str = ""
    """Keyed short name of the destination site (the e-mail domain); never the domain itself."""
    state: str = "usable"
    """``usable``, ``dead`` or ``stopped`` (a suppression stands in the way of every notice), or
    ``retired`` (no longer in the imported data)."""
    state_reason: str = ""


class AccountContact(SQLModel, table=True):
    """A person who stands for an account in one role."""

    __tablename__ = "account_contact"
    account_id: int = big(primary_key=True, foreign_key="account.id")
    customer_id: int = big(primary_key=True, foreign_key="customer.id")
    role: str = Field(primary_key=True)
    """``owner``, ``security``, ``privacy`` or ``billing``."""


class DuplicateCandidate(SQLModel, table=True):
    """Two customers who may be one person. Nothing is merged without somebody's decision."""

    __tablename__ = "duplicate_candidate"
    __table_args__ = (UniqueConstraint("first_id", "second_id", "reason"),)
    id: int | None = surrogate()
    first_id: int = big(foreign_key="customer.id", index=True)
    second_id: int = big(foreign_key="customer.id", index=True)
    reason: str
    """``email``, ``phone`` or ``name-and-address``."""
    state: str = "open"
    """``open``, ``same`` or ``different``."""
    decided_by: str = ""
    decided_at: int | None = big(default=None)


class ImportRun(SQLModel, table=True):
    """One import of a file, and what became of its rows."""

    __tablename__ = "import_run"
    id: int | None = surrogate()
    file_digest: str
    mapping: dict[str, Any] = json(default_factory=dict)
    started_at: int = big()
    finished_at: int | None = big(default=None)
    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
