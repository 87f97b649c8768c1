"""Who is not told by an announcement because their frozen contact point or their notice cannot be used.

A notice is bound to the contact point that was frozen and approved. Where an address is corrected later,
nothing goes to the new one by itself; a new freeze has these people again.
"""

from __future__ import annotations

from dataclasses import dataclass

from notifier.deliveries import State
from notifier.engine.holds import UNTOLD, ask_author, end_holds
from notifier.precedence import MAY_HAVE_LEFT, WAITS
from notifier.store import Transaction
from notifier.words import persons

_BARRED = "EXISTS (SELECT 1 FROM barred_point b WHERE b.member_id = m.id AND b.contact_point_id = p.id)"
REACHABLE = (
    f"NOT {_BARRED} AND EXISTS (SELECT 1 FROM contact_point o WHERE o.customer_id = p.customer_id"
    " AND o.channel = p.channel AND o.state = 'usable')"
)
"""Of a member ``m`` with the frozen point ``p``: an address that may be used is on file now."""
_COUNT = f"SELECT count(*) AS people, sum(CASE WHEN {REACHABLE} THEN 1 ELSE 0 END) AS reachable FROM"

ENDED = (
    f"d.state = '{State.SUPPRESSED}' AND NOT {MAY_HAVE_LEFT}"
    " AND NOT EXISTS (SELECT 1 FROM delivery w WHERE w.member_id = d.member_id AND w.state IN"
    " ('planned', 'handing-over', 'deferred', 'unknown', 'held', 'accepted', 'delivered'))"
    " AND EXISTS (SELECT 1 FROM subject_key k WHERE k.customer_id = d.customer_id)"
    " AND NOT EXISTS (SELECT 1 FROM audience v JOIN audience_member w ON w.audience_id = v.id"
    " AND w.customer_id = m.customer_id WHERE u.subject <> '' AND v.subject = u.subject AND v.id > u.id)"
)
"""Of a delivery ``d`` to a member ``m`` of ``u``: it ended unsent, and no newer audience has the person."""


@dataclass(frozen=True, slots=True)
class Untold:
    """People whom an announcement does not tell. Erased people are not counted."""

    ahead: int
    """Not handed over yet, and the frozen contact point is no longer usable."""
    ended: int
    """Their delivery ended as suppressed, and no newer audience has them."""
    reachable: int
    """Of both: there is a usable address on file now."""

    def sentence(self) -> str:
        """Say how many they are and what brings them back; empty if there are none."""
        if not self.ahead and not self.ended:
            return ""
        parts = []
        if self.ahead:
            parts.append(f"the approved address is no longer usable for {persons(self.ahead)}")
        if self.ended:
            parts.append(f"suppressed, so not told: {persons(self.ended)}")
        line = f"{'; '.join(parts)}; with a usable address on file now: {persons(self.reachable)}."
        return line[0].upper() + line[1:]

    def advice(self, subject: str, *, released: bool = True) -> str:
        """Say what to type next."""
        freeze = f"notifier incidents freeze {subject} --operator HANDLE" if subject else "freeze them again"
        if released:
            return f"A new freeze has them again, once their delivery has ended: {freeze}"
        return (
            "Nothing goes to the new address by itself. Release, and freeze them again afterwards; or cancel"
            f" it, and: {freeze}"
        )


async def count(tx: Transaction, announcement_id: int) -> Untold:
    """Count the people whom an announcement, released or not, does not tell as it stands."""
    ahead = await tx.row(
        f"{_COUNT} notice n JOIN audience_member m ON m.id = n.member_id"
        " JOIN contact_point p ON p.id = m.contact_point_id"
        " LEFT JOIN delivery d ON d.member_id = n.member_id AND d.announcement_id = n.announcement_id"
        f" WHERE n.announcement_id = :id AND (p.state <> 'usable' OR {_BARRED})"
        f" AND (d.id IS NULL OR {WAITS})",
        id=announcement_id,
    )
    ended = await tx.row(
        f"{_COUNT} delivery d JOIN audience_member m ON m.id = d.member_id"
        " JOIN audience u ON u.id = m.audience_id JOIN contact_point p ON p.id = d.contact_point_id"
        f" WHERE d.announcement_id = :id AND {ENDED}",
        id=announcement_id,
    )
    counts = [(int(row.people), int(row.reachable or 0)) if row else (0, 0) for row in (ahead, ended)]
    (before, one), (after, other) = counts
    return Untold(before, after, one + other)


async def subject(tx: Transaction, announcement_id: int) -> str:
    """Return what the announcement's audience is about: an incident's code."""
    return str(
        await tx.scalar(
            "SELECT u.subject FROM announcement a JOIN audience u ON u.id = a.audience_id WHERE a.id = :id",
            id=announcement_id,
        )
        or ""
    )


async def ask(tx: Transaction, announcement_id: int) -> None:
    """Ask the author to look where people will not be told although a usable address is on file."""
    if (await count(tx, announcement_id)).reachable:
        await _open(tx, announcement_id)


async def ask_about(tx: Transaction, announcement_id: int, batch_id: int) -> None:
    """Ask the same once deliveries of one batch have ended as suppressed."""
    if await tx.scalar(
        "SELECT 1 FROM delivery d JOIN audience_member m ON m.id = d.member_id"
        " JOIN audience u ON u.id = m.audience_id JOIN contact_point p ON p.id = d.contact_point_id"
        f" WHERE d.batch_id = :batch AND {ENDED} AND {REACHABLE} LIMIT 1",
        batch=batch_id,
    ):
        await _open(tx, announcement_id)


async def settle(tx: Transaction, subject: str, *, actor: str) -> None:
    """End what ``ask`` opened about a subject where a newer audience has everybody it was about."""
    for row in await tx.rows(
        "SELECT h.announcement_id FROM hold h JOIN announcement a ON a.id = h.announcement_id"
        " JOIN audience u ON u.id = a.audience_id"
        " WHERE h.kind = :kind AND h.ended_at IS NULL AND u.subject = :subject",
        kind=UNTOLD,
        subject=subject,
    ):
        if not (await count(tx, row.announcement_id)).reachable:
            await end_holds(tx, row.announcement_id, kinds=(UNTOLD,), actor=actor)


async def _open(tx: Transaction, announcement_id: int) -> None:
    reason = "people are not told at the address approved, and have one that may be used: freeze them again"
    await ask_author(tx, announcement_id, kind=UNTOLD, reason=reason)
