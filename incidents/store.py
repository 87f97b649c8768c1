"""Incidents in the store: declared, revised, stepped. Every change is a new row, and is on record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from incidents import untold
from incidents.actions import IncidentAction
from incidents.errors import NoSuchIncident, StepRefused
from incidents.lifecycle import NEEDS_REASON, Order, State, Step, after
from incidents.records import IncidentRecord, digest, plain, validated
from notifier import orders
from notifier.audit.entry import Event
from notifier.clock import from_instant
from notifier.errors import BadInput, Conflict
from notifier.store import Transaction

LATEST = (1 << 53) - 1
"""The last instant (in June 2255) that canonical JSON can hold: RFC 8785 knows integers of 53 bits."""
_MAX_REASON = 2000
_REFERENCE = re.compile(r"[A-Za-z0-9 ./_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands, with the newest revision of its record."""

    id: int
    code: str
    drill: bool
    state: State
    revision: int
    created_at: datetime
    created_by: str
    record: IncidentRecord


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a record."""

    number: int
    record: dict[str, Any]
    digest: str
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StepTaken:
    """One step of the life cycle."""

    before: str
    after: str
    actor: str
    reason: str
    facts: dict[str, Any]
    at: datetime


async def declare(tx: Transaction, record: IncidentRecord, *, actor: str, drill: bool = False) -> str:
    """Put a new incident on record, as suspected; returns its code."""
    if tx.dialect == "postgresql":
        await tx.rows("SELECT pg_advisory_xact_lock(hashtext('incident code'))")
    prefix = f"{'DRILL' if drill else 'INC'}-{tx.clock.now().year}-"
    last = await tx.scalar(
        "SELECT max(CAST(substr(code, :after) AS integer)) FROM incident WHERE code LIKE :prefix",
        after=len(prefix) + 1,
        prefix=f"{prefix}%",
    )
    code = f"{prefix}{(last or 0) + 1:03d}"
    now = tx.now_us()
    await tx.write(
        "INSERT INTO incident (code, drill, state, revision, created_at, created_by)"
        " VALUES (:code, :drill, :state, 1, :now, :actor)",
        {"code": code, "drill": drill, "state": State.SUSPECTED, "now": now, "actor": f"operator:{actor}"},
    )
    incident_id = await tx.scalar("SELECT id FROM incident WHERE code = :code", code=code)
    await _add_revision(tx, incident_id, 1, record, actor=actor, reason="")
    tx.record(
        Event(
            IncidentAction.DECLARED,
            {"incident": code, "record_digest": digest(record), "actor": f"operator:{actor}"},
        )
    )
    return code


async def find(tx: Transaction, code: str) -> Incident:
    """Return the incident named ``code``, or raise ``NoSuchIncident``."""
    row = await tx.row(
        "SELECT i.id, i.code, i.drill, i.state, i.revision, i.created_at, i.created_by, r.record"
        " FROM incident i JOIN incident_revision r ON r.incident_id = i.id AND r.revision = i.revision"
        " WHERE i.code = :code",
        code=clean(code).upper(),
    )
    if row is None:
        raise NoSuchIncident(code)
    return Incident(
        row.id,
        row.code,
        bool(row.drill),
        State(row.state),
        row.revision,
        from_instant(row.created_at),
        row.created_by,
        validated(_json(row.record)),
    )


async def revise(tx: Transaction, code: str, record: IncidentRecord, *, actor: str, reason: str = "") -> int:
    """Add a revision and return its number; a record that says nothing new is a ``Conflict``."""
    incident = await find(tx, code)
    if incident.record == record:
        raise Conflict("this record says nothing new", advice="Change the file first, then revise.")
    number = incident.revision + 1
    changed = await tx.write(
        "UPDATE incident SET revision = :number WHERE id = :id AND revision = :before",
        {"number": number, "id": incident.id, "before": incident.revision},
    )
    if not changed:
        raise Conflict("somebody else revised this incident just now", advice="Look at it and try again.")
    await _add_revision(tx, incident.id, number, record, actor=actor, reason=clean(reason))
    facts: dict[str, str | int] = {
        "incident": incident.code,
        "revision": number,
        "record_digest": digest(record),
        "reason_digest": tx.commitment("reason", clean(reason)),
        "actor": f"operator:{actor}",
    }
    tx.record(Event(IncidentAction.REVISED, facts))
    return number


async def take_step(
    tx: Transaction, code: str, step: Step, *, actor: str, reason: str = "", order: Order | None = None
) -> State:
    """Take a step of the life cycle; returns the new state. A step that needs a reason gets one."""
    incident = await find(tx, code)
    reason = clean(reason)
    if step in NEEDS_REASON and not reason:
        raise BadInput(f"the step {step} needs a reason", advice="Give it with --reason.")
    if len(reason) > _MAX_REASON:
        raise BadInput(f"a reason has at most {_MAX_REASON} characters")
    facts = _order_facts(tx, step, order)
    held_from = await _held_from(tx, incident) if step is Step.RESUME else None
    target = after(incident.state, step, held_from=held_from)
    if step is Step.CLOSE:
        await untold.check(tx, incident.code, incident.id)
    moved = await tx.write(
        "UPDATE incident SET state = :after WHERE id = :id AND state = :before",
        {"after": target, "id": incident.id, "before": incident.state},
    )
    if not moved:
        raise Conflict("somebody else took a step just now", advice="Look at the incident and try again.")
    await tx.write(
        "INSERT INTO incident_step (incident_id, before, after, actor, reason, facts, taken_at)"
        " VALUES (:id, :before, :after, :actor, :reason, :facts, :now)",
        {
            "id": incident.id,
            "before": incident.state,
            "after": target,
            "actor": actor,
            "reason": reason,
            "facts": orjson.dumps(facts).decode(),
            "now": tx.now_us(),
        },
    )
    told: dict[str, str | int] = {
        "incident": incident.code,
        "step": str(step),
        "before": str(incident.state),
        "after": str(target),
        "reason_digest": tx.commitment("reason", reason),
        "actor": f"operator:{actor}",
    }
    tx.record(Event(IncidentAction.STEP_TAKEN, {**told, **facts}))
    if step is Step.HOLD:
        await orders.hold_all(tx, incident.code, reason=f"order {facts['order']}", operator=actor)
    elif step is Step.RESUME:
        await orders.go_on(tx, incident.code, operator=actor)
    return target


async def revisions(tx: Transaction, incident: Incident) -> Sequence[Revision]:
    """Return all revisions, the oldest first."""
    rows = await tx.rows(
        "SELECT revision, record, digest, actor, reason, recorded_at FROM incident_revision"
        " WHERE incident_id = :id ORDER BY revision",
        id=incident.id,
    )
    return [
        Revision(
            row.revision, _json(row.record), row.digest, row.actor, row.reason, from_instant(row.recorded_at)
        )
        for row in rows
    ]


async def steps(tx: Transaction, incident: Incident) -> Sequence[StepTaken]:
    """Return all steps, the oldest first."""
    rows = await tx.rows(
        "SELECT before, after, actor, reason, facts, taken_at FROM incident_step"
        " WHERE incident_id = :id ORDER BY id",
        id=incident.id,
    )
    return [
        StepTaken(row.before, row.after, row.actor, row.reason, _json(row.facts), from_instant(row.taken_at))
        for row in rows
    ]


def clean(written: str) -> str:
    """Return text as typed by an operator without what a database or terminal cannot bear."""
    kept = "".join(sign for sign in written if sign.isprintable() or sign in "\n\t")
    return kept.encode("utf-8", "ignore").decode().strip()


def _order_facts(tx: Transaction, step: Step, order: Order | None) -> dict[str, str | int]:
    if step is not Step.HOLD:
        if order is not None:
            raise BadInput(f"the step {step} takes no order")
        return {}
    if order is None or not clean(order.reference):
        raise BadInput(
            "a hold needs the reference of the written order and its expiry",
            advice="Give them with --order and --expires.",
        )
    if not _REFERENCE.fullmatch(clean(order.reference)):
        raise BadInput(
            "an order's reference is made of letters, digits, spaces and . / _ - only",
            advice="It goes on the audit trail: give the file number, no names.",
        )
    if order.expires_at <= tx.now_us():
        raise BadInput("the order has expired already", advice="Give the moment until which it binds.")
    if order.expires_at > LATEST:
        raise BadInput("the order's expiry is more than a lifetime away", advice="Check its year.")
    return {"order": clean(order.reference), "expires_at": order.expires_at}


async def _held_from(tx: Transaction, incident: Incident) -> State | None:
    before = await tx.scalar(
        "SELECT before FROM incident_step WHERE incident_id = :id AND after = :hold ORDER BY id DESC LIMIT 1",
        id=incident.id,
        hold=State.HOLD,
    )
    if before is None and incident.state is State.HOLD:
        raise StepRefused("it is not on record where the hold began")
    return State(before) if before else None


async def _add_revision(
    tx: Transaction, incident_id: int, number: int, record: IncidentRecord, *, actor: str, reason: str
) -> None:
    await tx.write(
        "INSERT INTO incident_revision (incident_id, revision, record, digest, actor, reason, recorded_at)"
        " VALUES (:id, :number, :record, :digest, :actor, :reason, :now)",
        {
            "id": incident_id,
            "number": number,
            "record": orjson.dumps(plain(record)).decode(),
            "digest": digest(record),
            "actor": actor,
            "reason": reason,
            "now": tx.now_us(),
        },
    )


def _json(value: Any) -> dict[str, Any]:
    """Return a JSON column that a driver gave as text or decoded."""
    loaded = orjson.loads(value) if isinstance(value, str | bytes) else value
    return dict(loaded)
