"""The store's verbs for batches: claim, take over, flush, give back.

A batch is leased to one worker at a time, on the clock of the database; what is due when, the injected
clock says. A flush is one transaction:
it proves the lease, closes the attempts whose answer is known, and opens the next, except to whoever is
barred by then or at an address that is no longer used. Only a delivery that it returns as opened may be
handed over. A takeover turns what another worker left open into ``unknown``.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.audit.merkle import root
from notifier.deliveries import State
from notifier.engine import doubt, untold
from notifier.engine.attempts import Settled, mark_dead, record_attempts
from notifier.engine.dispatch import Dispatcher
from notifier.engine.holds import STOPPED, STOPS, ask_author, stopped_channels
from notifier.errors import LostLease
from notifier.store import Store, Transaction

UNREADABLE = "unreadable"
"""Why a notice that cannot be opened any more is not sent, and the kind of hold that says so: it holds
nothing back, and ends with the announcement.
"""

_LOOK = (
    (doubt.HOLD, doubt.REASON),
    (UNREADABLE, "notices that cannot be opened were not sent: find the damage, and tell these people anew"),
)
"""Endings that somebody has to know of: the hold's kind and its reason."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's expiring right to one batch."""

    batch_id: int
    announcement_id: int
    code: str
    plan: dict[str, Any]
    token: str
    channel: str = "email"


@dataclass(frozen=True, slots=True)
class Opening:
    """An attempt about to be opened."""

    delivery_id: int
    reference: str
    message_date: int
    signature: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """A delivery that ends, or is held, without a hand-over."""

    delivery_id: int
    reference: str
    member: str
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush made true: the deliveries that may now be handed over, and what the operator wants."""

    opened: frozenset[int]
    control: str


async def claim(
    store: Store,
    *,
    worker: str,
    drill: bool,
    lease_us: int,
    quarantine_us: int,
    running: Collection[int] = (),
    channels: Collection[str] = ("email",),
    only: int = 0,
) -> Lease | None:
    """Lease the batch that is due first, taking it over if its lease has run out; ``None`` if none is.

    Only batches of these ``channels`` are looked at, and of the announcement ``only`` where one is given.

    ``drill`` says what the worker's channel was built for: batches of the other kind are not its own.

    ``running`` are batches that this very process is at: it cannot have lost them to itself, even where it
    was too busy to renew their leases in time.
    """
    token = secrets.token_hex(8)
    lock = " FOR UPDATE OF b SKIP LOCKED" if store.dialect == "postgresql" else ""
    named = {f"channel_{place}": name for place, name in enumerate(channels)}
    if not named:
        return None
    async with store.begin() as tx:
        now = await tx.db_now_us()
        claimed = await tx.housekeep(
            "UPDATE send_batch SET state = 'leased', claim_token = :token, lease_until = :until, "
            "worker = :worker "
            "WHERE id = (SELECT b.id FROM send_batch b JOIN announcement a ON a.id = b.announcement_id "
            f"WHERE a.control = 'run' AND a.state = 'released' AND a.drill = :drill AND NOT ({STOPPED}) "
            f"{'AND a.id = :only ' if only else ''}"
            f"AND b.channel IN ({', '.join(f':{name}' for name in named)}) AND ("
            "(b.state = 'ready' AND b.not_before <= :due) OR (b.state = 'leased' AND b.lease_until < :now)) "
            f"AND b.id NOT IN (SELECT v.id FROM {tx.recordset('running', 'v', id='bigint')}) "
            f"ORDER BY b.not_before, b.id LIMIT 1{lock}) RETURNING id, announcement_id, channel",
            {
                **named,
                **({"only": only} if only else {}),
                "token": token,
                "until": now + lease_us,
                "worker": worker,
                "drill": drill,
                "now": now,
                "due": tx.now_us(),
                "running": orjson.dumps([{"id": one} for one in running]).decode(),
            },
        )
        if not claimed:
            return None
        batch_id, announcement_id = claimed[0].id, claimed[0].announcement_id
        await take_over(tx, batch_id, quarantine_us)
        announcement = await tx.row("SELECT code, plan FROM announcement WHERE id = :id", id=announcement_id)
        if announcement is None:
            raise LostLease
        about = (announcement.code, plain(announcement.plan))
        return Lease(batch_id, announcement_id, *about, token, claimed[0].channel)


def plain(value: Any) -> dict[str, Any]:
    """Return a JSON column read by raw SQL as a dict: SQLite hands out text, PostgreSQL the object."""
    return dict(orjson.loads(value)) if isinstance(value, str | bytes) else dict(value)


