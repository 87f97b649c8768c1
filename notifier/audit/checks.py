"""What verification checks besides the tree: entries without a place, guards, attempts and commitments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from notifier.audit import frozen
from notifier.audit.actions import AuditAction
from notifier.audit.guards import APPEND_ONLY, OPEN_WHILE_EMPTY, statements
from notifier.audit.outcomes import outcomes
from notifier.audit.replay import Replay
from notifier.audit.report import Facts, Report
from notifier.store import Transaction
from notifier.words import amount

_PAGE = 4096
_APART = 10_000_000
"""Microseconds by which an attempt's end and its entry's time, taken one after the other, differ at most."""
_REPORTED = ("source", "kind", "attempt", "code", "enhanced", "reason")
_TAKEN = ("how", "assurance", "counts")
COMMITMENTS = frozenset({AuditAction.AUDIENCE_FROZEN.value, AuditAction.ANNOUNCEMENT_CLOSED.value})


async def waiting(tx: Transaction, report: Report, replay: Replay, late_before: int) -> None:
    """Check that every entry has its place or waits for it, once, and not for too long."""
    after = 0
    oldest: int | None = None
    while rows := await tx.rows(
        "SELECT p.id AS place, p.event_id, e.id, e.action, e.at, e.entry, l.leaf_index FROM audit_pending p "
        "LEFT JOIN audit_event e ON e.id = p.event_id LEFT JOIN log_leaf l ON l.event_id = p.event_id "
        "WHERE p.id > :after ORDER BY p.id LIMIT :most",
        after=after,
        most=_PAGE,
    ):
        after = rows[-1].place
        report.pending += len(rows)
        for row in rows:
            replay.entry(row)
            if row.leaf_index is not None:
                report.add("placed-twice", f"the entry {row.event_id} has a place and waits for one")
        oldest = min(
            [row.at for row in rows if row.at is not None] + ([oldest] if oldest else []), default=oldest
        )
    if oldest is not None and oldest < late_before:
        report.add(
            "held-back",
            f"waiting for their place: {amount(report.pending, 'entry')}, the oldest for too long",
        )
    lost = await tx.row(
        "SELECT count(*) AS number, min(e.id) AS first FROM audit_event e "
        "WHERE NOT EXISTS (SELECT 1 FROM log_leaf l WHERE l.event_id = e.id) "
        "AND e.id NOT IN (SELECT event_id FROM audit_pending)"
    )
    if lost is not None and lost.number:
        report.add(
            "unplaced",
            f"without a place, and waiting for none: {amount(lost.number, 'entry')}, first {lost.first}",
        )


async def guards(tx: Transaction, report: Report) -> None:
    """Check that the triggers that keep the tables append-only are there, as they were made."""
    missing = await (_missing_sqlite(tx) if tx.dialect == "sqlite" else _missing_postgresql(tx))
    for name in missing:
        report.add("guard-missing", f"the trigger {name} is missing, switched off or changed")


async def _missing_sqlite(tx: Transaction) -> list[str]:
    found = {
        row.name: " ".join(row.sql.split())
        for row in await tx.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    }
    made = {statement.split()[2]: " ".join(statement.split()) for statement in statements("sqlite")}
    return [name for name, statement in made.items() if found.get(name) != statement]


async def _missing_postgresql(tx: Transaction) -> list[str]:
    found = {
        (row.guarded, row.name): (row.enabled, row.kind, row.function, row.conditional)
        for row in await tx.rows(
            "SELECT c.relname AS guarded, t.tgname AS name, t.tgenabled::text AS enabled, t.tgtype AS kind, "
            "p.prosrc AS function, "
            "substring(pg_get_triggerdef(t.oid) FROM ' WHEN (.*) EXECUTE ') AS conditional FROM pg_trigger t "
            "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal"
        )
    }
    body = statements("postgresql")[0].split("$$")[1]
    # pg_trigger.tgtype: row 1, before 2, delete 8, update 16, truncate 32; enabled always is A.
    kinds = {"no_change": 1 + 2 + 8 + 16, "no_truncate": 2 + 32}
    return [
        f"{table}_{name}"
        for table in APPEND_ONLY
        for name, kind in kinds.items()
        if found.get((table, f"{table}_{name}")) != ("A", kind, body, _condition(table, name))
    ]


def _condition(table: str, name: str) -> str | None:
    """Return the condition of a trigger as PostgreSQL writes it."""
    column = OPEN_WHILE_EMPTY.get(table)
    return f"(((old.{column})::text <> ''::text))" if column and name == "no_change" else None


async def attempts(tx: Transaction, report: Report) -> None:
    """Check that every attempt's row says what its entry says, and that no entry lost its row."""
    async for part in tx.stream(
        "SELECT a.number, a.closed_at, a.outcome, a.code, a.enhanced, a.relay, a.reason, d.reference, "
        "e.action, e.at, e.entry FROM attempt a JOIN delivery d ON d.id = a.delivery_id "
        "LEFT JOIN audit_event e ON e.id = a.event_id ORDER BY a.id"
    ):
        report.attempts += len(part)
        for row in part:
            if row.entry is None:
                report.add("attempt-unrecorded", f"attempt {row.number} of {row.reference} has no entry")
            elif (
                row.action != f"delivery:attempt:{row.outcome}"
                or abs(row.closed_at - row.at) > _APART
                or not _says(bytes(row.entry), row)
            ):
                report.add(
                    "attempt-differs", f"attempt {row.number} of {row.reference} is not what its entry says"
                )
    await _lost(tx, report, "attempt", "e.action LIKE :kind", "delivery:attempt:%")


