"""What did we tell this person, and when: everything on record about one customer, opened with their key.

The bytes of each notice are restored exactly and held against the digest that was approved and against the
disclosures of the attempt's audit entry. Of an erased person the states, codes and entries are left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from notifier import notices
from notifier.acknowledgements import AcknowledgementTold, acknowledgements_of
from notifier.announcements import from_json
from notifier.audit.disclosures import proven
from notifier.audit.entry import Disclosure
from notifier.audit.listing import Placed, by_ids
from notifier.banners.history import BannerTold, events_of
from notifier.channels.email.message import with_date
from notifier.clock import from_instant
from notifier.engine.attempts import RESPONSE_CONTEXT
from notifier.engine.loading import SIGNATURE_CONTEXT
from notifier.errors import StoreError
from notifier.keys import Keys, SubjectKey
from notifier.letters.pages import pages_digest
from notifier.plans import SendPlan
from notifier.receipts.history import ReceiptTold, receipts_of
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class AttemptTold:
    """One hand-over and the server's answer. ``proven``: whether its audit entry commits to this very
    address, message and reply; ``None`` where the entry discloses nothing or the person is erased.
    ``unreadable``: there is a reply, and it cannot be opened.
    """

    number: int
    opened_at: datetime
    closed_at: datetime
    outcome: str
    code: int
    enhanced: str
    relay: str
    reason: str
    reply: str
    entry: str
    leaf_index: int | None
    checkpoint: int | None
    proven: bool | None
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryTold:
    """One notice to one contact point. ``message`` are its exact bytes, an e-mail's with Date once it was
    handed over: an e-mail, a text, what a letter's pages are made from, or what a banner shows;
    ``intact``: whether they have the digest that was approved; both ``None`` once the person is erased.
    Bytes that cannot be opened are ``None`` and not intact.
    """

    reference: str
    channel: str
    occasion: str
    state: str
    changed_at: datetime
    locale: str
    recipient: str
    message: bytes | None
    handed_over: bool
    intact: bool | None
    attempts: tuple[AttemptTold, ...]
    receipts: tuple[ReceiptTold, ...] = ()
    acknowledgements: tuple[AcknowledgementTold, ...] = ()
    shown: tuple[BannerTold, ...] = ()
    """What became of a banner on the reader's pages."""


@dataclass(frozen=True, slots=True)
class SkippedTold:
    """A step of the channel plan that was not gone with the person, and why."""

    step: int
    channel: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnnouncementTold:
    """One announcement to an audience the person is in. ``set_aside``: why their notice needs repair."""

    code: str
    revision: int
    state: str
    released_at: datetime | None
    set_aside: str
    deliveries: tuple[DeliveryTold, ...]
    skipped: tuple[SkippedTold, ...] = ()


@dataclass(frozen=True, slots=True)
class Membership:
    """The person's place in one frozen audience. ``about`` is the customer number of the person it is
    about, where this person is told as guardian or contact of somebody else.
    """

    audience: str
    subject: str
    kind: str
    frozen_at: datetime
    member: str
    about: str
    state: str
    reason: str
    variant: str
    categories: tuple[str, ...]
    new_categories: tuple[str, ...]
    basis: str
    announcements: tuple[AnnouncementTold, ...]


async def tell(tx: Transaction, keys: Keys, customer_id: int) -> list[Membership]:
    """Return every audience the person is in, or is told for, the oldest first."""
    rows = await tx.rows(
        "SELECT m.id, m.uid, m.customer_id, m.state, m.reason, m.variant, m.categories, m.new_categories, "
        "m.basis, a.id AS audience_id, a.code, a.subject, a.kind, a.frozen_at, c.uid AS person, c.number, "
        "k.wrapped FROM audience_member m JOIN audience a ON a.id = m.audience_id "
        "JOIN customer c ON c.id = m.customer_id LEFT JOIN subject_key k ON k.customer_id = m.customer_id "
        "WHERE m.id IN (SELECT id FROM audience_member WHERE customer_id = :id UNION "
        "SELECT d.member_id FROM contact_point p JOIN delivery d ON d.contact_point_id = p.id "
        "WHERE p.customer_id = :id) ORDER BY a.frozen_at, a.id, m.id",
        id=customer_id,
    )
    return [await _membership(tx, keys, row, customer_id) for row in rows]


