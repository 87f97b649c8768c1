"""The people for whom a step is due now, with all that their notice of it is made from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from notifier import plans
from notifier.announcements import Announcement, from_json
from notifier.escalation import choosing, conditions
from notifier.plans import MANDATORY_KIND, When
from notifier.preflight import members
from notifier.preflight.readers import Member
from notifier.standing import BARRED
from notifier.store import Transaction
from notifier.suppressions import LegalClass


@dataclass(frozen=True, slots=True)
class Compromised:
    """What must not be used in one matter: a condition on a member ``m`` and a contact point ``p``."""

    condition: str = "false"
    values: Mapping[str, Any] | None = None


Matter = Callable[[Transaction, Announcement], Awaitable[Compromised]]
"""Says what must not be used in the matter that an announcement is about."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody for whom a step is due."""

    id: int
    uid: str
    customer_id: int
    time_zone: str
    point_id: int | None
    why_not: str
    """Why the step cannot be gone with them; empty where it can."""
    member: Member


class Asked(Protocol):
    """Something that people are gone on with: a step of the plan, or a resend."""

    @property
    def announcement(self) -> Announcement:
        """Whose notices they are."""
        ...

    @property
    def compromised(self) -> Compromised:
        """What must not be used."""
        ...

    @property
    def number(self) -> int:
        """Its number in the plan; ``RESEND`` where it is in none."""
        ...

    @property
    def channel(self) -> str:
        """The channel."""
        ...

    @property
    def occasion(self) -> str:
        """The occasion of its notices."""
        ...

    @property
    def as_before(self) -> bool:
        """Whether it is only for those whom the corrected announcement was sent to on this channel."""
        ...

    @property
    def reminding(self) -> bool:
        """Whether its notices say that they are a reminder."""
        ...

    def condition(self) -> str:
        """Return the condition on ``m`` of ``a`` under which it is due."""
        ...

    def values(self) -> dict[str, Any]:
        """Return the parameters of its conditions."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One step of one announcement's plan, as it is asked for."""

    announcement: Announcement
    number: int
    compromised: Compromised
    until: int
    """The instant now, less the step's waiting time."""

    @property
    def _planned(self) -> plans.Step:
        return self.announcement.plan.steps[self.number - 1]

    @property
    def channel(self) -> str:
        """The step's channel."""
        return self._planned.channel

    @property
    def occasion(self) -> str:
        """The occasion of its notices."""
        return self.announcement.plan.occasion(self.number)

    @property
    def as_before(self) -> bool:
        """Whether it is only for those whom the corrected announcement was sent to on this channel."""
        return self._planned.when is When.AS_BEFORE

    @property
    def reminding(self) -> bool:
        """Whether its notices say that they are a reminder."""
        return self.occasion != "first"

    def condition(self) -> str:
        """Return the condition on ``m`` under which it is due."""
        return conditions.due(self.announcement.plan.steps, self.number)

    def values(self) -> dict[str, Any]:
        """Return the parameters of its conditions."""
        return {
            "id": self.announcement.id,
            "audience": self.announcement.audience_id,
            "step": self.number,
            "until": self.until,
        }


async def due(tx: Transaction, step: Asked, *, after: int, most: int) -> list[Candidate]:
    """Return up to ``most`` people for whom a step is due, in the order of the audience, behind ``after``."""
    rows = await tx.rows(_query(step), **_values(step), after=after, most=most)
    own: Mapping[int, Sequence[bytes]] = {}
    if step.channel == "email":
        own = await members.own_addresses(tx, [row.customer_id for row in rows if row.details is not None])
    return [_candidate(row, tuple(own.get(row.customer_id, ()))) for row in rows]


async def still(tx: Transaction, step: Asked, ids: Sequence[int]) -> set[int]:
    """Return for whom of these people the step is due at this moment."""
    source = tx.recordset("ids", "v", id="bigint")
    values = {name: value for name, value in step.values().items() if name != "audience"}
    rows = await tx.rows(
        f"SELECT m.id FROM {source} JOIN audience_member m ON m.id = v.id"
        " JOIN customer c ON c.id = m.customer_id JOIN announcement a ON a.id = :id"
        f" WHERE {step.condition()}",
        ids=orjson.dumps([{"id": one} for one in ids]).decode(),
        **values,
    )
    return {row.id for row in rows}


