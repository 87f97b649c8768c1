"""The checkpoint that may be shown.

A checkpoint that is committed but not yet remembered outside the database must not leave the house: if
power failed just then and a backup were restored, the log would go on differently.
"""

from __future__ import annotations

from notifier.store import Transaction


async def published(tx: Transaction) -> bytes | None:
    """Return the latest published checkpoint, a signed note; ``None`` before the first."""
    note = await tx.scalar(
        "SELECT note FROM log_checkpoint WHERE size <= (SELECT published FROM log_state WHERE id = 1) "
        "ORDER BY size DESC LIMIT 1"
    )
    return None if note is None else bytes(note)


async def note_published(tx: Transaction, size: int) -> None:
    """Let the checkpoint of ``size``, which is remembered outside now, be shown."""
    await tx.housekeep(
        "UPDATE log_state SET published = :size WHERE id = 1 AND published < :size", {"size": size}
    )
