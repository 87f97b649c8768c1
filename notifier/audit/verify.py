"""Verify the audit trail: recompute everything from the stored bytes and name whatever does not fit.

A log that is verified against itself alone cannot show that it was rolled back as a whole. So the
verifier also holds it against ``high_water`` and against the latest checkpoint it saw itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from notifier.audit import banners, checks, ends, said, steps
from notifier.audit.course import Course
from notifier.audit.high_water import HighWater
from notifier.audit.note import Checkpoint, Verifier
from notifier.audit.published import published
from notifier.audit.replay import Replay
from notifier.audit.report import Check, Report
from notifier.errors import AuditError, Refused
from notifier.store import Store

LATE_SECONDS = 60


async def verify(
    store: Store,
    verifier: Verifier,
    *,
    high_water: HighWater,
    memory: HighWater,
    also: Sequence[Check] = (),
    watch: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check the whole trail on one consistent view of the store, in flat memory, beside a running service.

    ``memory`` is the verifier's own file: a log that verifies leaves its checkpoint there for next time.
    ``also`` are the checks of packages built on this one. ``watch`` is told how many entries were read.
    """
    report = Report(verifier.name)
    # Read before the store's view is taken: it may only lie behind.
    marks = _marks(report, high_water, memory)
    async with store.read() as tx:
        with Course() as course:
            ours = (ends.WANTED, said.WANTED, steps.WANTED)
            wanted = checks.COMMITMENTS.union(*ours, *(check.wanted for check in also))
            replay = Replay(tx, report, verifier, course=course, marks=marks, wanted=wanted, watch=watch)
            await replay.run()
            report.size, report.root = replay.tree.size, replay.tree.root().hex()
            if report.size and not high_water.path.exists():
                report.add(
                    "high-water-missing", f"{high_water.path.name}, the memory outside the store, is gone"
                )
            await checks.waiting(tx, report, replay, tx.now_us() - LATE_SECONDS * 1_000_000)
            await checks.guards(tx, report)
            await checks.attempts(tx, report)
            await checks.receipts(tx, report)
            await banners.banners(tx, report)
            await checks.acknowledgements(tx, report)
            await checks.commitments(tx, report, replay.kept)
            await ends.deliveries(tx, report, course)
            await ends.announcements(tx, report, course)
            await ends.holds(tx, report, course)
            await said.announcements(tx, report, replay.kept)
            await ends.approvals(tx, report, replay.kept)
            await steps.steps(tx, report, replay.kept)
            await said.locales(tx, report, replay.kept)
            for check in also:
                await check.run(tx, report, replay.kept)
        shown = await published(tx)
    if report.verified and shown is not None:
        try:
            memory.raise_to(shown)
        except OSError as error:
            raise Refused(
                f"the trail verifies, but {memory.path.name} cannot be written: {error.strerror}",
                advice="Make room for it, or name another file with --memory, and verify again.",
            ) from None
    return report


def _marks(report: Report, *places: HighWater) -> list[tuple[str, Checkpoint]]:
    marks = []
    for place in places:
        try:
            known = place.read()
        except AuditError as error:
            report.add("memory-false", str(error))
            continue
        if known is not None:
            marks.append((place.path.name, known))
    return marks
