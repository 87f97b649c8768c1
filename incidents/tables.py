"""The tables of incidents; the conventions are those of ``notifier.store.tables``."""

from __future__ import annotations

from typing import Any

from sqlalchemy import UniqueConstraint, false
from sqlmodel import Field, SQLModel

from notifier.audit import guards
from notifier.store.tables.columns import big, json, surrogate


class Incident(SQLModel, table=True):
    """What happened: the current revision and where it stands in its life cycle."""

    id: int | None = surrogate()
    code: str = Field(unique=True)
    """How people name it, such as ``INC-2026-001``."""
    drill: bool = False
    state: str = "suspected"
    revision: int = 1
    created_at: int = big()
    created_by: str


class IncidentRevision(SQLModel, table=True):
    """One state of an incident's record. Nothing is overwritten."""

    __tablename__ = "incident_revision"
    __table_args__ = (UniqueConstraint("incident_id", "revision"),)
    id: int | None = surrogate()
    incident_id: int = big(foreign_key="incident.id")
    revision: int
    record: dict[str, Any] = json(default_factory=dict)
    digest: str
    actor: str
    reason: str = ""
    recorded_at: int = big()


guards.guard("incident_revision", "id")


class IncidentStep(SQLModel, table=True):
    """One step of the life cycle, with who took it and why."""

    __tablename__ = "incident_step"
    id: int | None = surrogate()
    incident_id: int = big(foreign_key="incident.id", index=True)
    before: str
    after: str
    actor: str
    reason: str = ""
    facts: dict[str, Any] = json(default_factory=dict)
    """For a hold: the order and its expiry."""
    taken_at: int = big()


guards.guard("incident_step", "id")


class Affected(SQLModel, table=True):
    """An affected customer: customer, incident, which data, how known. The working set that a freeze
    takes its snapshot from.
    """

    __table_args__ = (UniqueConstraint("incident_id", "customer_id", "via_account_id"),)
    id: int | None = surrogate()
    incident_id: int = big(foreign_key="incident.id", index=True)
    customer_id: int = big(foreign_key="customer.id", index=True)
    via_account_id: int = big(default=0)
    """For a contact told about an account's records: the account; else 0."""
    categories: str = ""
    """Data categories exposed, as `` email name ``."""
    basis: str = ""
    """How it is known: ``criteria``, ``list``, ``typed`` and a note."""
    compromised: str = ""
    """Channels whose contact points the incident compromised, as `` email ``; all of that channel's."""
    excluded: str = ""
    """The reason why this person gets no notice; empty if they do."""
    unaffected: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """They were not affected after all: ``excluded`` says how it is known."""
    sealed: bytes | None = None
    """Facts about this person only: sealed JSON, context ``member``, so that a freeze copies it as it is."""
    noted_at: int = big()


class AffectedRecord(SQLModel, table=True):
    """A customer of an account that is told about its records, through its contacts, once it has any."""

    __tablename__ = "affected_record"
    incident_id: int = big(primary_key=True, foreign_key="incident.id")
    account_id: int = big(primary_key=True, foreign_key="account.id")
    customer_id: int = big(primary_key=True, foreign_key="customer.id")
    categories: str = ""
    """Data categories exposed, over all acts."""
    settled: str = ""
    """How the account is told about it otherwise, where it has nobody to tell."""


class CompromiseRule(SQLModel, table=True):
    """What the incident compromised: a single mailbox or line, or a channel of everybody it describes.

    It holds for whoever is affected, and for whichever contact points they have, now and later.
    """

    __tablename__ = "compromise_rule"
    # The first two columns find the rule about a contact point.
    __table_args__ = (UniqueConstraint("incident_id", "folded_index", "channel", "described", "exposed"),)
    id: int | None = surrogate()
    incident_id: int = big(foreign_key="incident.id")
    folded_index: bytes = b""
    """The folded blind index of the mailbox or line; empty for a channel."""
    channel: str = ""
    described: str = ""
    """The selection of the people whose channel it is; empty for everybody."""
    exposed: str = ""
    """Only of people whose data of this category was exposed; empty for any."""
    revision: int
    """Of the incident's record, when it was marked."""
    actor: str
    marked_at: int = big()


class AffectedAct(SQLModel, table=True):
    """One act that shaped who is affected: criteria, a list, an exclusion. Frozen audiences quote them."""

    __tablename__ = "affected_act"
    id: int | None = surrogate()
    incident_id: int = big(foreign_key="incident.id", index=True)
    kind: str
    """``criteria``, ``list``, ``typed``, ``account``, ``exclusion``, ``readmission`` ``compromise`` or
    ``not-affected``."""
    what: str
    """The criteria, the list's digest, the accounts; of an exclusion also the digest of who it was."""
    exposed: str = ""
    note: str = ""
    """The basis, or the reason of an exclusion, in the operator's words."""
    people: int
    actor: str
    acted_at: int = big()


