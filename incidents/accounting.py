"""Everyone accounted for, over the whole incident: where each affected person stands now.

Each person counts once, by their newest frozen audience. *Notified* is whoever's notice was delivered, or
accepted and not returned for a time; with which evidence is always said. The parts sum to the people.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from incidents import told
from incidents.corrections.standing import GOT, UNAFFECTED
from incidents.store import Incident
from notifier import audiences
from notifier.acknowledgements import ACKNOWLEDGED
from notifier.announcements import UNRELEASED
from notifier.deliveries import OPEN, State
from notifier.escalation.choosing import HOLDER
from notifier.standing import ASIDE, OFFERING, STEPS_AHEAD, listed
from notifier.store import Transaction

NOTIFIED, PENDING, UNREACHABLE = "notified", "pending", "unreachable"
SET_ASIDE, EXCLUDED, NOT_AFFECTED = "set-aside", "excluded", "not-affected"
_GROUPS = (NOTIFIED, PENDING, UNREACHABLE, SET_ASIDE, EXCLUDED, NOT_AFFECTED)
_HOUR = 3_600_000_000


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
    known, params = await _known(tx, incident, settled_hours)
    people = await tx.scalar(f"SELECT count(*) FROM ({_PEOPLE}) AS p", incident=incident.id)
    parts: dict[str, dict[str, int]] = {}
    for row in await tx.rows(
        f"{known} SELECT standing, count(*) AS people FROM stands GROUP BY standing ORDER BY standing",
        **params,
    ):
        group, what = _read(row.standing)
        inner = parts.setdefault(group, {})
        inner[what] = inner.get(what, 0) + row.people
    return Accounts(int(people or 0), parts)


@dataclass(frozen=True, slots=True)
class Unreached:
    """Somebody who cannot be reached as things are."""

    customer_id: int
    writes_to: int | None
    """Who is written to: a guardian or next of kin in their place; ``None`` where nobody stands for them."""
    reason: str


async def unreached(
    tx: Transaction, incident: Incident, *, settled_hours: float
) -> AsyncIterator[list[Unreached]]:
    """Yield those who cannot be reached as things are, in parts."""
    known, params = await _known(tx, incident, settled_hours)
    async for part in tx.stream(
        f"{known} SELECT s.customer_id, s.standing, {_WRITES_TO} AS writes_to FROM stands s"
        " JOIN customer c ON c.id = s.customer_id LEFT JOIN audience_member m ON m.id = s.member_id"
        " WHERE s.standing LIKE '6%' ORDER BY s.customer_id",
        chunk=500,
        **params,
    ):
        yield [Unreached(row.customer_id, row.writes_to, _read(row.standing)[1]) for row in part]


_WRITES_TO = (
    "CASE WHEN m.state = 'needs-channel' AND m.reason IN ('deceased', 'no-guardian') THEN NULL"
    f" WHEN m.id IS NULL THEN s.customer_id ELSE {HOLDER} END"
)
_PEOPLE = "SELECT DISTINCT customer_id FROM affected WHERE incident_id = :incident"
_RETURNED = (
    "COALESCE(NULLIF((SELECT max(r.reason) FROM receipt r WHERE r.delivery_id = d.id"
    " AND r.kind = 'bounced'), ''), 'no reason given')"
)
_REASON = (
    "COALESCE((SELECT ', ' || t.reason FROM attempt t WHERE t.delivery_id = d.id AND t.number = d.attempts"
    " AND t.reason <> ''), '')"
)
_OVER = (
    "EXISTS (SELECT 1 FROM announcement o WHERE o.id = d.announcement_id"
    " AND o.state IN ('closed', 'cancelled'))"
)
# Several notices may have gone to one person: the best of them says where they stand. What was withdrawn says
# so only where there is nothing else: why the others did not arrive tells more.
_DELIVERED = (
    f"CASE WHEN d.state = '{State.DELIVERED}' THEN '1 {NOTIFIED} ' || d.channel ||"
    " CASE WHEN d.channel = 'banner' THEN ', displayed' ELSE ', delivered' END"
    f" WHEN {OFFERING} AND {_OVER} THEN NULL"
    f" WHEN {OFFERING} THEN '5 {PENDING} banner waits for a sign-in'"
    f" WHEN d.state = '{State.ACCEPTED}' AND d.changed_at <= :settled"
    f" THEN '2 {NOTIFIED} ' || d.channel || ', accepted and not returned'"
    f" WHEN d.state = '{State.ACCEPTED}' THEN '3 {PENDING} ' || d.channel || ', accepted just now'"
    f" WHEN d.state IN ({listed(OPEN)}) THEN '4 {PENDING} ' || d.state"
    f" WHEN d.state = '{State.CANCELLED}' THEN NULL"
    f" WHEN d.state = '{State.BOUNCED}' THEN '6 {UNREACHABLE} ' || d.channel || ' returned, ' || {_RETURNED}"
    f" ELSE '6 {UNREACHABLE} ' || d.channel || ' ' || d.state || {_REASON} END"
)
_WITHDRAWN = (
    f"(SELECT max('6 {UNREACHABLE} ' || CASE d.channel WHEN 'banner' THEN 'banner not seen'"
    " ELSE 'cancelled' END) FROM delivery d WHERE d.member_id = m.id)"
)
_BEST = f"COALESCE((SELECT min({_DELIVERED}) FROM delivery d WHERE d.member_id = m.id), {_WITHDRAWN})"
_ANNOUNCED = "EXISTS (SELECT 1 FROM announcement a WHERE a.audience_id = m.audience_id AND {condition})"
_TO_COME = _ANNOUNCED.format(condition=f"{STEPS_AHEAD} AND NOT {ASIDE}")
_NOT_RELEASED = _ANNOUNCED.format(condition=f"a.state IN ({listed(UNRELEASED)})")
_WITH_STEPS = _ANNOUNCED.format(condition=f"a.state IN ({listed(UNRELEASED)}) AND a.steps > 0")
_FINDING = (
    "(SELECT min(s.finding) FROM set_aside s JOIN announcement a ON a.id = s.announcement_id"
    " WHERE s.member_id = m.id AND NOT s.repaired AND a.state <> 'cancelled')"
)
# By what they were told last: a notice, that it is not them, or nothing.
_TAKEN_OFF = (
    "CASE WHEN EXISTS (SELECT 1 FROM audience u WHERE u.id = m.audience_id AND u.kind = 'not-affected')"
    f" THEN CASE WHEN {ACKNOWLEDGED} OR b.best < '3' THEN 'told so'"
    f" WHEN b.best < '6' OR {_TO_COME} OR {_NOT_RELEASED} THEN 'being told so'"
    " ELSE 'told before, and not reached again' END"
    f" WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.customer_id = b.customer_id AND {GOT}"
    " AND d.announcement_id IN (SELECT a.id FROM announcement a JOIN audience u ON u.id = a.audience_id"
    " WHERE u.subject = :code)) THEN 'told before, not yet told so' ELSE 'nothing to tell' END"
)
_STANDING = (
    f"CASE WHEN {UNAFFECTED.format(who='b.customer_id')} THEN '9 {NOT_AFFECTED} ' || {_TAKEN_OFF}"
    f" WHEN m.id IS NULL THEN '4 {PENDING} not frozen yet'"
    f" WHEN {ACKNOWLEDGED} THEN '0 {NOTIFIED} acknowledged' WHEN b.best < '5' THEN b.best"
    f" WHEN m.state = 'excluded' THEN '8 {EXCLUDED} ' || m.reason"
    f" WHEN {_TO_COME} THEN '4 {PENDING} next step of the plan' WHEN b.best IS NOT NULL THEN b.best"
    f" WHEN m.state = 'needs-channel' AND {_WITH_STEPS} THEN '4 {PENDING} announced, not released'"
    f" WHEN m.state = 'needs-channel' THEN '6 {UNREACHABLE} no address, ' || m.reason"
    f" WHEN {_FINDING} IS NOT NULL THEN '7 {SET_ASIDE} ' || {_FINDING}"
    f" WHEN {_NOT_RELEASED} THEN '4 {PENDING} announced, not released'"
    f" ELSE '4 {PENDING} not announced yet' END"
)


async def _known(tx: Transaction, incident: Incident, settled_hours: float) -> tuple[str, dict[str, Any]]:
    """Return the beginning of a query that reads ``stands``: each person's id and standing (rank, group,
    then what there is to say).
    """
    known = await audiences.about(tx, incident.code)
    replaced = {one.code for one in known} & told.replaced(known)
    void = {f"void_{place}": code for place, code in enumerate(sorted(replaced))}
    left_out = f" AND u.code NOT IN ({', '.join(f':{name}' for name in void)})" if void else ""
    # Each person's newest listing is looked up by itself: joined to all listings, SQLite reads them once for
    # every person.
    newest = (
        "(SELECT l.id FROM audience u JOIN audience_member l ON l.audience_id = u.id WHERE u.subject = :code"
        f" AND l.customer_id = p.customer_id{left_out} ORDER BY u.id DESC LIMIT 1)"
    )
    sql = (
        f"WITH people AS ({_PEOPLE}), best AS (SELECT p.customer_id, m.id, {_BEST} AS best FROM people p"
        f" LEFT JOIN audience_member m ON m.id = {newest}),"
        f" stands AS (SELECT b.customer_id, b.id AS member_id, {_STANDING} AS standing FROM best b"
        " LEFT JOIN audience_member m ON m.id = b.id)"
    )
    settled = tx.now_us() - int(settled_hours * _HOUR)
    return sql, {"incident": incident.id, "code": incident.code, "settled": settled, **void}


def _read(standing: str) -> tuple[str, str]:
    _rank, group, what = standing.split(" ", 2)
    return group, what
