"""Taking acknowledgements: each is put on record once, in one transaction with its audit entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Row

from notifier.acknowledgements.conditions import ACKNOWLEDGED, EXPOSED, TOLD
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Disclosure, Event, Json
from notifier.clock import from_instant
from notifier.deliveries import State
from notifier.errors import BadInput, NotFound, Refused, StoreError
from notifier.keys import Keys, SubjectKey
from notifier.store import Transaction

How = Literal["banner", "page", "support"]
Assurance = Literal["", "fresh-sign-in", "identified"]
REASON_LONGEST = 500
"""Characters of support's reason."""
REASON_CONTEXT = b"acknowledgement"
"""What a sealed reason is sealed as."""
DISCLOSED = "acknowledged"
"""What the audit entry discloses: whose word it was."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of an acknowledgement."""

    new: bool
    """Whether it was taken now; else it was on record already."""
    at: datetime
    """When it was taken first."""
    counts: bool
    """Whether the person's acknowledgements, all together, count."""
    late: bool = False
    """Whether its announcement had been closed when it was taken now."""


async def acknowledge(
    tx: Transaction,
    keys: Keys,
    *,
    reference: str,
    how: How,
    assurance: Assurance = "",
    by: str = "",
    reason: str = "",
) -> Acknowledged:
    """Put on record that the notice with this reference was read, once for each ``how`` and ``assurance``.

    ``by`` and ``reason`` are for support alone, and asked of it. ``NotFound`` where there is no such
    delivery, ``Refused`` where its notice cannot have come before anybody, or its reader's data was erased.
    """
    _check(how, assurance, by, reason)
    row = await _locked(tx, reference)
    if row is None:
        raise NotFound("no notice has this reference", advice="Compare it with the notice.")
    if not row.told or (how == "support" and row.state == State.PLANNED):
        raise Refused(
            "this notice was not handed over, so nobody can have read it",
            advice="Ask for the reference of a notice that the person has before them.",
        )
    if row.wrapped is None:
        raise Refused("the person's data was erased: nothing more is kept about them")
    known = await tx.row(
        "SELECT at FROM acknowledgement WHERE delivery_id = :id AND how = :how AND assurance = :assurance",
        id=row.id,
        how=how,
        assurance=assurance,
    )
    if known is not None:
        return Acknowledged(False, from_instant(known.at), await _counts(tx, row.member_id))
    counts = bool(assurance) or not row.exposed
    subject = _subject(keys, row)
    if reason and subject is None:
        raise Refused("the person's key is damaged: the reason cannot be kept", advice="Restore the keys.")
    sealed = subject.seal(reason.encode(), REASON_CONTEXT) if subject and reason else None
    event = _event(tx, row, subject, counts, how=how, assurance=assurance, by=by, sealed=sealed)
    (event_id,) = tx.record(event)
    await tx.insert_many(
        "acknowledgement",
        (
            *("announcement_id", "member_id", "delivery_id", "how", "at", "assurance", "counts"),
            *("by", "sealed", "event_id"),
        ),
        [
            (
                *(row.announcement_id, row.member_id, row.id, how, tx.now_us(), assurance, counts),
                *(by, sealed, event_id),
            )
        ],
    )
    return Acknowledged(
        True, from_instant(tx.now_us()), await _counts(tx, row.member_id), late=row.phase == "closed"
    )


def _check(how: str, assurance: str, by: str, reason: str) -> None:
    if how not in get_args(How) or assurance not in get_args(Assurance):
        raise BadInput(f"an acknowledgement is by {', '.join(get_args(How))}")
    if how == "support" and not (by and reason.strip()):
        raise BadInput("no reason is given", advice="Say how the person told you that they have read it.")
    if len(reason) > REASON_LONGEST:
        raise BadInput(f"the reason has more than {REASON_LONGEST} characters", advice="Shorten it.")


async def _locked(tx: Transaction, reference: str) -> Row[Any] | None:
    """Return the delivery, which nobody else changes until the transaction ends, and its surroundings.

    Its announcement is locked before it, as by whoever cancels or closes one.
    """
    share, update = (" FOR SHARE OF n", " FOR UPDATE OF d") if tx.dialect == "postgresql" else ("", "")
    named = (
        "FROM notice t JOIN delivery d ON d.member_id = t.member_id AND d.notice_id = t.id"
        " JOIN announcement n ON n.id = d.announcement_id"
    )
    if share:
        await tx.rows(f"SELECT n.id {named} WHERE t.reference = :reference{share}", reference=reference)
    return await tx.row(
        "SELECT d.id, d.reference, d.channel, d.state, d.announcement_id, d.member_id, n.code,"
        f" n.state AS phase, m.uid AS member, c.uid AS person, c.number, k.wrapped,"
        f" CASE WHEN {TOLD} THEN 1 ELSE 0 END AS told,"
        f" CASE WHEN {EXPOSED} THEN 1 ELSE 0 END AS exposed {named}"
        " JOIN audience_member m ON m.id = d.member_id JOIN customer c ON c.id = d.customer_id"
        f" LEFT JOIN subject_key k ON k.customer_id = d.customer_id WHERE t.reference = :reference{update}",
        reference=reference,
    )


async def _counts(tx: Transaction, member_id: int) -> bool:
    found = await tx.scalar(
        f"SELECT 1 FROM audience_member m WHERE m.id = :id AND {ACKNOWLEDGED}", id=member_id
    )
    return found is not None


def _subject(keys: Keys, row: Row[Any]) -> SubjectKey | None:
    try:
        return keys.subject(row.person, bytes(row.wrapped))
    except StoreError:
        return None  # A damaged key keeps nobody's word from being taken.


def _event(
    tx: Transaction, row: Row[Any], subject: SubjectKey | None, counts: bool, *, how: str, assurance: str,
    by: str, sealed: bytes | None,
) -> Event:  # fmt: skip
    facts: dict[str, Json] = {
        "announcement": row.code,
        "delivery": row.reference,
        "member": row.member,
        "channel": row.channel,
        "how": how,
        "assurance": assurance,
        "counts": int(counts),
    }
    if by:
        facts["actor"] = f"operator:{by}"
    if sealed:
        facts["reason_digest"] = tx.commitment("reason", sealed.hex())
    if row.phase == "closed":
        facts["late"] = 1
    disclosures = [Disclosure(DISCLOSED, {"customer": row.number})] if subject else []
    return Event(AuditAction.ACKNOWLEDGEMENT_TAKEN, facts, disclosures, subject)
