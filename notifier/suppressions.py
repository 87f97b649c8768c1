"""Suppressions: standing refusals to use an address, by reason, and what each means by legal class.

A notice that the law requires goes out where its reader merely wants no letters; it never goes where it
cannot arrive, nor past a STOP. A refusal is about the address, so it holds for whoever has it, also if they
are imported later. One that stands in the way of every notice shows as the contact points' state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.store import Transaction


class Reason(StrEnum):
    """Why an address is not used."""

    DEAD = "dead"
    """There is no such mailbox or line."""
    STOPPED = "stopped"
    """Its owner told the carrier to take no more of our messages: it refuses them."""
    COMPLAINED = "complained"
    """Its owner reported a message of ours as spam."""
    UNSUBSCRIBED = "unsubscribed"
    """Its owner wants no letters that are not necessary."""


class LegalClass(StrEnum):
    """Whether a notice has to be given: by law, or for its reader's security."""

    MANDATORY = "mandatory"
    VOLUNTARY = "voluntary"


class Treatment(StrEnum):
    """What becomes of a notice to a suppressed address."""

    SEND = "send"
    ONCE = "once"
    """The first notice goes, no reminder on that channel."""
    NEVER = "never"


TREATMENTS: Mapping[Reason, Mapping[LegalClass, Treatment]] = {
    Reason.DEAD: {LegalClass.MANDATORY: Treatment.NEVER, LegalClass.VOLUNTARY: Treatment.NEVER},
    Reason.STOPPED: {LegalClass.MANDATORY: Treatment.NEVER, LegalClass.VOLUNTARY: Treatment.NEVER},
    Reason.COMPLAINED: {LegalClass.MANDATORY: Treatment.ONCE, LegalClass.VOLUNTARY: Treatment.NEVER},
    Reason.UNSUBSCRIBED: {LegalClass.MANDATORY: Treatment.SEND, LegalClass.VOLUNTARY: Treatment.SEND},
}
LASTS: Mapping[Reason, timedelta] = {Reason.DEAD: timedelta(days=180)}
"""How long a refusal holds that nobody lifts; those not named hold for good. Mailboxes come back."""

BLOCKING = tuple(
    str(reason) for reason, treatment in TREATMENTS.items() if set(treatment.values()) == {Treatment.NEVER}
)
"""Reasons that stand in the way of every notice; they are states of a contact point too."""
_BLOCKING = ", ".join(f"'{reason}'" for reason in BLOCKING)
_SECOND = 1_000_000
EXPIRE_MOST = 500
"""Refusals that end in one transaction: a third of a second."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Who says so, and what shows it."""

    source: str
    because: str
    by: str = "system"


@dataclass(frozen=True, slots=True)
class Address:
    """An address by its blind indexes, as a contact point has them: on one channel, whoever has it."""

    channel: str
    value_index: bytes
    folded_index: bytes


async def suppress_address(tx: Transaction, address: Address, reason: Reason, standing: Standing) -> int:
    """Refuse to use an address, also where nobody has it yet; returns 1 unless it was refused already."""
    added = await tx.write(
        "INSERT INTO suppression (channel, value_index, folded_index, reason, because, source, by, since,"
        " until, lifted_by, lifted_because) VALUES (:channel, :value, :folded, :reason, :because, :source,"
        " :by, CAST(:now AS bigint), CAST(:until AS bigint), '', '') ON CONFLICT DO NOTHING",
        {**_named(address), **_placed(tx, reason, standing, None)},
    )
    if added:
        await _show(
            tx,
            "folded_index = :folded AND value_index = :value AND channel = :channel",
            _named(address),
        )
        tx.record(
            Event(AuditAction.CONTACT_POINT_SUPPRESSED, _facts(reason, standing.source, standing.by, added))
        )
    return added


async def lift_address(
    tx: Transaction, address: Address, reasons: Sequence[Reason], *, because: str, by: str = "system"
) -> int:
    """Use an address again; returns how many refusals ended."""
    which = "channel = :channel AND value_index = :value AND folded_index = :folded"
    return await _lift(tx, which, _named(address), reasons, because=because, by=by)


async def suppress(
    tx: Transaction, points: Sequence[int], reason: Reason, standing: Standing, *, until: int | None = None
) -> int:
    """Refuse to use the addresses of these contact points; returns how many are new.

    ``until`` is the instant at which it ends; without one it is as ``LASTS`` says.
    """
    added = await tx.write(
        "INSERT INTO suppression (channel, value_index, folded_index, reason, because, source, by, since,"
        " until, lifted_by, lifted_because) SELECT DISTINCT p.channel, p.value_index, p.folded_index,"
        " :reason, :because, :source, :by, CAST(:now AS bigint), CAST(:until AS bigint), '', ''"
        f" FROM contact_point p JOIN {_of(tx)} ON v.id = p.id WHERE true ON CONFLICT DO NOTHING",
        {**_placed(tx, reason, standing, until), **_bound(points)},
    )
    if not added:
        return 0
    same = f"folded_index IN (SELECT p.folded_index FROM contact_point p JOIN {_of(tx)} ON v.id = p.id)"
    await _show(tx, same, _bound(points))
    facts = _facts(reason, standing.source, standing.by, added)
    tx.record(Event(AuditAction.CONTACT_POINT_SUPPRESSED, facts))
    return added


async def lift(
    tx: Transaction, points: Sequence[int], reasons: Sequence[Reason], *, because: str, by: str = "system"
) -> int:
    """Use the addresses of these contact points again; returns how many refusals ended."""
    which = (
        "(channel, value_index) IN"
        f" (SELECT p.channel, p.value_index FROM contact_point p JOIN {_of(tx)} ON v.id = p.id)"
    )
    return await _lift(tx, which, _bound(points), reasons, because=because, by=by)


