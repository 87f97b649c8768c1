"""Letters that wait for printing: how many, and the hold that asks somebody to print them."""

from __future__ import annotations

from dataclasses import dataclass

from notifier.deliveries import WAITING, State
from notifier.engine.holds import LETTERS, ask_author, end_holds
from notifier.standing import listed
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class Waiting:
    """The letters of an announcement that are not printed yet."""

    ready: int = 0
    """They can be printed now."""
    later: int = 0
    """They wait for a time: in doubt, or because an earlier notice has not left."""
    printing: int = 0
    """Somebody is printing them now, or was stopped in the middle."""

    @property
    def all(self) -> int:
        """All of them."""
        return self.ready + self.later + self.printing


async def waiting(tx: Transaction, announcement_id: int) -> Waiting:
    """Count the letters of an announcement that wait."""
    row = await tx.row(
        f"SELECT sum(CASE WHEN d.state = '{State.HANDING_OVER}' THEN 1 ELSE 0 END) AS printing,"
        f" sum(CASE WHEN d.state <> '{State.HANDING_OVER}' AND d.due_at <= :now THEN 1 ELSE 0 END) AS ready,"
        " count(*) AS everyone FROM delivery d WHERE d.announcement_id = :id AND d.channel = 'letter'"
        f" AND d.state IN ({listed([*WAITING, State.HANDING_OVER])})",
        id=announcement_id,
        now=tx.now_us(),
    )
    if row is None or not row.everyone:
        return Waiting()
    ready, printing = int(row.ready), int(row.printing)
    return Waiting(ready, int(row.everyone) - ready - printing, printing)


async def ask(tx: Transaction, announcement_id: int, code: str) -> None:
    """Ask the author to have the letters of an announcement printed, until somebody takes it on."""
    reason = f"letters wait to be printed: notifier letters batch {code} --out FILE --operator YOU"
    await ask_author(tx, announcement_id, kind=LETTERS, reason=reason)


async def asked_enough(tx: Transaction, announcement_id: int, *, actor: str) -> None:
    """End the question where no letter waits any more."""
    if not (await waiting(tx, announcement_id)).all:
        await end_holds(tx, announcement_id, kinds=(LETTERS,), actor=actor)
