"""Proofs computed from the stored tiles."""

from __future__ import annotations

from notifier.audit import merkle, tiles
from notifier.errors import AuditError
from notifier.store import Transaction


async def inclusion(tx: Transaction, index: int, size: int) -> list[bytes]:
    """Return the proof that leaf ``index`` is in the tree of ``size``."""
    return await _prove(tx, merkle.plan_inclusion(index, size))


async def consistency(tx: Transaction, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of ``new`` leaves extends that of ``old``, which is not empty."""
    return await _prove(tx, merkle.plan_consistency(old, new))


async def _prove(tx: Transaction, plan: merkle.Plan) -> list[bytes]:
    kept: dict[tiles.Tile, bytes] = {}
    for level, number in sorted({tiles.tile_of(node) for nodes in plan for node in nodes}):
        place = {"level": level, "number": number}
        content = await tx.scalar(
            "SELECT content FROM log_tile WHERE level = :level AND number = :number", **place
        ) or await tx.scalar(
            "SELECT content FROM log_edge WHERE level = :level AND number = :number", **place
        )
        if content is None:
            raise AuditError(f"tile {number} of level {level} is missing from the log")
        kept[level, number] = content
    try:
        return merkle.prove(plan, lambda node: tiles.node_in(node, kept))
    except LookupError as error:
        raise AuditError(f"the log is damaged: {error}") from None
