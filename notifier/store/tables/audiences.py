"""Frozen audiences: who is due a notice, with the facts about each, immutable once made."""

from __future__ import annotations

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, json, surrogate


class Audience(SQLModel, table=True):
    """The frozen recipients of one announcement. Rows are never changed after the freeze."""

    id: int | None = surrogate()
    code: str = Field(unique=True)
    """How commands name it, such as ``INC-2026-001/1``."""
    subject: str = Field(default="", index=True)
    """What it is about, in the caller's words: an incident's code."""
    kind: str = "first"
    """``first`` or ``top-up``."""
    frozen_at: int = big()
    frozen_by: str
    people: int
    """Everyone in it, of every state."""
    root: str
    """RFC 6962 root over the members and all that is kept about them, hex: see ``notifier.audit.frozen``."""
    digest: str
    """SHA-256 over the rest of this row, hex: what an approval signs."""
    counts: dict[str, Any] = json(default_factory=dict)
    """By state, country, locale, channel; open duplicates."""
    selection: dict[str, Any] = json(default_factory=dict)
    """The criteria, lists and exclusions that made it."""
    salt: bytes
    """Random: hides the members from those who know the root."""
    event_id: str = Field(max_length=32)
    """The audit entry that holds root and digest."""


class AudienceMember(SQLModel, table=True):
    """One person of one audience, with the facts their notice is made from."""

    __tablename__ = "audience_member"
    __table_args__ = (UniqueConstraint("audience_id", "customer_id"),)
    id: int | None = surrogate()
    uid: str = Field(max_length=32)
    """Random, made at the freeze; audit entries name the person's place by it."""
    audience_id: int = big(foreign_key="audience.id")
    customer_id: int = big(foreign_key="customer.id", index=True)
    state: str
    """``due`` (has a usable contact point), ``needs-channel`` or ``excluded``."""
    reason: str = ""
    """Why ``needs-channel`` (none, dead, compromised) or ``excluded``."""
    variant: str = "person"
    """``person``, ``guardian`` (of a minor), ``next-of-kin``, ``account`` or ``update``."""
    contact_point_id: int | None = big(default=None, foreign_key="contact_point.id")
    locale: str = ""
    country: str = ""
    time_zone: str = ""
    categories: str = ""
    """Data categories exposed, as `` email name ``."""
    new_categories: str = ""
    """For an update: those not told before."""
    basis: str = ""
    """How it is known that this person is affected."""
    sealed: bytes | None = None
    """Facts about this person only (last four digits, affected records): sealed JSON, context ``member``."""


class BarredPoint(SQLModel, table=True):
    """A member's contact point that became one that must not be used for them, after the freeze."""

    __tablename__ = "barred_point"
    member_id: int = big(primary_key=True, foreign_key="audience_member.id")
    contact_point_id: int = big(primary_key=True, foreign_key="contact_point.id")
    barred_at: int = big()


class BarredMember(SQLModel, table=True):
    """A member who is told nothing more, on any channel, at whatever address comes to be known."""

    __tablename__ = "barred_member"
    member_id: int = big(primary_key=True, foreign_key="audience_member.id")
    barred_at: int = big()