async def receipts(tx: Transaction, report: Report) -> None:
    """Check that every receipt's row says what its entry says, and that no entry lost its row."""
    async for part in tx.stream(
        "SELECT r.*, d.reference, e.action, e.entry FROM receipt r JOIN delivery d ON d.id = r.delivery_id "
        "LEFT JOIN audit_event e ON e.id = r.event_id ORDER BY r.id"
    ):
        report.receipts += len(part)
        for row in part:
            if row.entry is None:
                report.add("receipt-unrecorded", f"a receipt about {row.reference} has no entry")
            elif row.action != AuditAction.RECEIPT_TAKEN or not _reports(bytes(row.entry), row):
                report.add("receipt-differs", f"a receipt about {row.reference} is not what its entry says")
    await _lost(tx, report, "receipt", "e.action = :kind", AuditAction.RECEIPT_TAKEN)


async def acknowledgements(tx: Transaction, report: Report) -> None:
    """Check that every acknowledgement's row says what its entry says, and that no entry lost its row."""
    async for part in tx.stream(
        "SELECT w.*, d.reference, d.member_id AS delivered_to, d.announcement_id AS delivered_of, n.code,"
        " m.uid AS member, e.action, e.at AS recorded_at, e.entry FROM acknowledgement w"
        " JOIN delivery d ON d.id = w.delivery_id JOIN announcement n ON n.id = w.announcement_id"
        " JOIN audience_member m ON m.id = w.member_id LEFT JOIN audit_event e ON e.id = w.event_id"
        " ORDER BY w.id"
    ):
        for row in part:
            if row.entry is None:
                report.add(
                    "acknowledgement-unrecorded", f"an acknowledgement of {row.reference} has no entry"
                )
            elif row.action != AuditAction.ACKNOWLEDGEMENT_TAKEN or not _acknowledges(tx, row):
                report.add(
                    "acknowledgement-differs",
                    f"an acknowledgement of {row.reference} is not what its entry says",
                )
    await _lost(tx, report, "acknowledgement", "e.action = :kind", AuditAction.ACKNOWLEDGEMENT_TAKEN)


