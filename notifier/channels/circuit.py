"""When to leave a relay, or a provider, alone: after failures for a while, then one try decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

_FIRST = 1.0
_LONGEST = 60.0
_SLOWED_AFTER = 3
_REFUSED_AFTER = 3
"""Times in a row that a relay would not even take a sender, from which on it is left alone."""
_HELD_AFTER = 10
"""Answers about us in a row, without one acceptance, after which the relay is slowed, or left alone."""
_HELD = 300.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """A relay that cannot be used, why, for how long, and which relay stands in; empty if none does."""

    relay: str
    text: str
    seconds: float
    instead: str


class Circuit:
    """Open means: do not use this relay now. ``time`` is the event loop's clock."""

    def __init__(self, time: Callable[[], float], relay: str = "") -> None:
        self._time = time
        self._relay = relay
        self._failures = 0
        self._against_us = 0
        self._refusals = 0
        self._until = 0.0
        self._since = 0.0
        self.reason = ""
        self.text = ""

    @property
    def remaining(self) -> float:
        """Seconds for which the relay is still left alone; 0 when it may be used."""
        return max(0.0, self._until - self._time())

    @property
    def unreachable(self) -> bool:
        """Whether the last thing known of the relay is that no session could be had."""
        return self._failures > 0

    @property
    def troubled(self) -> bool:
        """Whether the relay was left alone and nothing has shown since that it is well again."""
        return self.unreachable or self._refusals >= _REFUSED_AFTER or self._against_us >= _HELD_AFTER

    @property
    def on_trial(self) -> bool:
        """Whether the pause is over and the next session or message decides."""
        return self.troubled and not self.remaining

    @property
    def troubled_for(self) -> float:
        """Seconds since the relay was first left alone; 0 when it is well."""
        return self._time() - self._since if self.troubled else 0.0

    def failed(self, reason: str, text: str) -> None:
        """Note that no session could be had: leave it alone, twice as long each time.

        What failed while it was left alone already had begun before and says nothing new.
        """
        if self.remaining:
            return
        self._leave(reason, text, min(_LONGEST, _FIRST * 2 ** min(self._failures, 30)))
        self._failures += 1

    def connected(self) -> None:
        """Note that a session is open."""
        was = self.troubled
        self._failures = 0
        self._recovered(was)

    def accepted(self) -> None:
        """Note that a message was taken."""
        if self._against_us or self._refusals:
            was = self.troubled
            self._against_us = self._refusals = 0
            self._recovered(was)

    def refused(self, reason: str, text: str) -> None:
        """Note that a session was had, but nothing could be begun: MAIL failed for now, or the line was cut.

        Once may be chance. From the third time in a row the relay is left alone, twice as long each time.
        """
        if self.remaining:
            return
        self._refusals += 1
        if (more := self._refusals - _REFUSED_AFTER) >= 0:
            self._leave(reason, text, min(_LONGEST, _FIRST * 2 ** min(more, 30)))

    def against_us(self, text: str) -> bool:
        """Note an answer about us; say whether it is more than one reader's case.

        Single ones are usual in any large mailing. Many in a row mean that everybody's notice would fare
        the same.
        """
        self._against_us += 1
        if self._against_us >= _HELD_AFTER:
            self._leave("about-us", text, _HELD)
        return self._against_us >= _SLOWED_AFTER

    def _leave(self, reason: str, text: str, seconds: float) -> None:
        if not self._since:
            self._since = self._time()
        if not self.remaining:
            log.warning("relay left alone", relay=self._relay, reason=reason, why=text, seconds=seconds)
        self.reason, self.text = reason, text
        self._until = self._time() + seconds

    def _recovered(self, was_troubled: bool) -> None:
        if was_troubled and not self.troubled:
            log.info("relay well again", relay=self._relay, after=round(self._time() - self._since))
            self._since = 0.0
