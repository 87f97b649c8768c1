"""Announcements, their notices, approvals, waves and holds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, json, surrogate


class Announcement(SQLModel, table=True):
    """One thing said to one audience."""

    __table_args__ = (UniqueConstraint("code", "revision"),)
    id: int | None = surrogate()
    code: str = Field(index=True)
    revision: int = 1
    kind: str = "breach"
    """``breach``, ``policy`` or ``administrative``."""
    notice: str = "breach-notice"
    """The template folder."""
    drill: bool = False
    audience_id: int = big(foreign_key="audience.id")
    state: str = "draft"
    """``draft``, ``preflighted``, ``approved``, ``countdown``, ``released``, ``closed``, ``cancelled``."""
    facts: dict[str, Any] = json(default_factory=dict)
    """What the notice says, per section: the same for everybody."""
    plan: dict[str, Any] = json(default_factory=dict)
    """Start, canary, waves, send window, deadline, and the later steps of the channel plan."""
    steps: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How many later steps the plan has."""
    author: str
    editors: str | None = None
    """Who else wrote what it says or when, as `` ben carol ``: none of them can approve it."""
    created_at: int = big()
    audience_digest: str = ""
    texts_digest: str = ""
    """Over templates, facts and every person's notice digest: RFC 6962 root, hex."""
    plan_digest: str = ""
    channels_digest: str = ""
    later_digest: str = Field(default="", sa_column_kwargs={"server_default": ""})
    """Over the templates that later steps are made from; part of what ``texts_digest`` covers."""
    preflight_inputs: str = ""
    """Digest of what the present preflight was begun with: an interrupted one goes on only with the same."""
    preflighted_at: int | None = big(default=None)
    release_at: int | None = big(default=None)
    """When the countdown ends."""
    released_at: int | None = big(default=None)
    closed_at: int | None = big(default=None)
    closed_because: str | None = None
    """Why it was cancelled, in the operator's words; the trail holds their digest."""
    control: str = "run"
    """``run``, ``pause`` or ``cancel``: read by workers at every flush."""


class NoticeDictionary(SQLModel, table=True):
    """The bytes that notices of one announcement and locale are compressed against: a rendering for an
    invented person. Needed, with zlib alone, to restore a notice's exact bytes.
    """

    __tablename__ = "notice_dictionary"
    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id", index=True)
    channel: str = Field(default="email", sa_column_kwargs={"server_default": "email"})
    locale: str
    variant: str
    content: bytes


class Notice(SQLModel, table=True):
    """Rendered content for one person on one channel: immutable, with its digest."""

    __table_args__ = (UniqueConstraint("announcement_id", "member_id", "channel", "occasion"),)
    id: int | None = surrogate()
    reference: str = Field(unique=True, max_length=16)
    """64 random bits in hex: the delivery's public name; printed in the notice in groups of four."""
    announcement_id: int = big(foreign_key="announcement.id")
    member_id: int = big(foreign_key="audience_member.id", index=True)
    channel: str = "email"
    occasion: str = "first"
    """``first``, ``reminder-n`` or ``resend-n``."""
    locale: str
    dictionary_id: int = big(foreign_key="notice_dictionary.id")
    digest: bytes
    """Keyed digest (BLAKE2b-256, index key) of the bytes without Date."""
    size: int
    sealed: bytes
    """Envelope recipient, newline, the message without Date; compressed, sealed, context ``notice``."""


class SetAside(SQLModel, table=True):
    """A person whose notice could not be made: counted as "needs repair", holding nobody back."""

    __tablename__ = "set_aside"
    __table_args__ = (UniqueConstraint("announcement_id", "member_id"),)
    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id")
    member_id: int = big(foreign_key="audience_member.id")
    finding: str
    """The code of the finding, such as ``leftover-token``."""
    detail: str = ""
    """What is wrong, without personal values."""
    repaired: bool = False


class LocaleApproval(SQLModel, table=True):
    """A person's word that the texts of one notice in one language may go out."""

    __tablename__ = "locale_approval"
    __table_args__ = (UniqueConstraint("notice", "locale", "digest"),)
    id: int | None = surrogate()
    notice: str
    locale: str
    digest: str
    """SHA-256 over the template files of that locale: a changed text needs a new approval."""
    operator: str
    approved_at: int = big()


class Approval(SQLModel, table=True):
    """A second person's signature under the four digests of an announcement."""

    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id", index=True)
    operator: str
    people: int
    audience_digest: str
    texts_digest: str
    plan_digest: str
    channels_digest: str
    alone: bool = False
    """The author released without a second person, as the configuration allows, after a longer countdown."""
    reason: str = ""
    approved_at: int = big()
    expires_at: int = big()
    voided_at: int | None = big(default=None)
    voided_because: str = ""


class Wave(SQLModel, table=True):
    """Deliveries of an announcement that are released together."""

    __table_args__ = (UniqueConstraint("announcement_id", "step", "number"),)
    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id")
    step: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Of the channel plan: 0 is what everybody gets first; the later ones have one wave, 1, each."""
    number: int
    """0 is the canary, where there is one."""
    people: int
    start_at: int = big()
    state: str = "planned"
    """``planned``, ``held``, ``ready`` or ``done``."""


class WaveStart(SQLModel, table=True):
    """When a wave starts for its readers of one time zone: its start, or the next opening of their window."""

    __tablename__ = "wave_start"
    wave_id: int = big(primary_key=True, foreign_key="wave.id")
    time_zone: str = Field(primary_key=True)
    due_at: int = big()


class Hold(SQLModel, table=True):
    """Something waits on purpose. It has an owner, and alerts until somebody takes it."""

    id: int | None = surrogate()
    announcement_id: int = big(foreign_key="announcement.id", index=True)
    wave_id: int | None = big(default=None, foreign_key="wave.id")
    kind: str
    """``canary``, ``pause``, ``restored``, ``refusals``, ``lost-answers`` (both also with
    ``-warning``), ``sender`` (as well), ``order``, ``release``, ``relay``, ``carrier``, ``trail``,
    ``failing``, ``in-doubt``, ``untold``, ``letters``, ``steps`` or ``unreadable``.
    """
    reason: str
    owner: str
    opened_at: int = big()
    taken_by: str = ""
    taken_at: int | None = big(default=None)
    ended_at: int | None = big(default=None)
    ended_by: str = ""


class HoldAlert(SQLModel, table=True):
    """When somebody was last alerted about a hold, and the relay took it."""

    __tablename__ = "hold_alert"
    hold_id: int = big(primary_key=True, foreign_key="hold.id")
    recipient_index: str = Field(primary_key=True, max_length=32)
    """Keyed blind index of the address."""
    alerted_at: int = big()