async def stopped_by_owner(tx: Transaction, points: Sequence[int]) -> bool:
    """Say whether the owner of one of these addresses told the carrier to stop text messages. Only they can
    take that back, with START: the carrier refuses our messages until then, whatever we think.
    """
    return bool(
        await tx.scalar(
            f"SELECT 1 FROM suppression s JOIN contact_point p ON p.value_index = s.value_index"
            f" AND p.channel = s.channel JOIN {_of(tx)} ON v.id = p.id WHERE s.lifted_at IS NULL"
            " AND s.channel = 'sms' AND s.reason = 'stopped' AND s.source IN ('receipt', 'answer') LIMIT 1",
            **_bound(points),
        )
    )


async def _lift(
    tx: Transaction,
    which: str,
    bound: Mapping[str, Any],
    reasons: Sequence[Reason],
    *,
    because: str,
    by: str,
) -> int:
    listed = ", ".join(f"'{reason}'" for reason in reasons)
    ended = await tx.write_returning(
        "UPDATE suppression SET lifted_at = :now, lifted_by = :by, lifted_because = :because"
        f" WHERE lifted_at IS NULL AND reason IN ({listed}) AND {which}"
        " RETURNING channel, value_index, folded_index, reason",
        {"now": tx.now_us(), "by": by, "because": because, **bound},
    )
    await _use_again(tx, ended, by)
    return len(ended)


async def expire(tx: Transaction) -> int:
    """End refusals whose time is over, some at a time; returns how many those were.

    All that came back from one announcement end on one day: at once they would keep senders from their
    records for longer than a lease.
    """
    ended = await tx.write_returning(
        "UPDATE suppression SET lifted_at = :now, lifted_by = 'system', lifted_because = 'its time is over'"
        " WHERE id IN (SELECT u.id FROM suppression u WHERE u.lifted_at IS NULL AND u.until <= :now"
        " ORDER BY u.id LIMIT :most) RETURNING channel, value_index, folded_index, reason",
        {"now": tx.now_us(), "most": EXPIRE_MOST},
    )
    await _use_again(tx, ended, "system")
    return len(ended)


async def listing(
    tx: Transaction, reason: Reason | None, *, lifted: bool = False, after: int = 0, limit: int = 50
) -> Sequence[Row[Any]]:
    """Return what stands, or what has ended, in the order in which it began."""
    return await tx.rows(
        f"SELECT * FROM suppression WHERE lifted_at IS {'NOT NULL' if lifted else 'NULL'} AND id > :after"
        " AND :reason IN ('', reason) ORDER BY id LIMIT :limit",
        reason=str(reason or ""),
        after=after,
        limit=limit,
    )


async def hold_for(tx: Transaction, customers: Sequence[int]) -> None:
    """Let what stands hold for contact points that these customers have only now."""
    if await tx.scalar("SELECT 1 FROM suppression WHERE lifted_at IS NULL LIMIT 1"):
        await _show(tx, f"customer_id IN (SELECT v.id FROM {_of(tx)})", _bound(customers))


async def _show(tx: Transaction, which: str, bound: Mapping[str, Any]) -> None:
    """Bring the states of usable contact points in line with what stands."""
    standing = (
        "FROM suppression s WHERE s.lifted_at IS NULL AND s.value_index = contact_point.value_index"
        f" AND s.channel = contact_point.channel AND s.reason IN ({_BLOCKING}) ORDER BY s.reason LIMIT 1"
    )
    await tx.write(
        f"UPDATE contact_point SET state = (SELECT s.reason {standing}), state_reason = (SELECT s.because"
        f" {standing}) WHERE state = 'usable' AND {which} AND EXISTS (SELECT 1 {standing})",
        bound,
    )


async def _use_again(tx: Transaction, ended: Sequence[Row[Any]], by: str) -> None:
    for row in ended:
        await tx.write(
            "UPDATE contact_point SET state = COALESCE((SELECT min(s.reason) FROM suppression s"
            " WHERE s.lifted_at IS NULL AND s.value_index = :index AND s.channel = :channel"
            f" AND s.reason IN ({_BLOCKING})), 'usable'), state_reason = '' WHERE state = :reason"
            " AND folded_index = :folded AND value_index = :index AND channel = :channel",
            {
                "index": row.value_index,
                "folded": row.folded_index,
                "channel": row.channel,
                "reason": row.reason,
            },
        )
    for reason in Reason:
        if count := sum(row.reason == reason for row in ended):
            tx.record(Event(AuditAction.CONTACT_POINT_LIFTED, _facts(reason, "", by, count)))


def _placed(tx: Transaction, reason: Reason, standing: Standing, until: int | None) -> dict[str, Any]:
    now = tx.now_us()
    if until is None and (lasts := LASTS.get(reason)):
        until = now + int(lasts.total_seconds() * _SECOND)
    said = {"because": standing.because, "source": standing.source, "by": standing.by}
    return {"reason": str(reason), **said, "now": now, "until": until}


def _named(address: Address) -> dict[str, Any]:
    return {"channel": address.channel, "value": address.value_index, "folded": address.folded_index}


def _facts(reason: Reason, source: str, by: str, count: int) -> dict[str, Json]:
    facts: dict[str, Json] = {"reason": str(reason), "count": count}
    if source:
        facts["source"] = source
    facts["actor"] = by if by == "system" else f"operator:{by}"
    return facts


def _of(tx: Transaction) -> str:
    return tx.recordset("ids", "v", id="bigint")


def _bound(ids: Sequence[int]) -> dict[str, str]:
    return {"ids": orjson.dumps([{"id": one} for one in ids]).decode()}