async def barred(tx: Transaction, people: Sequence[Candidate]) -> set[int]:
    """Return who of these people is told nothing more, on any channel."""
    rows = await tx.rows(
        f"SELECT m.id FROM {tx.recordset('ids', 'v', id='bigint')} JOIN audience_member m ON m.id = v.id"
        f" WHERE {BARRED}",
        ids=orjson.dumps([{"id": one.id} for one in people]).decode(),
    )
    return {row.id for row in rows}


async def unusable(tx: Transaction, people: Sequence[Candidate], now: Compromised) -> set[int]:
    """Return for whom the contact point that was chosen must not be used any more."""
    chosen = [{"id": one.id, "point": one.point_id} for one in people if one.point_id is not None]
    if not chosen:
        return set()
    rows = await tx.rows(
        f"SELECT m.id FROM {tx.recordset('chosen', 'v', id='bigint', point='bigint')}"
        " JOIN audience_member m ON m.id = v.id JOIN contact_point p ON p.id = v.point"
        f" WHERE p.state <> 'usable' OR ({now.condition})",
        chosen=orjson.dumps(chosen).decode(),
        **(now.values or {}),
    )
    return {row.id for row in rows}


def _query(step: Asked) -> str:
    if step.channel == "banner":
        chosen, why = "CAST(NULL AS bigint)", "''"
    else:
        mandatory = step.announcement.kind == MANDATORY_KIND
        legal = LegalClass.MANDATORY if mandatory else LegalClass.VOLUNTARY
        chosen, why = choosing.point(step.compromised.condition, legal, reminder=step.reminding)
        why = f"CASE WHEN q.point_id IS NOT NULL THEN '' ELSE {why} END"
    if step.as_before:
        why = f"CASE WHEN NOT {conditions.WAS_TOLD} THEN 'not-sent-before' ELSE {why} END"
    why = f"CASE WHEN {BARRED} THEN 'barred' ELSE {why} END"
    # The plus keeps SQLite on the primary key, in whose order the chunks come.
    inner = (
        f"SELECT m.id, {chosen} AS point_id FROM audience_member m JOIN customer c ON c.id = m.customer_id"
        " JOIN announcement a ON a.id = :id WHERE +m.audience_id = :audience AND m.id > :after"
        f" AND {step.condition()} ORDER BY m.id LIMIT :most"
    )
    return (
        f"SELECT m.id, m.uid, m.customer_id, m.time_zone, m.variant, m.locale, m.categories,"
        f" m.new_categories, m.sealed AS details, c.uid AS person, c.sealed AS customer, k.wrapped,"
        f" q.point_id, {why} AS why_not, p.sealed AS point, h.uid AS holder, hk.wrapped AS holder_wrapped,"
        " h.attributes AS holder_attributes, CASE WHEN h.id <> c.id THEN h.sealed END AS holder_customer"
        f" FROM ({inner}) AS q JOIN audience_member m ON m.id = q.id JOIN customer c ON c.id = m.customer_id"
        " LEFT JOIN subject_key k ON k.customer_id = c.id LEFT JOIN contact_point p ON p.id = q.point_id"
        " LEFT JOIN customer h ON h.id = p.customer_id"
        " LEFT JOIN subject_key hk ON hk.customer_id = p.customer_id ORDER BY m.id"
    )


def _values(step: Asked) -> dict[str, Any]:
    values = step.values()
    if step.channel != "banner":
        values |= {"channel": step.channel, **(step.compromised.values or {})}
    if step.as_before:
        values |= {"corrects": str(step.announcement.facts.get("corrects", "")), "channel": step.channel}
    return values


def _candidate(row: Any, own: tuple[bytes, ...]) -> Candidate:
    return Candidate(
        row.id,
        row.uid,
        row.customer_id,
        row.time_zone,
        row.point_id,
        row.why_not,
        Member(
            row.id,
            row.variant,
            row.locale,
            row.categories,
            row.new_categories,
            row.details,
            row.person,
            row.customer,
            row.wrapped,
            row.point,
            usable=True,
            holder=row.holder or "",
            holder_wrapped=row.holder_wrapped,
            own=own,
            holder_customer=row.holder_customer,
            holder_attributes=from_json(row.holder_attributes or {}),
        ),
    )
