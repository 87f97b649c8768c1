"""Resend: once more to those whom nothing has reached, at a contact point that came to light since.

Contact data is corrected by the customer, by support or by a new import. Nothing goes to the new one by
itself: somebody decides, and that is on record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from notifier.announcements import Announcement, announcement, corrects
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.errors import BadInput, Refused
from notifier.escalation import conditions
from notifier.escalation.candidates import Compromised
from notifier.escalation.choosing import HOLDER
from notifier.store import Transaction

RESEND = -1
"""The number of resends, which are no step of the plan."""
CHANNELS = ("email", "sms", "letter")
_USED = (
    "EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = m.id AND d.announcement_id = :id"
    " AND d.contact_point_id = p.id)"
)
_NEW = (
    f"EXISTS (SELECT 1 FROM contact_point p WHERE p.customer_id = {HOLDER} AND p.channel = :channel"
    f" AND p.state = 'usable' AND NOT {_USED})"
)
_THEIRS = (
    f"{HOLDER} = :customer AND (m.customer_id = :customer"
    " OR m.customer_id IN (SELECT w.id FROM customer w WHERE w.guardian_id = :customer))"
)


@dataclass(frozen=True, slots=True)
class Resend:
    """A resend on one channel, as people are gone on with it."""

    announcement: Announcement
    channel: str
    occasion: str
    compromised: Compromised
    number: int = RESEND
    as_before: bool = False
    reminding: bool = False

    @classmethod
    def of(cls, about: Announcement, channel: str, occasion: str, compromised: Compromised) -> Resend:
        """Return a resend that uses neither what is compromised nor what was written to before."""
        unusable = Compromised(f"({compromised.condition}) OR {_USED}", compromised.values)
        return cls(about, channel, occasion, unusable)

    def condition(self) -> str:
        """Return the condition on ``m`` of ``a`` under which it is due."""
        return f"{conditions.UNREACHED} AND {_NEW}"

    def values(self) -> dict[str, Any]:
        """Return the parameters of its conditions."""
        return {
            "id": self.announcement.id,
            "audience": self.announcement.audience_id,
            "channel": self.channel,
        }


async def offered(tx: Transaction, announcement_id: int, *, to: int | None = None) -> dict[str, int]:
    """Count by channel who could be sent it again at a new contact point; only customer ``to``, if given,
    and those for whom they stand.
    """
    found: dict[str, int] = {}
    about = await announcement(tx, announcement_id)
    only = "" if to is None else f" AND {_THEIRS}"
    if await _corrected_by(tx, about.code):
        return found
    for channel in (one for one in CHANNELS if one in about.plan.channels):
        people = await tx.scalar(
            "SELECT count(*) FROM audience_member m JOIN customer c ON c.id = m.customer_id"
            " JOIN announcement a ON a.id = :id AND a.audience_id = m.audience_id"
            f" WHERE a.state = 'released' AND {conditions.UNREACHED} AND {_NEW}{only}",
            id=announcement_id,
            channel=channel,
            **({} if to is None else {"customer": to}),
        )
        if people:
            found[channel] = int(people)
    return found


async def offered_to(tx: Transaction, customer_id: int) -> list[tuple[str, str]]:
    """Return announcement and channel of what could be sent again to this person, or to those for whom they
    stand, at a contact point of theirs that was not used.
    """
    found = []
    for about in await tx.rows(
        "SELECT DISTINCT a.id, a.code FROM audience_member m JOIN customer c ON c.id = m.customer_id"
        f" JOIN announcement a ON a.audience_id = m.audience_id WHERE a.state = 'released' AND {_THEIRS}"
        " ORDER BY a.id",
        customer=customer_id,
    ):
        channels = await offered(tx, about.id, to=customer_id)
        found += [(about.code, channel) for channel in channels]
    return found


async def decide(tx: Transaction, code: str, channel: str, *, operator: str, reason: str) -> tuple[int, str]:
    """Put the decision to send again on record; returns the announcement's id and the resend's occasion."""
    if channel not in CHANNELS:
        raise BadInput(f"nothing is sent again by {channel!r}", advice=f"There are: {', '.join(CHANNELS)}.")
    if not reason.strip():
        raise BadInput("the reason is missing", advice="Say in a few words why, with --reason.")
    about = await announcement(tx, code, lock=True)
    if channel not in about.plan.channels:
        raise Refused(
            f"the plan of {code} that was approved has no {channel}: nobody has read what it would say",
            advice=f"It has: {', '.join(about.plan.channels)}.",
        )
    control = await tx.scalar("SELECT control FROM announcement WHERE id = :id", id=about.id)
    if about.state != "released" or control != "run":
        raise Refused(
            f"{code} is {about.state if about.state != 'released' else 'paused'}: nothing is sent again",
            advice="Resume it first."
            if about.state == "released"
            else "Whom it did not reach is in the next top-up: `notifier incidents freeze`.",
        )
    if correction := await _corrected_by(tx, about.code):
        raise Refused(
            f"{code} is corrected by {correction}: nobody is sent what was wrong",
            advice="Whom it did not reach is in the next top-up, with what is known now:"
            " `notifier incidents freeze`.",
        )
    before = await tx.scalar(
        "SELECT count(DISTINCT occasion) FROM delivery WHERE announcement_id = :id AND step = :step",
        id=about.id,
        step=RESEND,
    )
    occasion = f"resend-{int(before or 0) + 1}"
    tx.record(
        Event(
            AuditAction.RESEND_DECIDED,
            {
                "announcement": code,
                "actor": f"operator:{operator}",
                "channel": channel,
                "occasion": occasion,
                "reason_digest": tx.commitment("reason", reason),
            },
        )
    )
    return about.id, occasion


async def _corrected_by(tx: Transaction, code: str) -> str:
    """Return the announcement that corrects another one; empty where none stands."""
    return str(
        await tx.scalar(
            f"SELECT min(k.code) FROM announcement k WHERE {corrects('k', tx.dialect)} = :code"
            " AND k.state <> 'cancelled'",
            code=code,
        )
        or ""
    )
