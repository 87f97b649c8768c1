"""After a crash: settle from spill files what was answered, and free what was leased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.channels import Outcome, OutcomeKind
from notifier.deliveries import State
from notifier.engine.attempts import Settled, mark_dead, record_attempts
from notifier.engine.batches import take_over
from notifier.engine.holds import STOPPED
from notifier.engine.spill import SpilledOutcome, abandoned
from notifier.engine.windows import SECOND
from notifier.store import Store, Transaction

_AFTER = {
    OutcomeKind.ACCEPTED: State.ACCEPTED,
    OutcomeKind.DEFERRED: State.DEFERRED,
    OutcomeKind.REJECTED: State.REJECTED,
    OutcomeKind.UNKNOWN: State.UNKNOWN,
}
_AT_ONCE = 1000


async def replay(store: Store, folder: Path, *, retry_us: int) -> int:
    """Settle the outcomes in abandoned spill files and remove the files; returns how many were settled.

    A line settles a delivery only while it is open, or in doubt, under the very token of the line; what
    was committed before the crash is left alone, so a replay may be repeated.
    """
    settled = 0
    for path, outcomes in abandoned(folder):
        for start in range(0, len(outcomes), _AT_ONCE):
            async with store.begin() as tx:
                settled += await _settle(tx, outcomes[start : start + _AT_ONCE], retry_us)
        path.unlink(missing_ok=True)
    return settled


async def _settle(tx: Transaction, outcomes: Sequence[SpilledOutcome], retry_us: int) -> int:
    now = tx.now_us()
    latest = {one.delivery_id: one for one in outcomes}
    rows = [
        {
            "id": one.delivery_id,
            "claim": one.token,
            "state": _AFTER[one.kind],
            "due_at": 0 if one.kind in {OutcomeKind.ACCEPTED, OutcomeKind.REJECTED} else now + retry_us,
        }
        for one in latest.values()
    ]
    source = tx.recordset("rows", "v", id="bigint", claim="text", state="text", due_at="bigint")
    changed = await tx.write_returning(
        f"UPDATE delivery SET state = v.state, due_at = v.due_at, changed_at = :now FROM {source} "
        "WHERE delivery.id = v.id AND delivery.claim_token = v.claim "
        "AND delivery.state IN ('handing-over', 'unknown') "
        "RETURNING delivery.id, reference, attempts, opened_at, member_id, announcement_id, batch_id, "
        "channel",
        {"rows": orjson.dumps(rows).decode(), "now": now},
    )
    if not changed:
        return 0
    known = await _facts(tx, [row.id for row in changed])
    made = [_settled(row, known[row.id], latest[row.id]) for row in changed]
    # A takeover may have closed the attempt as unknown already: rows are append-only, so the better
    # knowledge is then an entry of its own.
    fresh = [one for one in made if not known[one.delivery_id].closed]
    await record_attempts(tx, fresh)
    await mark_dead(tx, made)
    tx.record(*(_late(one) for one in made if known[one.delivery_id].closed))
    await tx.housekeep(
        "UPDATE send_batch SET state = 'ready', not_before = 0 WHERE state = 'done' AND id IN "
        f"(SELECT batch_id FROM delivery JOIN {tx.recordset('ids', 'v', id='bigint')} ON v.id = delivery.id "
        "WHERE delivery.state IN ('deferred', 'unknown'))",
        {"ids": orjson.dumps([{"id": row.id} for row in changed]).decode()},
    )
    return len(made)


async def _facts(tx: Transaction, ids: Sequence[int]) -> dict[int, Row[Any]]:
    rows = await tx.rows(
        "SELECT d.id, m.uid, a.code, EXISTS (SELECT 1 FROM attempt t WHERE t.delivery_id = d.id "
        "AND t.number = d.attempts) AS closed "
        f"FROM {tx.recordset('ids', 'v', id='bigint')} JOIN delivery d ON d.id = v.id "
        "JOIN audience_member m ON m.id = d.member_id JOIN announcement a ON a.id = d.announcement_id",
        ids=orjson.dumps([{"id": one} for one in ids]).decode(),
    )
    return {row.id: row for row in rows}


def _late(settled: Settled) -> Event:
    """Return the entry for an answer that was found after its attempt had been closed as unknown."""
    event = settled.event()
    facts = {**event.facts, "outcome": str(settled.outcome.kind)}
    return replace(event, action=AuditAction.DELIVERY_SETTLED, facts=facts)


def _settled(row: Row[Any], facts: Row[Any], spilled: SpilledOutcome) -> Settled:
    outcome = Outcome(spilled.kind, code=spilled.code, enhanced=spilled.enhanced, reason=spilled.reason)
    return Settled(
        delivery_id=row.id,
        reference=row.reference,
        number=row.attempts,
        opened_at=row.opened_at,
        member=facts.uid,
        code=facts.code,
        outcome=outcome,
        state=_AFTER[spilled.kind],
        due_at=0,
        channel=row.channel,
    )


async def free_idle(store: Store, *, quarantine_seconds: float) -> int:
    """Free batches whose lease ran out while their announcement was paused or cancelled, or their channel
    stopped, and letters: nobody
    claims them, so nobody else would settle what was left open in them. Returns how many deliveries those
    were.
    """
    async with store.read() as tx:
        lapsed = await tx.rows(
            "SELECT b.id, b.claim_token FROM send_batch b JOIN announcement a ON a.id = b.announcement_id "
            "WHERE b.state = 'leased' AND b.lease_until < :now "
            f"AND (a.control <> 'run' OR a.state <> 'released' OR b.channel = 'letter' OR {STOPPED}) "
            "ORDER BY b.id",
            now=await tx.db_now_us(),
        )
    in_doubt = 0
    for row in lapsed:
        async with store.begin() as tx:
            freed = await tx.housekeep(
                "UPDATE send_batch SET state = 'ready', claim_token = '', lease_until = NULL, worker = '' "
                "WHERE id = :id AND claim_token = :token AND lease_until < :now RETURNING id",
                {"id": row.id, "token": row.claim_token, "now": await tx.db_now_us()},
            )
            if freed:
                in_doubt += await take_over(tx, row.id, int(quarantine_seconds * SECOND))
    return in_doubt


async def void_leases(store: Store, *, quarantine_seconds: float) -> int:
    """Free every leased batch at once: only for the one worker that may send, which has just started. Letters
    are not its own: they are being printed, or their lease runs out.

    What was left open becomes ``unknown``; returns how many deliveries that were.
    """
    async with store.read() as tx:
        leased = await tx.rows(
            "SELECT id FROM send_batch WHERE state = 'leased' AND channel <> 'letter' ORDER BY id"
        )
    in_doubt = 0
    for row in leased:
        async with store.begin() as tx:
            in_doubt += await take_over(tx, row.id, int(quarantine_seconds * SECOND))
            await tx.housekeep(
                "UPDATE send_batch SET state = 'ready', claim_token = '', lease_until = NULL, worker = '' "
                "WHERE id = :id",
                {"id": row.id},
            )
    return in_doubt