async def _membership(tx: Transaction, keys: Keys, row: Row[Any], customer_id: int) -> Membership:
    reader = _Reader.of(keys, row)
    announcements = await tx.rows(
        "SELECT id, code, revision, state, released_at, plan FROM announcement WHERE audience_id = :audience "
        "ORDER BY created_at, id",
        audience=row.audience_id,
    )
    return Membership(
        audience=row.code,
        subject=row.subject,
        kind=row.kind,
        frozen_at=from_instant(row.frozen_at),
        member=row.uid,
        about="" if row.customer_id == customer_id else row.number,
        state=row.state,
        reason=row.reason,
        variant=row.variant,
        categories=tuple(row.categories.split()),
        new_categories=tuple(row.new_categories.split()),
        basis=row.basis,
        announcements=tuple([await _announcement(tx, reader, one, row.id) for one in announcements]),
    )


async def _announcement(tx: Transaction, reader: _Reader, row: Row[Any], member_id: int) -> AnnouncementTold:
    place = {"announcement": row.id, "member": member_id}
    aside = await tx.rows(
        "SELECT finding FROM set_aside WHERE announcement_id = :announcement AND member_id = :member "
        "AND repaired = :no",
        no=False,
        **place,
    )
    deliveries = await tx.rows(
        "SELECT d.id, d.reference, d.channel, d.occasion, d.state, d.message_date, d.changed_at, "
        "d.signature, n.locale, n.digest, n.sealed, y.content AS dictionary FROM delivery d "
        "JOIN notice n ON n.id = d.notice_id JOIN notice_dictionary y ON y.id = n.dictionary_id "
        "WHERE d.announcement_id = :announcement AND d.member_id = :member ORDER BY d.id",
        **place,
    )
    return AnnouncementTold(
        code=row.code,
        revision=row.revision,
        state=row.state,
        released_at=None if row.released_at is None else from_instant(row.released_at),
        set_aside=" ".join(one.finding for one in aside),
        deliveries=tuple([await _delivery(tx, reader, one) for one in deliveries]),
        skipped=await _skipped(tx, SendPlan.read(from_json(row.plan)), place),
    )


async def _skipped(tx: Transaction, plan: SendPlan, place: dict[str, int]) -> tuple[SkippedTold, ...]:
    rows = await tx.rows(
        "SELECT step, reason, at FROM skipped_step WHERE announcement_id = :announcement"
        " AND member_id = :member ORDER BY step",
        **place,
    )
    channels = dict(enumerate((step.channel for step in plan.steps), start=1))
    return tuple(
        SkippedTold(row.step, channels.get(row.step, ""), row.reason, from_instant(row.at)) for row in rows
    )


async def _delivery(tx: Transaction, reader: _Reader, row: Row[Any]) -> DeliveryTold:
    recipient, message, intact = reader.message(row)
    attempts = await tx.rows(
        "SELECT number, opened_at, closed_at, outcome, code, enhanced, relay, reason, sealed, event_id "
        "FROM attempt WHERE delivery_id = :id ORDER BY number",
        id=row.id,
    )
    entries = await by_ids(tx, [one.event_id for one in attempts])
    return DeliveryTold(
        reference=row.reference,
        channel=row.channel,
        occasion=row.occasion,
        state=row.state,
        changed_at=from_instant(row.changed_at),
        locale=row.locale,
        recipient=recipient,
        message=message,
        handed_over=row.message_date is not None,
        intact=intact,
        attempts=tuple(
            reader.attempt(one, entries.get(one.event_id), recipient, message, letter=row.channel == "letter")
            for one in attempts
        ),
        receipts=tuple(await receipts_of(tx, reader.subject, row.id)),
        acknowledgements=await acknowledgements_of(tx, reader.subject, row.id),
        shown=tuple(await events_of(tx, reader.subject, row.id)) if row.channel == "banner" else (),
    )


