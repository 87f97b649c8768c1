"""What verification holds against the entries about later steps of channel plans: who was gone on with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

from notifier.audit.actions import AuditAction
from notifier.audit.merkle import CompactRange, leaf_hash, root
from notifier.audit.report import Facts, Report
from notifier.store import Transaction

WANTED = frozenset({AuditAction.STEP_TAKEN.value, AuditAction.STEP_SKIPPED.value})
_DELIVERIES = (
    "SELECT n.code, w.step, b.number, d.channel AS way, d.reference AS line FROM delivery d"
    " JOIN send_batch b ON b.id = d.batch_id JOIN wave w ON w.id = b.wave_id"
    " JOIN announcement n ON n.id = d.announcement_id WHERE d.step <> 0 OR w.step <> 0"
    " ORDER BY n.id, w.step, b.number, d.reference"
)
_SKIPPED = (
    "SELECT n.code, s.step, s.event_id, m.uid || ' ' || s.reason AS line FROM skipped_step s"
    " JOIN announcement n ON n.id = s.announcement_id JOIN audience_member m ON m.id = s.member_id"
    " ORDER BY s.event_id, s.announcement_id, s.step, m.uid"
)


async def steps(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check that just those deliveries of later steps exist that entries speak of, each batch by its root,
    and that just those people were passed over, each for the reason recorded.
    """
    taken, skipped = _said(entries)
    async for key, over in _roots(tx, _DELIVERIES, lambda row: (row.code, row.step, row.number, row.way)):
        if taken.pop(key, None) != over:
            report.add("step-differs", f"batch {key[2]} of step {key[1]} of {key[0]} is not as recorded")
    for code, step, number, _channel in sorted(taken):
        report.add("step-lost", f"batch {number} of step {step} of {code} is recorded and not in the store")
    differing: set[tuple[str, int]] = set()
    async for (event_id, code, step), over in _roots(
        tx, _SKIPPED, lambda row: (row.event_id, row.code, row.step)
    ):
        if skipped.pop(event_id, None) != (code, step, over):
            differing.add((code, step))
    differing.update((code, step) for code, step, _over in skipped.values())
    for code, step in sorted(differing):
        report.add("step-differs", f"not the people recorded were passed over in step {step} of {code}")


def skipped_root(passed: Iterable[tuple[str, str]]) -> str:
    """Commit to who was passed over together and why: the root (RFC 6962, hexadecimal) over the members'
    ids with their reasons, in the order of the ids.
    """
    return root(f"{uid} {reason}".encode() for uid, reason in sorted(passed)).hex()


def _said(
    entries: Sequence[Facts],
) -> tuple[dict[tuple[str, int, int, str], str], dict[str, tuple[str, int, str]]]:
    taken: dict[tuple[str, int, int, str], str] = {}
    skipped: dict[str, tuple[str, int, str]] = {}
    for entry in entries:
        facts = entry.get("data")
        if entry["type"] not in WANTED or not isinstance(facts, dict):
            continue
        code, step, over = str(facts.get("announcement")), int(facts.get("step") or 0), str(facts.get("root"))
        if entry["type"] == AuditAction.STEP_TAKEN:
            taken[code, step, int(facts.get("batch") or 0), str(facts.get("channel"))] = over
        else:
            skipped[str(entry["id"])] = code, step, over
    return taken, skipped


async def _roots(
    tx: Transaction, lines: str, key: Callable[[Any], tuple[Any, ...]]
) -> AsyncIterator[tuple[Any, str]]:
    """Yield each key of rows that come in its order, with the root over their lines."""
    here: tuple[Any, ...] | None = None
    tree = CompactRange()
    async for part in tx.stream(lines):
        for row in part:
            if here is not None and here != key(row):
                yield here, tree.root().hex()
                tree = CompactRange()
            here = key(row)
            tree.extend([leaf_hash(row.line.encode())])
    if here is not None:
        yield here, tree.root().hex()