async def take_over(tx: Transaction, batch_id: int, quarantine_us: int) -> int:
    """Turn what was left open in a batch into ``unknown`` and return how many that were."""
    now = tx.now_us()
    left = await tx.housekeep(
        "UPDATE delivery SET state = 'unknown', due_at = :due, changed_at = :now "
        "WHERE batch_id = :batch AND state = 'handing-over' "
        "RETURNING id, reference, attempts, member_id, opened_at, announcement_id, channel",
        {"batch": batch_id, "due": now + quarantine_us, "now": now},
    )
    if not left:
        return 0
    facts = {
        row.id: row
        for row in await tx.rows(
            "SELECT d.id, m.uid, a.code FROM delivery d JOIN audience_member m ON m.id = d.member_id "
            "JOIN announcement a ON a.id = d.announcement_id "
            "WHERE d.batch_id = :batch AND d.state = 'unknown'",
            batch=batch_id,
        )
    }
    await record_attempts(tx, [_interrupted(row, facts[row.id]) for row in left])
    return len(left)


def _interrupted(row: Row[Any], facts: Row[Any]) -> Settled:
    return Settled.interrupted(
        delivery_id=row.id,
        reference=row.reference,
        number=row.attempts,
        opened_at=row.opened_at,
        member=facts.uid,
        code=facts.code,
        channel=row.channel,
    )


async def postpone(tx: Transaction, later: Sequence[tuple[int, int]]) -> None:
    """Give deliveries that wait a later time: pairs of delivery id and instant."""
    source = tx.recordset("rows", "v", id="bigint", due_at="bigint")
    await tx.housekeep(
        f"UPDATE delivery SET due_at = v.due_at FROM {source} WHERE delivery.id = v.id "
        "AND delivery.state IN ('planned', 'deferred', 'unknown')",
        {"rows": orjson.dumps([{"id": one, "due_at": due_at} for one, due_at in later]).decode()},
    )


async def flush(
    store: Store,
    lease: Lease,
    settled: Sequence[Settled],
    openings: Sequence[Opening],
    endings: Sequence[Ending],
) -> Flushed:
    """Close the attempts that are ``settled``, end what ends, and open the next; all or nothing.

    Raises ``LostLease`` if another worker has taken the batch over: then nothing may be sent any more.
    While the announcement is paused or cancelled, or its channel stopped, outcomes are written but nothing is
    opened.
    """
    async with store.begin() as tx:
        # The announcement before its batch and deliveries, as by whoever bars, pauses or cancels.
        share = " FOR SHARE OF a, b" if store.dialect == "postgresql" else ""
        held = await tx.row(
            "SELECT a.control FROM send_batch b JOIN announcement a ON a.id = b.announcement_id "
            f"WHERE b.id = :batch AND b.claim_token = :token AND b.state = 'leased'{share}",
            batch=lease.batch_id,
            token=lease.token,
        )
        if held is None:
            raise LostLease
        control = await _told(tx, lease, held.control)
        if settled:
            await _close(tx, lease, settled)
        if endings:
            await _end(tx, lease, endings)
        opened = await _open(tx, lease, openings) if openings and control == "run" else frozenset[int]()
        return Flushed(opened, control)


async def control_of(tx: Transaction, lease: Lease) -> str:
    """Return what the operator wants of the announcement, on the channel of the batch."""
    control = await tx.scalar("SELECT control FROM announcement WHERE id = :id", id=lease.announcement_id)
    return await _told(tx, lease, str(control))


async def _told(tx: Transaction, lease: Lease, control: str) -> str:
    """Return ``control`` itself, but for a channel that stands still. A statement of its own, after the lock:
    it sees what was committed meanwhile.
    """
    if control != "run" or lease.channel not in STOPS.values():
        return control
    return "pause" if lease.channel in await stopped_channels(tx, lease.announcement_id) else control


async def _close(tx: Transaction, lease: Lease, settled: Sequence[Settled]) -> None:
    now = tx.now_us()
    source = tx.recordset("rows", "v", id="bigint", state="text", due_at="bigint")
    rows = [{"id": one.delivery_id, "state": one.state, "due_at": one.due_at} for one in settled]
    closed = {
        row.id
        for row in await tx.write_returning(
            f"UPDATE delivery SET state = v.state, due_at = v.due_at, changed_at = :now FROM {source} "
            "WHERE delivery.id = v.id AND delivery.claim_token = :token AND delivery.state = 'handing-over' "
            "RETURNING delivery.id",
            {"rows": orjson.dumps(rows).decode(), "now": now, "token": lease.token},
        )
    }
    settled = [one for one in settled if one.delivery_id in closed]
    await record_attempts(tx, settled)
    await mark_dead(tx, settled)


