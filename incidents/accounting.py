"""Everyone accounted for, over the whole incident: where each affected person stands now.

Each person counts once, by their newest frozen audience. *Notified* is whoever's notice was delivered, or
accepted and not returned for a time; with which evidence is always said. The parts sum to the people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from incidents import told
from incidents.store import Incident
from notifier import audiences
from notifier.announcements import UNRELEASED
from notifier.deliveries import OPEN, State
from notifier.store import Transaction

NOTIFIED, PENDING, UNREACHABLE = "notified", "pending", "unreachable"
SET_ASIDE, EXCLUDED = "set-aside", "excluded"
_GROUPS = (NOTIFIED, PENDING, UNREACHABLE, SET_ASIDE, EXCLUDED)
_HOUR = 3_600_000_000
_UNRELEASED = ", ".join(f"'{state}'" for state in sorted(UNRELEASED))
_OPEN = ", ".join(f"'{state}'" for state in sorted(OPEN))


@dataclass(frozen=True, slots=True)
class Accounts:
    """The people of one incident by where they stand: group, then channel and evidence, or the reason."""

    people: int
    parts: dict[str, dict[str, int]] = field(default_factory=dict)

    def total(self, group: str) -> int:
        """Return how many people are in a group."""
        return sum(self.parts.get(group, {}).values())

    @property
    def unaccounted(self) -> int:
        """People nobody can say anything about: must be 0."""
        return self.people - sum(self.total(group) for group in _GROUPS)


async def accounts(tx: Transaction, incident: Incident, *, settled_hours: float) -> Accounts:
    """Count every affected person once. ``settled_hours`` after its acceptance a notice that has not come
    back counts as received.
    """
    source, params = await _standing(tx, incident, settled_hours)
    people = await tx.scalar(f"SELECT count(*) FROM ({_PEOPLE}) AS p", incident=incident.id)
    parts: dict[str, dict[str, int]] = {}
    for row in await tx.rows(
        f"SELECT s.standing, count(*) AS people FROM ({source}) AS s GROUP BY s.standing ORDER BY s.standing",
        **params,
    ):
        group, what = _read(row.standing)
        inner = parts.setdefault(group, {})
        inner[what] = inner.get(what, 0) + row.people
    return Accounts(int(people or 0), parts)


async def unreached(
    tx: Transaction, incident: Incident, *, settled_hours: float
) -> AsyncIterator[list[tuple[int, str]]]:
    """Yield the ids of those who cannot be reached as things are, each with the reason, in parts."""
    source, params = await _standing(tx, incident, settled_hours)
    async for part in tx.stream(
        f"SELECT s.customer_id, s.standing FROM ({source}) AS s WHERE s.standing LIKE '6%'"
        " ORDER BY s.customer_id",
        chunk=500,
        **params,
    ):
        yield [(row.customer_id, _read(row.standing)[1]) for row in part]


_PEOPLE = "SELECT DISTINCT customer_id FROM affected WHERE incident_id = :incident"


async def _standing(tx: Transaction, incident: Incident, settled_hours: float) -> tuple[str, dict[str, Any]]:
    """Return the SELECT of each person's id and standing: a rank, the group, then what there is to say."""
    known = await audiences.about(tx, incident.code)
    replaced = {one.code for one in known} & told.replaced(known)
    void = {f"void_{place}": code for place, code in enumerate(sorted(replaced))}
    left_out = f" AND u.code NOT IN ({', '.join(f':{name}' for name in void)})" if void else ""
    newest = (
        "SELECT m.id, m.customer_id, m.state, m.reason, m.audience_id,"
        " row_number() OVER (PARTITION BY m.customer_id ORDER BY m.audience_id DESC) AS turn"
        f" FROM audience u JOIN audience_member m ON m.audience_id = u.id WHERE u.subject = :code{left_out}"
    )
    # Several notices may have gone to one person: the best of them says where they stand.
    delivered = (
        "SELECT d.member_id, min(CASE"
        f" WHEN d.state = '{State.DELIVERED}' THEN '1 {NOTIFIED} ' || d.channel || ', delivered'"
        f" WHEN d.state = '{State.ACCEPTED}' AND d.changed_at <= :settled"
        f" THEN '2 {NOTIFIED} ' || d.channel || ', accepted and not returned'"
        f" WHEN d.state = '{State.ACCEPTED}' THEN '3 {PENDING} accepted just now'"
        f" WHEN d.state IN ({_OPEN}) THEN '4 {PENDING} ' || d.state"
        f" WHEN d.state = '{State.CANCELLED}' THEN '6 {UNREACHABLE} cancelled'"
        f" WHEN d.state = '{State.BOUNCED}' THEN '6 {UNREACHABLE} returned, ' ||"
        f" COALESCE(NULLIF((SELECT max(r.reason) FROM receipt r WHERE r.delivery_id = d.id"
        " AND r.kind = 'bounced'), ''), 'no reason given')"
        f" ELSE '6 {UNREACHABLE} ' || d.state || COALESCE((SELECT ', ' || t.reason FROM attempt t"
        " WHERE t.delivery_id = d.id AND t.number = d.attempts AND t.reason <> ''), '') END) AS standing"
        f" FROM ({newest}) AS n JOIN delivery d ON d.member_id = n.id WHERE n.turn = 1 GROUP BY d.member_id"
    )
    standing = (
        f"CASE WHEN n.id IS NULL THEN '4 {PENDING} not frozen yet'"
        f" WHEN x.standing IS NOT NULL THEN x.standing"
        f" WHEN n.state = 'excluded' THEN '8 {EXCLUDED} ' || n.reason"
        f" WHEN n.state = 'needs-channel' THEN '6 {UNREACHABLE} no address, ' || n.reason"
        f" WHEN s.member_id IS NOT NULL THEN '7 {SET_ASIDE} ' || s.finding"
        " WHEN EXISTS (SELECT 1 FROM announcement a WHERE a.audience_id = n.audience_id"
        f" AND a.state IN ({_UNRELEASED})) THEN '4 {PENDING} announced, not released'"
        f" ELSE '4 {PENDING} not announced yet' END"
    )
    aside = (
        "SELECT member_id, min(finding) AS finding FROM set_aside WHERE NOT repaired AND announcement_id IN"
        " (SELECT a.id FROM announcement a WHERE a.state <> 'cancelled') GROUP BY member_id"
    )
    sql = (
        f"SELECT p.customer_id, {standing} AS standing FROM ({_PEOPLE}) AS p"
        f" LEFT JOIN ({newest}) AS n ON n.customer_id = p.customer_id AND n.turn = 1"
        f" LEFT JOIN ({delivered}) AS x ON x.member_id = n.id LEFT JOIN ({aside}) AS s ON s.member_id = n.id"
    )
    settled = tx.now_us() - int(settled_hours * _HOUR)
    return sql, {"incident": incident.id, "code": incident.code, "settled": settled, **void}


def _read(standing: str) -> tuple[str, str]:
    _rank, group, what = standing.split(" ", 2)
    return group, what