guards.guard("affected_act", "id")


class AudienceExposure(SQLModel, table=True):
    """What a frozen notice says of one account's data, or of the person's own, where it says more than one
    thing: to an account's contact, a guardian, the next of kin. Top-ups are measured against it.
    """

    __tablename__ = "audience_exposure"
    audience_id: int = big(primary_key=True, foreign_key="audience.id")
    customer_id: int = big(primary_key=True, foreign_key="customer.id")
    via_account_id: int = big(primary_key=True, default=0)
    """The account; 0: the person's own data."""
    categories: str = ""
    sealed: bytes | None = None
    """The details as they were on the list, context ``member``."""


guards.guard("audience_exposure", "audience_id, customer_id, via_account_id")


class ListRow(SQLModel, table=True):
    """A row of an uploaded list that matched nobody, or several people. Reported, never dropped."""

    __tablename__ = "list_row"
    id: int | None = surrogate()
    incident_id: int = big(foreign_key="incident.id", index=True)
    list_digest: str
    line: int
    problem: str
    """``unmatched``, ``ambiguous``, ``invalid``; ``unknown-data``: the row is used without a category."""
    kind: str
    """``number``, ``email`` or ``phone``."""


class SubstituteNotice(SQLModel, table=True):
    """A public notice about an incident, in place of notices to people who cannot be reached. A newer one of
    the same incident takes its place at the same address.
    """

    __tablename__ = "substitute_notice"
    __table_args__ = (UniqueConstraint("incident_id", "revision"),)
    id: int | None = surrogate()
    incident_id: int = big(foreign_key="incident.id")
    revision: int
    slug: str = Field(index=True)
    """The end of its address: drawn by lot once per incident, so that nobody guesses it beforehand."""
    state: str
    """``draft``, ``approved``, ``published``, ``withdrawn``; ``dropped``: another was drafted instead."""
    facts: dict[str, Any] = json(default_factory=dict)
    """What its pages are made from."""
    digest: str
    """Over all its pages and texts: what is approved."""
    from_at: int = big()
    until_at: int = big()
    """The first instant at which it is public no more."""
    law_days: int = 0
    """How many days the law asks for, as whoever drafted it said; 0 where nobody did."""
    drafted_by: str
    drafted_at: int = big()
    approved_by: str = ""
    approved_at: int | None = big(default=None)
    expires_at: int | None = big(default=None)
    """Until when the approval is good for publishing."""
    alone: bool = False
    alone_reason: str = ""
    published_by: str = ""
    published_at: int | None = big(default=None)
    visible_at: int | None = big(default=None)
    """From when it is served: its start, or the end of the countdown if that is later."""
    withdrawn_by: str = ""
    withdrawn_at: int | None = big(default=None)
    withdrawn_because: str = ""
    drafted_event: str
    """The audit entries of its steps."""
    approved_event: str = ""
    published_event: str = ""
    withdrawn_event: str = ""
    taken_by: str = ""
    """Who looks after it while it is not served as approved: alerts stop."""


class SubstitutePage(SQLModel, table=True):
    """One page of a public notice, or its text for the press, in one language: the very bytes served."""

    __tablename__ = "substitute_page"
    notice_id: int = big(primary_key=True, foreign_key="substitute_notice.id")
    kind: str = Field(primary_key=True)
    """``page`` or ``press``."""
    locale: str = Field(primary_key=True)
    content: bytes
    digest: str


guards.guard("substitute_page", "notice_id, kind, locale")


class SubstituteProof(SQLModel, table=True):
    """What was found at a public notice's address, seen from outside, on one occasion in one language."""

    __tablename__ = "substitute_proof"
    __table_args__ = (UniqueConstraint("notice_id", "locale", "occasion", "served"),)
    id: int | None = surrogate()
    notice_id: int = big(foreign_key="substitute_notice.id")
    locale: str
    occasion: str
    """The day (ISO) in the notice's time zone, or ``end``: within its last hour."""
    served: bool
    """Whether it was what had been approved."""
    status: int
    """The HTTP status; 0 where nothing answered."""
    digest: str
    """SHA-256 of what was found; empty where nothing was."""
    at: int = big()
    event_id: str


guards.guard("substitute_proof", "id")