def _acknowledges(tx: Transaction, row: Any) -> bool:
    facts = _facts(bytes(row.entry))
    said = tuple(facts.get(name) for name in ("announcement", "delivery", "member", *_TAKEN))
    stands = (row.code, row.reference, row.member, *(getattr(row, name) for name in _TAKEN))
    return (
        said == stands
        and (row.member_id, row.announcement_id) == (row.delivered_to, row.delivered_of)
        and abs(row.at - row.recorded_at) <= _APART
        and facts.get("actor", "") == (f"operator:{row.by}" if row.by else "")
        and ("reason_digest" in facts) == bool(row.sealed)
        and (not row.sealed or tx.is_committed("reason", bytes(row.sealed).hex(), facts["reason_digest"]))
    )


async def _lost(tx: Transaction, report: Report, table: str, recorded: str, kind: str) -> None:
    """Check that no entry of a kind lost its row in ``table``."""
    lost = await tx.scalar(
        f"SELECT count(*) FROM audit_event e LEFT JOIN {table} t ON t.event_id = e.id"
        f" WHERE {recorded} AND t.id IS NULL",
        kind=kind,
    )
    if lost:
        report.add(f"{table}-lost", f"{lost} recorded {table}s have no row any more")


def _reports(entry: bytes, row: Any) -> bool:
    facts = _facts(entry)
    said = (facts.get("delivery"), facts.get("report"), *(facts.get(name) for name in _REPORTED))
    moved = (facts.get("was", ""), facts.get("became", ""), facts.get("late", 0))
    return (said, moved) == (
        (row.reference, row.key, *(getattr(row, name) for name in _REPORTED)),
        (row.was, row.became, int(row.late)),
    )


def _facts(entry: bytes) -> Facts:
    try:
        facts = orjson.loads(entry).get("data", {})
    except (orjson.JSONDecodeError, AttributeError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _says(entry: bytes, row: Any) -> bool:
    facts = _facts(entry)
    said = tuple(facts.get(name) for name in ("delivery", "attempt", "code", "enhanced", "relay", "reason"))
    return bool(said == (row.reference, row.number, row.code, row.enhanced, row.relay, row.reason))


async def commitments(tx: Transaction, report: Report, entries: Iterable[Facts]) -> None:
    """Recompute what entries committed to: who is in each frozen audience, how each delivery ended."""
    recorded: set[object] = set()
    for entry in entries:
        facts = entry.get("data", {})
        if entry["type"] == AuditAction.AUDIENCE_FROZEN:
            await _audience(tx, report, entry, again=facts.get("audience") in recorded)
            recorded.add(facts.get("audience"))
        elif entry["type"] == AuditAction.ANNOUNCEMENT_CLOSED:
            await _closing(tx, report, facts)
    for row in await tx.rows("SELECT code FROM audience"):
        if row.code not in recorded:
            report.add("audience-unrecorded", f"the audience {row.code} has no entry")


async def _audience(tx: Transaction, report: Report, entry: Facts, *, again: bool) -> None:
    code = entry.get("data", {}).get("audience")
    if again:
        report.add("audience-differs", f"the audience {code} was frozen twice")
        return
    audience = await frozen.find(tx, "code", code)
    if audience is None:
        report.add("audience-differs", f"the audience {code} was frozen and is gone")
    elif found := await frozen.differences(tx, audience, entry):
        report.add("audience-differs", f"the audience {code}: {'; '.join(found)}")


async def _closing(tx: Transaction, report: Report, facts: Facts) -> None:
    code = facts.get("announcement")
    announcement = await tx.row(
        "SELECT id FROM announcement WHERE code = :code ORDER BY revision DESC LIMIT 1", code=code
    )
    if announcement is None:
        report.add("closing-differs", f"the announcement {code} was closed and is gone")
        return
    found = await outcomes(
        tx.stream(
            # What a receipt has changed since, it was before.
            "SELECT d.reference, COALESCE((SELECT r.was FROM receipt r WHERE r.delivery_id = d.id "
            "AND r.late AND r.became <> '' ORDER BY r.id LIMIT 1), d.state) AS state FROM delivery d "
            "WHERE d.announcement_id = :id ORDER BY d.reference",
            id=announcement.id,
        )
    )
    if any(facts.get(name) != value for name, value in found.as_facts().items()):
        report.add("closing-differs", f"the deliveries of {code} are not those it was closed with")