class _Reader:
    """Opens what is sealed under one person's key; without it everything personal reads empty."""

    def __init__(self, keys: Keys, subject: SubjectKey | None, number: str) -> None:
        self._keys = keys
        self.subject = subject
        self._number = number
        self._damaged = False

    @classmethod
    def of(cls, keys: Keys, row: Row[Any]) -> _Reader:
        """Return the reader for the person of a row; a key that cannot be unwrapped opens nothing."""
        if row.wrapped is None:
            return cls(keys, None, row.number)
        try:
            return cls(keys, keys.subject(row.person, bytes(row.wrapped)), row.number)
        except StoreError:
            reader = cls(keys, None, row.number)
            reader._damaged = True
            return reader

    def message(self, row: Row[Any]) -> tuple[str, bytes | None, bool | None]:
        """Return recipient, exact bytes and whether they have the approved digest."""
        if self.subject is None:
            return "", None, False if self._damaged else None
        recipient = ""
        try:
            packed = self.subject.open(bytes(row.sealed), notices.SEAL_CONTEXT)
            recipient, message = notices.unpack(packed, bytes(row.dictionary))
            signature = self.subject.open(bytes(row.signature), SIGNATURE_CONTEXT) if row.signature else b""
        except StoreError:
            return recipient, None, False
        intact = notices.keyed_digest(message, self._keys.index) == bytes(row.digest)
        if row.channel == "email" and row.message_date is not None:
            message = signature + with_date(message, from_instant(row.message_date))
        return recipient, message, intact

    def attempt(
        self, row: Row[Any], entry: Placed | None, recipient: str, message: bytes | None, *, letter: bool
    ) -> AttemptTold:
        """Return an attempt with the server's reply, held against its audit entry."""
        reply, unreadable = "", self._damaged and row.sealed is not None
        if self.subject is not None and row.sealed is not None:
            try:
                reply = self.subject.open(bytes(row.sealed), RESPONSE_CONTEXT).decode()
            except (StoreError, UnicodeDecodeError):
                unreadable = True
        return AttemptTold(
            number=row.number,
            opened_at=from_instant(row.opened_at),
            closed_at=from_instant(row.closed_at),
            outcome=row.outcome,
            code=row.code,
            enhanced=row.enhanced,
            relay=row.relay,
            reason=row.reason,
            reply=reply,
            entry=row.event_id,
            leaf_index=entry.leaf_index if entry else None,
            checkpoint=entry.checkpoint if entry else None,
            proven=self._proven(entry, recipient, message, reply, letter=letter),
            unreadable=unreadable,
        )

    def _proven(
        self, entry: Placed | None, recipient: str, message: bytes | None, reply: str, *, letter: bool
    ) -> bool | None:
        """Say whether the entry commits to what is shown."""
        if self.subject is None:
            return None
        if message is None:
            return False
        known = {
            "address": recipient,
            "customer": self._number,
            # Of a letter the entry commits to its pages; their digest is kept where a server's answer is.
            "digest": (pages_digest(reply) if letter else "") or hashlib.sha256(message).hexdigest(),
        }
        disclosures = [Disclosure("recipient", known)]
        if reply:
            disclosures.append(Disclosure("response", {"text": reply}))
        return proven(self.subject, entry, disclosures)


def deliveries(memberships: Sequence[Membership]) -> list[DeliveryTold]:
    """Return all deliveries of a story in their order."""
    return [
        delivery
        for membership in memberships
        for announcement in membership.announcements
        for delivery in announcement.deliveries
    ]


def unreadable(memberships: Sequence[Membership]) -> int:
    """Count the notices and replies of a story that cannot be opened."""
    told = deliveries(memberships)
    notices_lost = sum(one.message is None and one.intact is False for one in told)
    answers = [one.unreadable for delivery in told for one in delivery.attempts]
    reports = [one.unreadable for each in told for one in each.receipts]
    events = [one.unreadable for each in told for one in each.shown]
    return notices_lost + sum(answers) + sum(reports) + sum(events)
