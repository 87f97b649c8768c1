"""Alerts to the team: every open hold asks for somebody until somebody takes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from notifier.clock import from_instant
from notifier.engine.forecasting import Forecast, forecast
from notifier.engine.holds import WARNINGS, alerted, alerted_since, open_holds
from notifier.engine.windows import SECOND
from notifier.settings import AlertSettings
from notifier.store import Store
from notifier.words import persons

log = structlog.get_logger()

Post = Callable[[str, str, str], Awaitable[bool]]
"""Mails one alert (recipient, subject, text); false if the relay did not take it."""

Mailboxes = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the mailbox of an operator by handle; empty if none is known."""

Index = Callable[[str], str]
"""Gives the keyed blind index under which the store remembers an address."""


@dataclass(frozen=True, slots=True)
class _Alert:
    hold_id: int
    recipients: Mapping[str, str]
    """Those who have not been alerted of late: address by blind index."""
    subject: str
    text: str


class Alerts:
    """Mails the owner and the configured recipients about each open hold that nobody has taken.

    Each of them has an account of their own: whose relay did not take it is written to again with the next
    look, the others not before their time.
    """

    def __init__(
        self,
        store: Store,
        settings: AlertSettings,
        post: Post,
        mailboxes: Mailboxes,
        index: Index,
        *,
        limit: float = 0,
    ) -> None:
        """``limit`` are the messages a second that settings allow, for the forecast; 0 for any number."""
        self._store = store
        self._settings = settings
        self._post = post
        self._mailboxes = mailboxes
        self._index = index
        self._limit = limit

    async def raise_due(self) -> int:
        """Send the alerts that are due and note each that was taken; returns how many those were."""
        raised = 0
        for alert in await self._due():
            for index, address in alert.recipients.items():
                if not await self._post(address, alert.subject, alert.text):
                    log.warning("an alert was not taken by the relay", hold=alert.hold_id)
                    continue
                async with self._store.begin() as tx:
                    await alerted(tx, alert.hold_id, index)
                raised += 1
        return raised

    async def _due(self) -> list[_Alert]:
        every = int(self._settings.every_minutes * 60 * SECOND)
        due = []
        async with self._store.read() as tx:
            now = tx.now_us()
            for hold in await open_holds(tx):
                if hold.taken_by:
                    continue
                everyone = [*await self._mailboxes(hold.owner), *self._settings.recipients]
                if not everyone:
                    log.warning("a hold waits and nobody can be alerted", hold=hold.id)
                known = await alerted_since(tx, hold.id, now - every)
                waiting = {index: one for one in everyone if (index := self._index(one)) not in known}
                if not waiting:
                    continue
                ahead = await forecast(tx, hold.announcement_id, limit=self._limit)
                waits = hold.kind not in WARNINGS
                head = f"{hold.code} waits: {hold.kind}" if waits else f"{hold.code}: look at it"
                why = f"{hold.kind}: {hold.reason}"
                text = describe(hold.code, why, now - hold.opened_at, ahead, now, waits=waits)
                text += f"\nTake it:  notifier announcements take {hold.id} --operator YOU\n"
                due.append(_Alert(hold.id, waiting, head, text))
        return due


def describe(code: str, why: str, waited: int, ahead: Forecast, now: int, *, waits: bool = True) -> str:
    """Say what a hold is, how long it has lasted and what it costs against the deadline."""
    lines = [
        f"{code} {'has been waiting' if waits else 'may be in trouble'} for {_span(waited)} ({why}).",
        f"Not told yet: {persons(ahead.remaining)}{_undecided(ahead)}.",
    ]
    if not ahead.deadline:
        lines.append("No deadline is set.")
    elif ahead.deadline <= now:
        lines.append(f"The deadline passed {_span(now - ahead.deadline)} ago.")
    else:
        lines.append(f"The deadline, {_moment(ahead.deadline)}, is {_span(ahead.deadline - now)} away.")
    if ahead.remaining and waits:
        lines.append(_cost(ahead))
    return "\n".join(lines) + "\n"


def _undecided(ahead: Forecast) -> str:
    """Say who of them may have been told, so that only a person can decide."""
    if not ahead.undecided:
        return ""
    return f"; of them, {ahead.undecided:,} wait for a decision, because their answer was lost"


def _cost(ahead: Forecast) -> str:
    """Say when it would be done, and until when it may wait for that."""
    done = ahead.finish_if_resumed if ahead.stopped else ahead.finish_at
    line = f"At {ahead.rate_per_second:g} a second"
    line += f"{', if it goes on now,' if ahead.stopped else ''} everybody is told by about "
    line += f"{_moment(done)}." if done else "nobody knows when: not within 60 days."
    if ahead.go_on_by:
        line += f" To meet the deadline it must go on by {_moment(ahead.go_on_by)}."
    elif ahead.late and done and ahead.deadline:
        line += f" That is {_span(done - ahead.deadline)} after the deadline."
    return line


def _moment(instant: int) -> str:
    return f"{from_instant(instant):%Y-%m-%d %H:%M} UTC"


def _span(instant: int) -> str:
    return str(timedelta(seconds=instant // SECOND))
