"""Release: the countdown in which everything can still be stopped, and the moment it becomes real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from notifier import precedence
from notifier.announcements import announcement
from notifier.approvals import Rules, approval, next_step
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.drafts import draft, revise, set_state, void_approvals
from notifier.engine import untold
from notifier.engine.holds import end_holds, is_open, open_hold
from notifier.errors import Refused
from notifier.store import Transaction

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "ORDER",
    "draft",
    "refused",
    "release",
    "revise",
    "start_countdown",
    "stop_countdown",
    "void_approvals",
]

ORDER = "order"
"""The kind of hold that nothing is released under; ``notifier.orders`` opens and ends it."""
REFUSED = "release"
"""The kind of hold that says that a release did not happen; the one that does ends it."""
_SECOND = 1_000_000


async def start_countdown(tx: Transaction, rules: Rules, announcement_id: int, *, operator: str) -> int:
    """Start the time in which a release can still be stopped; returns the instant at which it ends."""
    now = await announcement(tx, announcement_id, lock=True)
    if now.state != "approved":
        raise Refused(f"{now.code} is in state {now.state}, not approved", advice=next_step(now))
    if await is_open(tx, now.id, ORDER):
        raise Refused(
            f"{now.code} is on hold by order", advice="It can be released once the order has ended."
        )
    await precedence.check(tx, now)
    given = await approval(tx, now.id)
    if given is None or (problem := await rules.problem(tx, now, given)):
        problem = problem if given else "it has no approval"
        raise Refused(f"{now.code} cannot be released: {problem}", advice=next_step(now, problem))
    seconds = rules.settings.alone_countdown_seconds if given.alone else rules.settings.countdown_seconds
    # The scheduler compares it with the clock that all workers share.
    release_at = await tx.db_now_us() + int(seconds * _SECOND)
    await set_state(tx, now, "countdown", release_at=release_at)
    if not await tx.write(
        "UPDATE schedule SET next_fire_at = :at WHERE announcement_id = :id AND kind = 'release'",
        {"at": release_at, "id": now.id},
    ):
        await tx.write(
            "INSERT INTO schedule (announcement_id, kind, subject_id, next_fire_at)"
            " VALUES (:id, 'release', 0, :at)",
            {"at": release_at, "id": now.id},
        )
    tx.record(
        Event(
            AuditAction.ANNOUNCEMENT_COUNTDOWN,
            {
                "actor": f"operator:{operator}",
                "announcement": now.code,
                "people": given.people,
                "release_at": release_at,
                **({"alone": 1} if given.alone else {}),
            },
        )
    )
    return release_at


async def stop_countdown(
    tx: Transaction, announcement_id: int, *, operator: str, to_draft: bool = False
) -> None:
    """Stop a release before it happens: back to ``approved``, or to ``draft`` with the approval void."""
    now = await announcement(tx, announcement_id, lock=True)
    if now.state != "countdown":
        raise Refused(
            f"{now.code} is in state {now.state}: there is no countdown to stop",
            advice="`notifier announcements pause` stops what is under way."
            if now.state == "released"
            else f"`notifier announcements show {now.code}` tells where it stands.",
        )
    await set_state(tx, now, "approved")
    tx.record(
        Event(AuditAction.ANNOUNCEMENT_STOPPED, {"actor": f"operator:{operator}", "announcement": now.code})
    )
    if to_draft:
        await void_approvals(tx, now.id, "the release was stopped", actor=operator)


async def release(
    tx: Transaction,
    rules: Rules,
    announcement_id: int,
    plan: Callable[[Transaction, int], Awaitable[DataclassInstance]],
) -> None:
    """At the end of the countdown: check everything once more, then plan all deliveries, in ``tx``.

    Where something no longer holds it raises ``Refused``; the caller rolls back and calls ``refused``.
    """
    now = await announcement(tx, announcement_id, lock=True)
    if now.state != "countdown":
        raise Refused(f"{now.code} is in state {now.state}: there is nothing to release")
    if await is_open(tx, now.id, ORDER):
        raise Refused(f"{now.code} was not released: it is on hold by order")
    await precedence.check(tx, now)
    given = await approval(tx, now.id)
    if given is None or (problem := await rules.problem(tx, now, given)):
        raise Refused(f"{now.code} was not released: {problem if given else 'it has no approval'}")
    planned = asdict(await plan(tx, now.id))
    await set_state(tx, now, "released", released_at=tx.now_us())
    await end_holds(tx, now.id, kinds=(REFUSED,), actor="system")
    await untold.ask(tx, now.id)
    facts: dict[str, Json] = {
        "actor": "system",
        "announcement": now.code,
        "approved_by": given.operator,
        "people": given.people,
        "planned": {name: count for name, count in planned.items() if isinstance(count, int)},
        **{f"{name}_digest": digest for name, digest in asdict(given.digests).items()},
        **({"alone": 1} if given.alone else {}),
    }
    tx.record(Event(AuditAction.ANNOUNCEMENT_RELEASED, facts))


async def refused(tx: Transaction, rules: Rules, announcement_id: int) -> None:
    """Note that a countdown ended without a release: the approval is void, and a hold alerts its owner."""
    now = await announcement(tx, announcement_id, lock=True)
    if now.state != "countdown":
        return
    given = await approval(tx, now.id)
    problem = await rules.problem(tx, now, given) if given else "it has no approval"
    try:
        await precedence.check(tx, now)
    except Refused as no:
        problem = problem or str(no)
    reason = f"not released: {problem or 'the deliveries could not be planned'}"
    state = "draft" if "the texts" in problem or "the audience" in problem else "preflighted"
    await void_approvals(tx, now.id, reason, state=state)
    await open_hold(tx, now.id, kind=REFUSED, reason=reason, owner=now.author)
