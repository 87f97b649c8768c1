"""Everyone accounted for: where each person of an audience stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from notifier.deliveries import State
from notifier.store import Transaction

NOTIFIED = (State.ACCEPTED, State.DELIVERED)
PENDING = (State.PLANNED, State.HANDING_OVER, State.DEFERRED, State.UNKNOWN, State.HELD)
UNREACHABLE = (State.BOUNCED, State.REJECTED, State.SUPPRESSED, State.EXPIRED)


@dataclass(frozen=True)
class Account:
    """The people of one announcement, each counted once. The parts sum to ``people``."""

    people: int
    deliveries: Mapping[str, int] = field(default_factory=dict)
    """Per delivery state."""
    needs_channel: int = 0
    needs_repair: int = 0
    excluded: int = 0
    not_released: int = 0
    """Due a notice that has not been released yet."""

    @property
    def notified(self) -> int:
        """People whose server accepted their notice, or better."""
        return sum(self.deliveries.get(state, 0) for state in NOTIFIED)

    @property
    def open(self) -> int:
        """People for whom something may still happen by itself or by a decision."""
        return sum(self.deliveries.get(state, 0) for state in PENDING)

    @property
    def unreachable(self) -> int:
        """People for whom this channel is exhausted."""
        return sum(self.deliveries.get(state, 0) for state in UNREACHABLE)

    @property
    def cancelled(self) -> int:
        """People whose delivery was cancelled."""
        return self.deliveries.get(State.CANCELLED, 0)

    @property
    def unaccounted(self) -> int:
        """People nobody can say anything about: must be 0."""
        known = sum(self.deliveries.values()) + self.needs_channel + self.needs_repair + self.excluded
        return self.people - known - self.not_released


async def reckon(tx: Transaction, announcement_id: int) -> Account:
    """Count every person of the announcement's audience exactly once."""
    announcement = await tx.row(
        "SELECT a.released_at, u.people, a.audience_id FROM announcement a "
        "JOIN audience u ON u.id = a.audience_id WHERE a.id = :id",
        id=announcement_id,
    )
    if announcement is None:
        return Account(0)
    rows = await tx.rows(
        "SELECT m.state AS member, d.state AS delivery, "
        "CASE WHEN s.id IS NULL THEN 0 ELSE 1 END AS repair, count(*) AS people "
        "FROM audience_member m LEFT JOIN delivery d ON d.member_id = m.id AND d.announcement_id = :id "
        "AND d.occasion = 'first' "
        "LEFT JOIN set_aside s ON s.member_id = m.id AND s.announcement_id = :id AND NOT s.repaired "
        "WHERE m.audience_id = :audience GROUP BY m.state, d.state, "
        "CASE WHEN s.id IS NULL THEN 0 ELSE 1 END",
        id=announcement_id,
        audience=announcement.audience_id,
    )
    deliveries: dict[str, int] = {}
    needs_channel = needs_repair = excluded = not_released = 0
    for row in rows:
        if row.delivery is not None:
            deliveries[row.delivery] = deliveries.get(row.delivery, 0) + row.people
        elif row.member == "excluded":
            excluded += row.people
        elif row.member == "needs-channel":
            needs_channel += row.people
        elif row.repair:
            needs_repair += row.people
        elif announcement.released_at is None:
            not_released += row.people
    return Account(announcement.people, deliveries, needs_channel, needs_repair, excluded, not_released)
