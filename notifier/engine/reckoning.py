"""Everyone accounted for: where each person of an audience stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from notifier.acknowledgements import ACKNOWLEDGED
from notifier.deliveries import State
from notifier.engine.batches import plain
from notifier.engine.sending import required_steps
from notifier.plans import SendPlan, When
from notifier.standing import ASIDE, OFFERED, RANKED, REACHABLE, STEPS_AHEAD, UNREACHED, resolved
from notifier.store import Transaction

NOTIFIED = (State.ACCEPTED, State.DELIVERED)
PENDING = (State.PLANNED, State.HANDING_OVER, State.DEFERRED, State.UNKNOWN, State.HELD)
UNREACHABLE = (State.BOUNCED, State.REJECTED, State.SUPPRESSED, State.EXPIRED)
_GROUPS = {
    "needs-channel": "needs_channel",
    "needs-repair": "needs_repair",
    "excluded": "excluded",
    "acknowledged": "acknowledged",
    "not-released": "not_released",
    "steps-ahead": "steps_ahead",
    OFFERED: "offered",
}


@dataclass(frozen=True)
class Account:
    """The people of one announcement, each counted once by the best of what was sent to them. The parts sum
    to ``people``.
    """

    people: int
    deliveries: Mapping[str, int] = field(default_factory=dict)
    """Per delivery state."""
    needs_channel: int = 0
    needs_repair: int = 0
    excluded: int = 0
    not_released: int = 0
    """Due a notice that has not been released yet."""
    steps_ahead: int = 0
    """Reached by nothing yet, and the channel plan is not at its end."""
    offered: int = 0
    """A banner waits for them to sign in, and nothing else has reached them or is on its way."""
    acknowledged: int = 0
    """They have confirmed having read it, though by what is on record nothing has arrived."""

    @property
    def notified(self) -> int:
        """People whose server accepted their notice, or better."""
        return sum(self.deliveries.get(state, 0) for state in NOTIFIED) + self.acknowledged

    @property
    def open(self) -> int:
        """People for whom something may still happen by itself or by a decision."""
        return sum(self.deliveries.get(state, 0) for state in PENDING) + self.steps_ahead

    @property
    def unreachable(self) -> int:
        """People for whom the channel plan is exhausted."""
        return sum(self.deliveries.get(state, 0) for state in UNREACHABLE)

    @property
    def cancelled(self) -> int:
        """People whose delivery was cancelled."""
        return self.deliveries.get(State.CANCELLED, 0)

    @property
    def unaccounted(self) -> int:
        """People nobody can say anything about: must be 0."""
        known = sum(self.deliveries.values()) + self.needs_channel + self.needs_repair + self.excluded
        ahead = self.not_released + self.steps_ahead + self.offered
        return self.people - known - ahead - self.acknowledged


_BEST = f"(SELECT min({RANKED}) FROM delivery d WHERE d.member_id = m.id AND d.announcement_id = a.id)"
_STANDING = (
    f"CASE WHEN q.best < '{UNREACHED}' THEN substr(q.best, 3) WHEN m.state = 'excluded' THEN 'excluded'"
    " WHEN {acknowledged} THEN 'acknowledged'"
    f" WHEN {STEPS_AHEAD} AND NOT {ASIDE} THEN 'steps-ahead'"
    f" WHEN substr(q.best, 3) = '{OFFERED}' AND a.state IN ('closed', 'cancelled') THEN '{State.CANCELLED}'"
    " WHEN q.best IS NOT NULL THEN substr(q.best, 3)"
    " WHEN m.state = 'needs-channel' THEN 'needs-channel'"
    f" WHEN {ASIDE} THEN 'needs-repair' WHEN a.released_at IS NULL THEN 'not-released' ELSE '' END"
)

_HANDED_OVER = (
    "EXISTS (SELECT 1 FROM delivery d WHERE d.member_id = m.id AND d.announcement_id = :id"
    " AND d.opened_at IS NOT NULL)"
)


async def reckon(tx: Transaction, announcement_id: int) -> Account:
    """Count every person of the announcement's audience exactly once."""
    about = await tx.row(
        "SELECT u.people, a.plan FROM announcement a JOIN audience u ON u.id = a.audience_id"
        " WHERE a.id = :id",
        id=announcement_id,
    )
    required = sorted(required_steps(plain(about.plan))) if about is not None else ()
    standing = _STANDING.format(acknowledged=" AND ".join([ACKNOWLEDGED, *map(resolved, required)]))
    deliveries: dict[str, int] = {}
    groups: dict[str, int] = {}
    for row in await tx.rows(
        f"SELECT {standing} AS standing, count(*) AS people FROM"
        f" (SELECT a.id AS announcement_id, m.id AS member_id, {_BEST} AS best FROM announcement a"
        " JOIN audience_member m ON m.audience_id = a.audience_id WHERE a.id = :id) AS q"
        " JOIN announcement a ON a.id = q.announcement_id JOIN audience_member m ON m.id = q.member_id"
        " GROUP BY 1",
        id=announcement_id,
    ):
        if group := _GROUPS.get(row.standing):
            groups[group] = row.people
        elif row.standing:
            deliveries[row.standing] = row.people
    return Account(about.people if about is not None else 0, deliveries, **groups)


async def required_ahead(tx: Transaction, announcement_id: int) -> int:
    """Count those whom a channel that the law requires will still be gone with, reached or not."""
    plan = await tx.scalar("SELECT plan FROM announcement WHERE id = :id", id=announcement_id)
    steps = SendPlan.read(plain(plan)).steps if plan is not None else ()
    to_come = [
        f"(NOT {resolved(number)}" + (f" AND {_HANDED_OVER})" if step.when is When.UNACKNOWLEDGED else ")")
        for number, step in enumerate(steps, start=1)
        if step.required and step.when is not When.UNREACHED
    ]
    if not to_come:
        return 0
    return int(
        await tx.scalar(
            "SELECT count(*) FROM announcement a JOIN audience_member m ON m.audience_id = a.audience_id"
            f" WHERE a.id = :id AND {REACHABLE} AND NOT {ASIDE} AND ({' OR '.join(to_come)})",
            id=announcement_id,
        )
        or 0
    )
