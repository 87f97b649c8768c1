"""How many hand-overs of a batch are open at once: as many as the other side answers in about a second.

A fast relay soon has ``most`` of them; a slow or limited one few, so that nothing waits long inside the
channel and a kill leaves little in doubt.
"""

from __future__ import annotations

_FIRST = 20
_FEWEST = 4
_SOON = 1.0
_LATE = 2.0


class Flow:
    """The number of open hand-overs, learnt from how long answers take. Shared by a worker's batches."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.allowed = min(most, _FIRST)

    def relay_failed(self) -> None:
        """Begin anew with a few: each costs an attempt on record, until one shows that a relay works."""
        self.allowed = min(_FEWEST, self._most)

    def answered(self, seconds: float) -> None:
        """Learn from one answer that took ``seconds`` from the opening of its attempt."""
        if seconds < _SOON:
            self.allowed = min(self._most, self.allowed + 1)
        elif seconds > _LATE:
            self.allowed = max(min(_FEWEST, self._most), self.allowed - 1)