async def _end(tx: Transaction, lease: Lease, endings: Sequence[Ending]) -> None:
    source = tx.recordset("rows", "v", id="bigint", state="text")
    rows = [{"id": one.delivery_id, "state": one.state} for one in endings]
    ended = {
        row.id
        for row in await tx.write_returning(
            f"UPDATE delivery SET state = v.state, changed_at = :now FROM {source} "
            "WHERE delivery.id = v.id AND delivery.state IN ('planned', 'deferred', 'unknown') "
            "RETURNING delivery.id",
            {"rows": orjson.dumps(rows).decode(), "now": tx.now_us()},
        )
    }
    endings = [one for one in endings if one.delivery_id in ended]  # The others were cancelled meanwhile.
    if any(one.state is State.SUPPRESSED for one in endings):
        await untold.ask_about(tx, lease.announcement_id, lease.batch_id)
    actions = {State.HELD: AuditAction.DELIVERY_HELD, State.SUPPRESSED: AuditAction.DELIVERY_SUPPRESSED}
    for kind, reason in _LOOK:
        if any(kind == (doubt.HOLD if one.state is State.HELD else one.reason) for one in endings):
            await ask_author(tx, lease.announcement_id, kind=kind, reason=reason)
    for one in endings:
        facts = {
            "announcement": lease.code,
            "delivery": one.reference,
            "member": one.member,
            "reason": one.reason,
        }
        tx.record(Event(actions[one.state], facts))


async def _open(tx: Transaction, lease: Lease, openings: Sequence[Opening]) -> frozenset[int]:
    now = tx.now_us()
    source = tx.recordset("rows", "v", id="bigint", message_date="bigint")
    rows = [{"id": one.delivery_id, "message_date": one.message_date} for one in openings]
    opened = frozenset(
        row.id
        for row in await tx.write_returning(
            "UPDATE delivery SET state = 'handing-over', claim_token = :token, attempts = attempts + 1, "
            "opened_at = :now, changed_at = :now, "
            "message_date = COALESCE(delivery.message_date, v.message_date) "
            # The sum keeps SQLite from walking the whole batch for each id.
            f"FROM {source} WHERE delivery.id = v.id AND delivery.batch_id + 0 = :batch "
            "AND delivery.state IN ('planned', 'deferred', 'unknown') "
            # Its message may have been made before a STOP, a bounce or a bar was heard of; the next time it
            # is loaded, it ends as suppressed.
            "AND EXISTS (SELECT 1 FROM contact_point p WHERE p.id = delivery.contact_point_id "
            "AND p.state = 'usable') "
            "AND NOT EXISTS (SELECT 1 FROM barred_point b WHERE b.member_id = delivery.member_id "
            "AND b.contact_point_id = delivery.contact_point_id) "
            "RETURNING delivery.id",
            {"rows": orjson.dumps(rows).decode(), "now": now, "token": lease.token, "batch": lease.batch_id},
        )
    )
    signed = [one for one in openings if one.signature is not None and one.delivery_id in opened]
    if signed:
        await tx.write(
            "UPDATE delivery SET signature = :signature WHERE id = :id AND signature IS NULL",
            [{"id": one.delivery_id, "signature": one.signature} for one in signed],
        )
    if opened:
        names = [one.reference.encode() for one in openings if one.delivery_id in opened]
        tx.record(
            Event(
                AuditAction.ATTEMPTS_OPENED,
                {"announcement": lease.code, "count": len(names), "root": root(names).hex()},
            )
        )
    return opened


async def renew(store: Store, lease: Lease, lease_us: int) -> None:
    """Extend the lease; raises ``LostLease`` if it is no longer ours."""
    async with store.begin() as tx:
        now = await tx.db_now_us()
        kept = await tx.housekeep(
            "UPDATE send_batch SET lease_until = :until WHERE id = :batch AND claim_token = :token "
            "AND state = 'leased' RETURNING id",
            {"until": now + lease_us, "batch": lease.batch_id, "token": lease.token},
        )
        if not kept:
            raise LostLease


async def give_back(
    store: Store, lease: Lease, dispatcher: Dispatcher, *, quarantine_us: int, not_before: int = 0
) -> None:
    """Return a leased batch: done if nothing in it waits, else ready for when its first delivery is due.

    What is still open under our token then was opened by a commit whose answer never reached us; nobody
    handed it over, but the record says it may have been, so it becomes ``unknown`` like any other.
    """
    async with store.begin() as tx:
        mine = await tx.scalar(
            "SELECT id FROM send_batch WHERE id = :batch AND claim_token = :token AND state = 'leased'",
            batch=lease.batch_id,
            token=lease.token,
        )
        if mine is None:
            raise LostLease
        await take_over(tx, lease.batch_id, quarantine_us)
        first_due = await tx.scalar(
            "SELECT min(due_at) FROM delivery WHERE batch_id = :batch "
            "AND state IN ('planned', 'deferred', 'unknown')",
            batch=lease.batch_id,
        )
        await tx.housekeep(
            "UPDATE send_batch SET state = :state, not_before = :not_before, claim_token = '', "
            "lease_until = NULL, worker = '' WHERE id = :batch",
            {
                "state": "done" if first_due is None else "ready",
                "not_before": max(first_due or 0, not_before),
                "batch": lease.batch_id,
            },
        )
        if first_due is not None:
            await dispatcher.dispatch(tx, [lease.batch_id], not_before=max(first_due, not_before))
