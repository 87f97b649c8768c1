"""What closing an announcement commits to: how each of its deliveries ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from notifier.audit.entry import Json
from notifier.audit.merkle import CompactRange, leaf_hash


@dataclass(frozen=True, slots=True)
class Outcomes:
    """All deliveries of an announcement, in the order of their references."""

    number: int
    deliveries: Mapping[str, int]
    """Per end state."""
    root: str
    """The RFC 6962 root over the lines ``reference state``, in hex."""

    def as_facts(self) -> dict[str, Json]:
        """Return what the entry says."""
        return {
            "outcomes": self.number,
            "deliveries": dict(sorted(self.deliveries.items())),
            "root": self.root,
        }


async def outcomes(parts: AsyncIterator[Any]) -> Outcomes:
    """Read rows of ``reference`` and ``state``, sorted by reference, in flat memory."""
    tree, deliveries = CompactRange(), Counter[str]()
    async for part in parts:
        tree.extend([leaf_hash(f"{row.reference} {row.state}".encode()) for row in part])
        deliveries.update(row.state for row in part)
    return Outcomes(tree.size, deliveries, tree.root().hex())
