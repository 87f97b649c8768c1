"""Bars: people of a frozen audience whose contact point must not be used any more for what they are told.

An audience never changes once it is frozen. Whoever asks for one may learn later that writing to some of
these contact points would do harm; preflight and sending then treat them as unusable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier.announcements import UNRELEASED
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.drafts import void_approvals
from notifier.escalation.choosing import HOLDER
from notifier.store import Transaction

REASON = "contact points of its audience may not be used any more"

_INSERT = (
    "INSERT INTO barred_point (member_id, contact_point_id, barred_at)"
    " SELECT DISTINCT m.id, p.id, CAST(:barred_at AS bigint)"
    " FROM audience_member m JOIN audience u ON u.id = m.audience_id"
)
_NEWLY = (
    "WHERE u.subject = :barred_subject AND NOT EXISTS"
    " (SELECT 1 FROM barred_point b WHERE b.member_id = m.id AND b.contact_point_id = p.id)"
)


async def bar(
    tx: Transaction,
    *,
    subject: str,
    condition: str,
    params: Mapping[str, Any],
    actor: str,
    altogether: bool = False,
) -> int:
    """Bar the contact points of members ``m`` with points ``p`` that ``condition`` is true of.

    In all audiences about ``subject``. What was made and approved for them before the release is void;
    what is released suppresses their deliveries, and no attempt is opened after the caller's transaction
    has committed. ``altogether``: these people are told nothing more in any way, whatever address comes to
    be known, and a banner for them is out no more; ``condition`` is then about ``m`` and ``u`` alone. Returns
    how many contact points and people are newly barred.
    """
    if tx.dialect == "postgresql":
        await _await_openings(tx, subject)
    values = {**params, "barred_subject": subject, "barred_at": tx.now_us()}
    people = await tx.write(
        f"{_INSERT} JOIN contact_point p ON p.id = m.contact_point_id {_NEWLY} AND"
        f" m.state = 'due' AND ({condition}) ON CONFLICT DO NOTHING",
        values,
    )
    elsewhere = await tx.write(
        f"{_INSERT} JOIN delivery d ON d.member_id = m.id AND d.step <> 0"
        f" JOIN contact_point p ON p.id = d.contact_point_id {_NEWLY} AND ({condition})"
        " ON CONFLICT DO NOTHING",
        values,
    )
    if altogether:
        elsewhere += await tx.write(
            f"{_INSERT} JOIN customer c ON c.id = m.customer_id"
            f" JOIN contact_point p ON p.customer_id = {HOLDER}"
            f" {_NEWLY} AND m.state <> 'excluded' AND ({condition}) ON CONFLICT DO NOTHING",
            values,
        )
        elsewhere += await _bar_people(tx, condition, values)
    if not (people or elsewhere):
        return 0
    for row in await tx.rows(
        "SELECT n.id, n.state FROM announcement n WHERE n.audience_id IN (SELECT m.audience_id"
        " FROM barred_point b JOIN audience_member m ON m.id = b.member_id"
        " JOIN audience u ON u.id = m.audience_id WHERE u.subject = :subject AND b.barred_at = :now)"
        " ORDER BY n.id",
        subject=subject,
        now=tx.now_us(),
    ):
        if row.state in UNRELEASED:
            await _void(tx, row.id, actor)
    facts: dict[str, Json] = {"actor": f"operator:{actor}", "subject": subject, "people": people}
    if elsewhere:
        facts["later_steps"] = elsewhere
    tx.record(Event(AuditAction.AUDIENCE_BARRED, facts))
    return people + elsewhere


async def _bar_people(tx: Transaction, condition: str, values: Mapping[str, Any]) -> int:
    """Let nothing more be made for these people, and take back the banners they have not seen."""
    barred = await tx.write(
        "INSERT INTO barred_member (member_id, barred_at) SELECT m.id, CAST(:barred_at AS bigint)"
        " FROM audience_member m JOIN audience u ON u.id = m.audience_id WHERE u.subject = :barred_subject"
        f" AND m.state <> 'excluded' AND ({condition}) ON CONFLICT DO NOTHING",
        values,
    )
    for row in await tx.rows(
        "SELECT n.id, n.code FROM announcement n JOIN audience u ON u.id = n.audience_id"
        " WHERE u.subject = :subject ORDER BY n.id",
        subject=values["barred_subject"],
    ):
        taken = await tx.write(
            "UPDATE delivery SET state = 'cancelled', changed_at = :now WHERE announcement_id = :id"
            " AND channel = 'banner' AND state = 'planned'"
            " AND member_id IN (SELECT f.member_id FROM barred_member f)",
            {"now": tx.now_us(), "id": row.id},
        )
        if taken:
            facts: dict[str, Json] = {"announcement": row.code, "cancelled": taken, "held": 0}
            tx.record(Event(AuditAction.DELIVERIES_CANCELLED, facts))
    return barred


async def _await_openings(tx: Transaction, subject: str) -> None:
    """Let transactions that are opening attempts end first, and the next ones wait for this one.

    Each of them holds its batch; SQLite has one writer at a time anyway.
    """
    # The announcements first, as everywhere: who makes notices of later steps holds them.
    await tx.rows(
        "SELECT n.id FROM announcement n JOIN audience u ON u.id = n.audience_id WHERE u.subject = :subject"
        " ORDER BY n.id FOR UPDATE OF n",
        subject=subject,
    )
    await tx.rows(
        "SELECT b.id FROM send_batch b JOIN announcement n ON n.id = b.announcement_id"
        " JOIN audience u ON u.id = n.audience_id WHERE u.subject = :subject AND b.state <> 'done'"
        " ORDER BY b.id FOR UPDATE OF b",
        subject=subject,
    )


async def _void(tx: Transaction, announcement_id: int, actor: str) -> None:
    """Have the notices of an unreleased announcement made anew, one half made included."""
    lock = " FOR UPDATE" if tx.dialect == "postgresql" else ""
    state = await tx.scalar(f"SELECT state FROM announcement WHERE id = :id{lock}", id=announcement_id)
    if state not in UNRELEASED:
        return
    await void_approvals(tx, announcement_id, REASON, actor=actor)
    await tx.write("UPDATE announcement SET preflight_inputs = '' WHERE id = :id", {"id": announcement_id})
