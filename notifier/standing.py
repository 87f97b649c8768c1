"""Where a person stands in an announcement: by the best of all that was sent to them, in SQL.

A banner that nobody has seen yet is *offered*: it has told nobody anything, and may still.
"""

from __future__ import annotations

from collections.abc import Iterable

from notifier.deliveries import OPEN, State

ABOUT_THE_MAILBOX = ("contact-point", "needs-smtputf8", "not-one-reader")
"""Findings of the preflight that say only that e-mail is not the way."""
OFFERED = "offered"
"""A banner waits until the person signs in: no state of a delivery."""
_ORDER = (
    State.DELIVERED,
    State.ACCEPTED,
    State.HANDING_OVER,
    State.UNKNOWN,
    State.HELD,
    State.DEFERRED,
    State.PLANNED,
    OFFERED,
    State.BOUNCED,
    State.REJECTED,
    State.EXPIRED,
    State.SUPPRESSED,
    State.CANCELLED,
)


def listed(words: Iterable[str]) -> str:
    """Return words as a list for SQL's IN."""
    return ", ".join(f"'{word}'" for word in sorted(words))


def resolved(step: int) -> str:
    """Return the condition that a step was taken for a member ``m``, or skipped; the parameter ``id`` is the
    announcement's.
    """
    return (
        f"(EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = m.id AND d.announcement_id = :id"
        f" AND d.step = {step}) OR EXISTS (SELECT 1 FROM skipped_step k WHERE k.member_id = m.id"
        f" AND k.announcement_id = :id AND k.step = {step}))"
    )


REACHABLE = "(m.state = 'due' OR (m.state = 'needs-channel' AND m.reason NOT IN ('deceased', 'no-guardian')))"
"""Members ``m`` to whom a channel plan applies: a minor or a deceased person with nobody to stand for them is
none of them."""
OFFERING = f"(d.channel = 'banner' AND d.state IN ({listed([*OPEN, State.ACCEPTED])}))"
"""A delivery ``d`` is a banner that is offered."""
_RANK = " ".join(f"WHEN '{state}' THEN '{place:02}'" for place, state in enumerate(_ORDER))
RANKED = (
    f"CASE WHEN {OFFERING} THEN '{_ORDER.index(OFFERED):02}{OFFERED}'"
    f" ELSE CASE d.state {_RANK} END || d.state END"
)
"""A delivery ``d``: what stands lower says more about whether its reader was told."""
UNREACHED = f"{_ORDER.index(OFFERED):02}"
"""From here on ``RANKED`` says that nothing has arrived, or is on its way by itself."""
ASIDE = (
    "EXISTS (SELECT 1 FROM set_aside s WHERE s.announcement_id = a.id AND s.member_id = m.id"
    f" AND NOT s.repaired AND (a.steps = 0 OR s.finding NOT IN ({listed(ABOUT_THE_MAILBOX)})))"
)
"""In an announcement ``a``, the notice of a member ``m`` is to be repaired before anything else."""
BARRED = "EXISTS (SELECT 1 FROM barred_member f WHERE f.member_id = m.id)"
"""A member ``m`` is told nothing more, on any channel."""
STEPS_AHEAD = (
    f"(a.steps > 0 AND a.state = 'released' AND {REACHABLE} AND a.steps >"
    " (SELECT count(DISTINCT d.step) FROM delivery d WHERE d.announcement_id = a.id AND d.member_id = m.id"
    " AND d.step > 0)"
    " + (SELECT count(*) FROM skipped_step k WHERE k.announcement_id = a.id AND k.member_id = m.id))"
)
"""The plan of an announcement ``a`` is not at its end for a member ``m`` whom nothing has reached."""
