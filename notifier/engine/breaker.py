"""A breaker: where unusually many answers go wrong, the rest waits for a person.

Two things can go wrong in numbers. Many are refused for good: something is wrong with the list, the notice or
the relay, and whoever is still to be told had better not be refused too. Or many answers are lost: the
messages may have arrived all the same, and handing them over again would tell everybody twice. Counted are
the answers of the channel over the last minutes, and nothing else: what a kill of our own process leaves in
doubt never comes here. What a server says about us (5.7.x) is no refusal: it is deferred and slows the relay.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from notifier.channels import Channel, Envelope, Finding, Outcome, OutcomeKind, ignore
from notifier.engine.control import pause_all
from notifier.engine.holds import LATER, LOST, REFUSALS, about, end_holds, open_hold, stop_channel, warning
from notifier.settings import SendingSettings
from notifier.store import Transaction

_PARTS = 60
"""The window moves on in so many steps."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Trouble:
    """One way in which a channel's answers go wrong, and how many are too many."""

    channel: str
    hold: str
    """The kind of hold under which the announcement is then paused, or a later channel of it stopped."""
    kind: OutcomeKind
    among: frozenset[OutcomeKind]
    """What its share is a share of."""
    least: int
    """Fewer answers prove nothing."""
    least_wrong: int
    """Nor do fewer that went wrong."""
    warn_percent: float
    pause_percent: float
    grown: float
    """By so much the share at the pause must have grown to pause again; 0 where the same share is enough."""
    what: str
    advice: str


def _troubles(settings: SendingSettings, channel: str) -> tuple[_Trouble, ...]:
    return (
        _Trouble(
            channel=channel,
            hold=about(LOST, channel),
            kind=OutcomeKind.UNKNOWN,
            among=frozenset(OutcomeKind),
            least=settings.lost_least,
            least_wrong=settings.lost_least,
            warn_percent=settings.lost_warn_percent,
            pause_percent=settings.lost_pause_percent,
            grown=0,
            what="lost",
            advice="those people may have been told; look for them in the log of the relay or provider, "
            "then resume, which holds them for a decision and goes on with the others, or cancel",
        ),
        _Trouble(
            channel=channel,
            hold=about(REFUSALS, channel),
            kind=OutcomeKind.REJECTED,
            among=frozenset({OutcomeKind.ACCEPTED, OutcomeKind.REJECTED}),
            least=settings.refusals_least,
            least_wrong=0,
            warn_percent=settings.refusals_warn_percent,
            pause_percent=settings.refusals_pause_percent,
            grown=1.5,
            what="refused for good",
            advice="look at the replies, then resume or cancel",
        ),
    )


class _Window:
    """Answers of the last minutes to one announcement, and how many of them went wrong in one way."""

    def __init__(self, trouble: _Trouble, seconds: float) -> None:
        self._trouble = trouble
        self._seconds = seconds
        self._parts: deque[list[float]] = deque()
        self.answered = 0
        self.wrong = 0
        self._reasons: Counter[str] = Counter()

    def add(self, now: float, outcome: Outcome) -> None:
        """Count one answer."""
        wrong = outcome.kind is self._trouble.kind
        if not self._parts or now - self._parts[-1][0] > self._seconds / _PARTS:
            self._parts.append([now, 0, 0])
        self._parts[-1][1] += 1
        self._parts[-1][2] += wrong
        self.answered += 1
        self.wrong += wrong
        if wrong:
            self._reasons[outcome.reason] += 1
        while now - self._parts[0][0] > self._seconds:
            _, answered, gone_wrong = self._parts.popleft()
            self.answered -= int(answered)
            self.wrong -= int(gone_wrong)

    @property
    def percent(self) -> float:
        """The share of what went wrong."""
        return 100 * self.wrong / self.answered if self.answered else 0.0

    def reaches(self, percent: float) -> bool:
        """Say whether there are enough answers to prove that so much went wrong; 0 % is never reached."""
        enough = self.answered >= self._trouble.least and self.wrong >= self._trouble.least_wrong
        return enough and 0 < percent <= self.percent

    def well(self) -> bool:
        """Say whether there are enough answers to prove that it is over: not at once, a share about the line
        would open and end a warning.
        """
        return self.answered >= self._trouble.least and self.percent < self._trouble.warn_percent / 2

    def __str__(self) -> str:
        what = self._trouble.what
        mostly = f", mostly {self._reasons.most_common(1)[0][0] or what}" if self._reasons else ""
        return f"{self.wrong} of the last {self.answered} answers {what}{mostly}"


