"""The rounds of background tasks: one that fails is logged, counted, and tried again more slowly.

Nothing that a task meets may end it in silence. What is logged is the kind of error and its place in the
code, never its message: that may hold what no log may.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

LONGEST_PAUSE = 10.0
TROUBLED_AFTER = 3
"""Rounds in a row that failed, from which on a task is in trouble: the health page says so."""

log = structlog.get_logger()


def where(error: BaseException) -> str:
    """Return where an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""


class Rounds:
    """Carries out the rounds of named tasks. ``time`` is the event loop's clock."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._failures: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}

    async def attempt(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        """Do one round, unless the last one failed only just now; never raises."""
        if self._time() < self._not_before.get(name, 0):
            return
        try:
            await act()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next round may do better
            self.failed(name)
            # Without the traceback, whose last line is the message.
            log.error(  # noqa: TRY400
                "a background task failed",
                task=name,
                error=type(error).__name__,
                where=where(error),
                in_a_row=self._failures[name],
            )
        else:
            self.went_well(name)

    def failed(self, name: str) -> None:
        """Count a round that failed; the next one waits, twice as long each time."""
        self._failures[name] += 1
        pause = min(LONGEST_PAUSE, 2.0 ** min(self._failures[name], 10) / 2)
        self._not_before[name] = self._time() + pause

    def went_well(self, name: str) -> None:
        """Forget the failures before this round."""
        self._failures.pop(name, None)
        self._not_before.pop(name, None)

    def troubled(self, *names: str) -> str:
        """Return the first of these tasks, or of all, that keeps failing; empty if none does."""
        known = names or tuple(sorted(self._failures))
        return next((name for name in known if self._failures[name] >= TROUBLED_AFTER), "")
