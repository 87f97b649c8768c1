"""What was said before: nobody reads what is new before, or without, the notice that it adds to.

The audiences about one subject follow one another in the order in which they were frozen. An announcement
is released after the earlier ones that its people are in; and an update is for people of whom an earlier
notice may have left, or waits.
"""

from __future__ import annotations

from collections.abc import Iterable

from notifier.announcements import UNRELEASED, Announcement
from notifier.deliveries import State
from notifier.errors import Refused
from notifier.store import Transaction
from notifier.words import persons


def _listed(states: Iterable[str]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


_GONE = (State.ACCEPTED, State.DELIVERED, State.UNKNOWN, State.HELD, State.HANDING_OVER)
_ENDED = (State.CANCELLED, State.EXPIRED, State.SUPPRESSED)
MAY_HAVE_LEFT = (
    f"(d.state IN ({_listed(_GONE)}) OR (d.state IN ({_listed(_ENDED)}) AND EXISTS"
    " (SELECT 1 FROM attempt t WHERE t.delivery_id = d.id AND t.outcome = 'unknown')))"
)
"""Of a delivery ``d``. What we ended after a hand-over without an answer may have left all the same."""
WAITS = f"(d.channel <> 'banner' AND d.state IN ({_listed((State.PLANNED, State.DEFERRED))}))"
"""Of a delivery ``d``: it will leave. A banner only may be seen."""

_EARLIER = (
    "audience_member o JOIN audience v ON v.id = o.audience_id"
    " JOIN audience u ON u.id = m.audience_id AND u.subject <> '' AND v.subject = u.subject AND v.id < u.id"
)
_STANDING = {
    "draft": "a draft: `notifier announcements preflight` makes its notices",
    "preflighted": "waiting to be approved by a second operator: `notifier announcements approve`",
    "approved": "approved: `notifier announcements release` starts its countdown",
    "countdown": "in its countdown: try again when that has ended",
}
_OWN = "o.customer_id = m.customer_id"
_NEVER_TOLD = (
    f"m.state = 'due' AND m.new_categories <> '' AND NOT EXISTS (SELECT 1 FROM {_EARLIER}"
    f" JOIN announcement n ON n.audience_id = v.id AND n.state <> 'cancelled' WHERE {_OWN}"
    " AND (o.state = 'due' OR n.steps > 0))"
    f" AND NOT EXISTS (SELECT 1 FROM {_EARLIER} JOIN delivery d ON d.member_id = o.id"
    f" WHERE {_OWN} AND {MAY_HAVE_LEFT})"
)

BEFORE = (
    f"CASE WHEN m.new_categories = '' THEN 'told' WHEN EXISTS (SELECT 1 FROM {_EARLIER}"
    f" JOIN delivery d ON d.member_id = o.id WHERE {_OWN} AND {MAY_HAVE_LEFT}) THEN 'told'"
    f" WHEN EXISTS (SELECT 1 FROM {_EARLIER} JOIN delivery d ON d.member_id = o.id"
    f" JOIN announcement e ON e.id = d.announcement_id AND e.state <> 'cancelled' WHERE {_OWN} AND {WAITS})"
    " THEN 'waits' ELSE 'never' END"
)
"""Of a member ``m``: ``told`` what their notice adds to, or nothing; ``waits`` for it; ``never`` told."""


async def check(tx: Transaction, now: Announcement) -> None:
    """Refuse to release what would be read before, or without, the notice it adds to."""
    for earlier in await tx.rows(
        "SELECT n.code, n.state, n.audience_id FROM audience u JOIN audience v ON v.subject = u.subject"
        " AND v.id < u.id JOIN announcement n ON n.audience_id = v.id"
        f" WHERE u.id = :id AND u.subject <> '' AND n.state IN ({_listed(UNRELEASED)}) ORDER BY n.id",
        id=now.audience_id,
    ):
        shared = await tx.scalar(
            "SELECT count(*) FROM audience_member m JOIN audience_member o"
            " ON o.customer_id = m.customer_id AND o.audience_id = :earlier AND o.state = 'due'"
            " WHERE m.audience_id = :id AND m.state = 'due'",
            id=now.audience_id,
            earlier=earlier.audience_id,
        )
        if shared:
            raise Refused(
                f"{now.code} goes out after {earlier.code}, which is not released:"
                f" {persons(shared)} would read what is new before their first notice",
                advice=f"{earlier.code} is {_STANDING[earlier.state]}.",
            )
    if never := await never_told(tx, now.audience_id):
        raise Refused(
            f"{now.code} would bring an update to people who were never told: {persons(never)}."
            " What was to tell them first was cancelled before it left",
            advice=f"`notifier announcements cancel {now.code}`, then `notifier incidents freeze`:"
            " it has them again, for a first notice.",
        )


async def never_told(tx: Transaction, audience_id: int) -> int:
    """Count those due an update in a frozen audience whose earlier notice was cancelled and never left."""
    void = await tx.scalar(
        "SELECT 1 FROM audience u JOIN audience v ON v.subject = u.subject AND v.id < u.id"
        " WHERE u.id = :id AND u.subject <> '' AND NOT EXISTS (SELECT 1 FROM announcement n"
        " WHERE n.audience_id = v.id AND n.state <> 'cancelled') LIMIT 1",
        id=audience_id,
    )
    if not void:  # Everybody is in an announcement that stands: no need to look at each person.
        return 0
    return int(
        await tx.scalar(
            f"SELECT count(*) FROM audience_member m WHERE m.audience_id = :id AND {_NEVER_TOLD}",
            id=audience_id,
        )
        or 0
    )