class Breaker:
    """The breaker of one worker, over all its announcements. ``time`` is the event loop's clock."""

    def __init__(self, settings: SendingSettings, time: Callable[[], float]) -> None:
        self._seconds = settings.answers_minutes * 60
        self._troubles = {name: _troubles(settings, name) for name in ("email", LATER)}
        self._time = time
        self._windows: dict[tuple[int, str], _Window] = {}
        self._tripped: set[tuple[int, str]] = set()
        self._bars: dict[tuple[int, str], float] = {}
        """Percent at which an announcement that somebody let go on is paused again."""

    def heard(self, announcement_id: int, outcome: Outcome, channel: str = "email") -> None:
        """Count one outcome, if it answers a hand-over."""
        if not outcome.handed_over:
            return
        for trouble in self._troubles.get(channel, ()):
            if outcome.kind not in trouble.among:
                continue
            key = announcement_id, trouble.hold
            window = self._windows.get(key)
            if window is None:
                window = self._windows[key] = _Window(trouble, self._seconds)
            window.add(self._time(), outcome)
            if trouble.pause_percent and window.reaches(self._bars.get(key, trouble.pause_percent)):
                self._tripped.add(key)

    def tripped(self, announcement_id: int, channel: str) -> bool:
        """Say whether nothing more of an announcement may be begun on a channel; ``heed`` then puts that on
        record. Trouble with its e-mails stops all of it: the list or the notice may be wrong.
        """
        return any((announcement_id, one.hold) in self._tripped for one in self._stopping(channel))

    def _stopping(self, channel: str) -> Iterator[_Trouble]:
        """Yield the troubles that stop a channel."""
        yield from self._troubles["email"]
        if channel != "email":
            yield from self._troubles.get(channel, ())

    def _all(self) -> Iterator[_Trouble]:
        for several in self._troubles.values():
            yield from several

    async def heed(self, tx: Transaction, announcement_id: int) -> None:
        """Put on record what was heard: pause, warn, or end a warning. After the commit of a pause call
        ``forget``.
        """
        for trouble in self._all():
            window = self._windows.get((announcement_id, trouble.hold))
            if window is None:
                continue
            warns = (warning(trouble.hold),)
            if (announcement_id, trouble.hold) in self._tripped:
                await _pause(tx, announcement_id, trouble, window)
                await end_holds(tx, announcement_id, kinds=warns, actor="system")
            elif window.reaches(trouble.warn_percent):
                if owner := await _author_sent(tx, announcement_id):
                    reason = f"{window}; sending goes on"
                    await open_hold(tx, announcement_id, kind=warns[0], reason=reason, owner=owner)
            elif window.well():
                await end_holds(tx, announcement_id, kinds=warns, actor="system")

    def forget(self, announcement_id: int) -> None:
        """Begin anew after a pause. Whoever resumes knows the share of refusals so far; now only a grown one
        counts. Lost answers are nothing to get used to.
        """
        for trouble in self._all():
            key = announcement_id, trouble.hold
            if key in self._tripped:
                self._tripped.discard(key)
                window = self._windows.pop(key)
                if trouble.grown:
                    self._bars[key] = min(100.0, window.percent * trouble.grown)

    def listening(self, channel: Channel, announcement_id: int) -> Channel:
        """Return ``channel``, overheard."""
        return _Overheard(channel, lambda outcome: self.heard(announcement_id, outcome, channel.name))


async def _pause(tx: Transaction, announcement_id: int, trouble: _Trouble, window: _Window) -> None:
    """Pause, or stop a later channel; where somebody was quicker let whoever resumes know all the same."""
    reason = f"{window}: {trouble.advice}"
    if trouble.channel == "email":
        stopped = bool(await pause_all(tx, kind=trouble.hold, reason=reason, only=announcement_id))
    else:
        stopped = await stop_channel(tx, announcement_id, kind=trouble.hold, reason=reason)
    if stopped:
        log.error("paused", why=trouble.hold, wrong=window.wrong, answered=window.answered)


async def _author_sent(tx: Transaction, announcement_id: int) -> str:
    author = await tx.scalar(
        "SELECT author FROM announcement WHERE id = :id AND state = 'released' AND control = 'run'",
        id=announcement_id,
    )
    return str(author or "")


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

    def usable(self) -> bool:
        return self._channel.usable()

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        return self._channel.check(envelope)

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        heard = False

        def both(outcome: Outcome) -> None:
            nonlocal heard
            heard = True
            settled(outcome)  # First: what is noted there survives a crash.
            self._heard(outcome)

        try:
            return await self._channel.send(envelope, both)
        except Exception:
            if not heard:  # Its message may have left all the same.
                self._heard(Outcome(OutcomeKind.UNKNOWN, reason="channel-error"))
            raise
