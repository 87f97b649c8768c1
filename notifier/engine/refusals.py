"""A breaker: where unusually many are refused for good, the rest waits for a person.

Then something is wrong with the list, the notice or the relay, and whoever is still to be told had better not
be refused too. Counted are the answers that end a delivery, accepted or refused, over the last minutes. What
a server says about us (5.7.x) ends none: it is deferred and slows the relay.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import structlog

from notifier.channels import Channel, Envelope, Finding, Outcome, OutcomeKind, ignore
from notifier.engine.control import pause_all
from notifier.engine.holds import WARNING, end_holds, open_hold
from notifier.settings import SendingSettings
from notifier.store import Transaction

HOLD = "refusals"
_PARTS = 60
"""The window moves on in so many steps."""
_GROWN = 1.5

log = structlog.get_logger()


class _Window:
    """Answers of the last minutes to one announcement."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._parts: deque[list[float]] = deque()
        self.answered = 0
        self.refused = 0
        self.reasons: Counter[str] = Counter()

    def add(self, now: float, outcome: Outcome) -> None:
        """Count one answer."""
        refused = outcome.kind is OutcomeKind.REJECTED
        if not self._parts or now - self._parts[-1][0] > self._seconds / _PARTS:
            self._parts.append([now, 0, 0])
        self._parts[-1][1] += 1
        self._parts[-1][2] += refused
        self.answered += 1
        self.refused += refused
        if refused:
            self.reasons[outcome.reason] += 1
        while now - self._parts[0][0] > self._seconds:
            _, answered, refusals = self._parts.popleft()
            self.answered -= int(answered)
            self.refused -= int(refusals)

    @property
    def percent(self) -> float:
        """The share of refusals."""
        return 100 * self.refused / self.answered if self.answered else 0.0

    def __str__(self) -> str:
        mostly = f", mostly {self.reasons.most_common(1)[0][0] or 'refused'}" if self.reasons else ""
        return f"{self.refused} of the last {self.answered} answers refused for good{mostly}"


class Refusals:
    """The breaker of one worker, over all its announcements. ``time`` is the event loop's clock."""

    def __init__(self, settings: SendingSettings, time: Callable[[], float]) -> None:
        self._settings = settings
        self._time = time
        self._windows: dict[int, _Window] = {}
        self._tripped: set[int] = set()
        self._bars: dict[int, float] = {}
        """Percent at which an announcement that somebody let go on is paused again."""

    def heard(self, announcement_id: int, outcome: Outcome) -> None:
        """Count one outcome, if it ends its delivery by an answer."""
        if outcome.kind not in {OutcomeKind.ACCEPTED, OutcomeKind.REJECTED} or not outcome.handed_over:
            return
        window = self._windows.get(announcement_id)
        if window is None:
            window = self._windows[announcement_id] = _Window(self._settings.refusals_minutes * 60)
        window.add(self._time(), outcome)
        bar = self._bars.get(announcement_id, self._settings.refusals_pause_percent)
        if self._settings.refusals_pause_percent and self._proves(window) and window.percent >= bar:
            self._tripped.add(announcement_id)

    def tripped(self, announcement_id: int) -> bool:
        """Say whether nothing more of an announcement may be begun; ``heed`` then pauses it on record."""
        return announcement_id in self._tripped

    def _proves(self, window: _Window) -> bool:
        return window.answered >= self._settings.refusals_least

    async def heed(self, tx: Transaction, announcement_id: int) -> None:
        """Put on record what was heard: pause, warn, or end a warning. After the commit of a pause call
        ``forget``.
        """
        window = self._windows.get(announcement_id)
        if window is None or not self._proves(window):
            return
        warn_at = self._settings.refusals_warn_percent
        if self.tripped(announcement_id):
            reason = f"{window}: look at the replies, then resume or cancel"
            if await pause_all(tx, kind=HOLD, reason=reason, only=announcement_id):
                log.error("paused: too many refusals", refused=window.refused, answered=window.answered)
            await end_holds(tx, announcement_id, kinds=(WARNING,), actor="system")
        elif warn_at and window.percent >= warn_at:
            owner = await tx.scalar(
                "SELECT author FROM announcement WHERE id = :id AND state = 'released' AND control = 'run'",
                id=announcement_id,
            )
            if owner is not None:
                reason = f"{window}; sending goes on"
                await open_hold(tx, announcement_id, kind=WARNING, reason=reason, owner=str(owner))
        elif window.percent < warn_at / 2:  # Not at once: a share about the line would open and end it.
            await end_holds(tx, announcement_id, kinds=(WARNING,), actor="system")

    def forget(self, announcement_id: int) -> None:
        """Begin anew after a pause. Whoever resumes knows the share so far; now only a grown one counts."""
        window = self._windows.pop(announcement_id)
        self._bars[announcement_id] = min(100.0, window.percent * _GROWN)
        self._tripped.discard(announcement_id)

    def listening(self, channel: Channel, announcement_id: int) -> Channel:
        """Return ``channel``, overheard."""
        return _Overheard(channel, lambda outcome: self.heard(announcement_id, outcome))


class _Overheard:
    """A channel whose outcomes somebody else hears too. It opens and closes nothing."""

    def __init__(self, channel: Channel, heard: Callable[[Outcome], None]) -> None:
        self.name = channel.name
        self._channel = channel
        self._heard = heard

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        return self._channel.check(envelope)

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        def both(outcome: Outcome) -> None:
            settled(outcome)  # First: what is noted there survives a crash.
            self._heard(outcome)

        return await self._channel.send(envelope, both)
