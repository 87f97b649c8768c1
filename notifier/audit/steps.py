"""What verification holds against the entries about later steps of channel plans: who was gone on with."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

from notifier.audit.actions import AuditAction
from notifier.audit.merkle import CompactRange, leaf_hash
from notifier.audit.report import Facts, Report
from notifier.store import Transaction

WANTED = frozenset({AuditAction.STEP_TAKEN.value, AuditAction.STEP_SKIPPED.value})
_DELIVERIES = (
    "SELECT n.code, w.step, b.number, b.channel, d.reference, d.channel AS way FROM delivery d"
    " JOIN send_batch b ON b.id = d.batch_id JOIN wave w ON w.id = b.wave_id"
    " JOIN announcement n ON n.id = d.announcement_id WHERE d.step <> 0 OR w.step <> 0"
    " ORDER BY n.id, w.step, b.number, d.reference"
)


async def steps(tx: Transaction, report: Report, entries: Sequence[Facts]) -> None:
    """Check that just those deliveries of later steps exist that entries speak of, each batch by its root,
    and that as many steps were skipped, for the same reasons.
    """
    taken, skipped = _said(entries)
    async for key, root in _batches(tx):
        if taken.pop(key, None) != root:
            report.add("step-differs", f"batch {key[2]} of step {key[1]} of {key[0]} is not as recorded")
    for code, step, number, _channel in sorted(taken):
        report.add("step-lost", f"batch {number} of step {step} of {code} is recorded and not in the store")
    for row in await tx.rows(
        "SELECT n.code, s.step, s.reason, count(*) AS people FROM skipped_step s"
        " JOIN announcement n ON n.id = s.announcement_id GROUP BY n.code, s.step, s.reason"
    ):
        skipped[row.code, row.step, row.reason] -= row.people
    for code, step, _reason in sorted(key for key, difference in skipped.items() if difference):
        report.add("step-differs", f"not as many people as recorded skip step {step} of {code}")


def _said(
    entries: Sequence[Facts],
) -> tuple[dict[tuple[str, int, int, str], str], Counter[tuple[str, int, str]]]:
    taken: dict[tuple[str, int, int, str], str] = {}
    skipped: Counter[tuple[str, int, str]] = Counter()
    for entry in entries:
        facts = entry.get("data")
        if entry["type"] not in WANTED or not isinstance(facts, dict):
            continue
        code, step = str(facts.get("announcement")), int(facts.get("step") or 0)
        if entry["type"] == AuditAction.STEP_TAKEN:
            key = (code, step, int(facts.get("batch") or 0), str(facts.get("channel")))
            taken[key] = str(facts.get("root"))
        elif entry["type"] == AuditAction.STEP_SKIPPED and isinstance(reasons := facts.get("reasons"), dict):
            for reason, people in reasons.items():
                skipped[code, step, reason] += int(people)
    return taken, skipped


async def _batches(tx: Transaction) -> AsyncIterator[tuple[tuple[str, int, int, str], str]]:
    """Yield each batch of a later step with the root over its deliveries."""
    key: tuple[str, int, int, str] | None = None
    tree = CompactRange()
    async for part in tx.stream(_DELIVERIES):
        for row in part:
            here = (row.code, row.step, row.number, row.way)
            if key is not None and here != key:
                yield key, tree.root().hex()
                tree = CompactRange()
            key = here
            tree.extend([leaf_hash(row.reference.encode())])
    if key is not None:
        yield key, tree.root().hex()
