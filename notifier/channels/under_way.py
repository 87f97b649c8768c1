"""Hand-overs that have begun: whoever closes a channel lets them end."""

from __future__ import annotations

import asyncio
from types import TracebackType


class UnderWay:
    """Counts what is between ``__enter__`` and ``__exit__``; ``wait`` returns once nothing is."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._count -= 1
        if not self._count:
            self._idle.set()

    async def wait(self) -> None:
        """Return once nothing is under way; whatever begins meanwhile is waited for too."""
        while self._count:
            self._idle.clear()
            await self._idle.wait()
