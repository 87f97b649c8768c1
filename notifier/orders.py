"""Orders: announcements about a subject are held from outside, by an authority's written word for instance.

A countdown that runs is stopped, what is released is paused, and nothing is released until the order ends.
"""

from __future__ import annotations

from notifier.announcements import announcement
from notifier.engine.holds import PAUSES, end_holds, open_hold
from notifier.release import ORDER, stop_countdown
from notifier.store import Transaction


async def hold_all(tx: Transaction, subject: str, *, reason: str, operator: str) -> int:
    """Hold every announcement about ``subject`` that has not ended; returns how many there are."""
    held = await _going_on(tx, subject)
    for number in held:
        now = await announcement(tx, number, lock=True)
        if now.state == "countdown":
            await stop_countdown(tx, number, operator=operator)
        if now.state == "released":
            await tx.write(
                "UPDATE announcement SET control = 'pause' WHERE id = :id AND control = 'run'", {"id": number}
            )
        await open_hold(tx, number, kind=ORDER, reason=reason, owner=operator)
    return len(held)


async def go_on(tx: Transaction, subject: str, *, operator: str) -> int:
    """End the order: what was being sent goes on, except where it is paused besides."""
    ended = 0
    for number in await _going_on(tx, subject):
        await announcement(tx, number, lock=True)  # A pause being written is waited for, and then seen.
        if not await end_holds(tx, number, kinds=(ORDER,), actor=f"operator:{operator}"):
            continue
        ended += 1
        await tx.write(
            "UPDATE announcement SET control = 'run' WHERE id = :id AND control = 'pause' AND NOT EXISTS"
            f" (SELECT 1 FROM hold WHERE announcement_id = :id AND kind IN {PAUSES} AND ended_at IS NULL)",
            {"id": number},
        )
    return ended


async def _going_on(tx: Transaction, subject: str) -> list[int]:
    rows = await tx.rows(
        "SELECT n.id FROM announcement n JOIN audience u ON u.id = n.audience_id"
        " WHERE u.subject = :subject AND n.state NOT IN ('closed', 'cancelled') ORDER BY n.id",
        subject=subject,
    )
    return [int(row.id) for row in rows]
