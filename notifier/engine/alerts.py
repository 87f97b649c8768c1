"""Alerts to the team: every open hold asks for somebody until somebody takes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from notifier.clock import from_instant
from notifier.engine.batches import plain
from notifier.engine.holds import open_holds
from notifier.engine.reckoning import Forecast, forecast
from notifier.engine.windows import SECOND
from notifier.settings import AlertSettings
from notifier.store import Store
from notifier.words import persons

log = structlog.get_logger()

Post = Callable[[Sequence[str], str, str], Awaitable[bool]]
"""Mails one alert (recipients, subject, text); false if the relay did not take it."""

Mailboxes = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the mailbox of an operator by handle; empty if none is known."""


@dataclass(frozen=True, slots=True)
class _Alert:
    hold_id: int
    owner: str
    subject: str
    text: str


class Alerts:
    """Mails the owner and the configured recipients about each open hold that nobody has taken."""

    def __init__(self, store: Store, settings: AlertSettings, post: Post, mailboxes: Mailboxes) -> None:
        self._store = store
        self._settings = settings
        self._post = post
        self._mailboxes = mailboxes

    async def raise_due(self) -> int:
        """Send the alerts that are due and note them; returns how many holds were alerted about."""
        raised = 0
        for alert in await self._due():
            recipients = list(
                dict.fromkeys([*await self._mailboxes(alert.owner), *self._settings.recipients])
            )
            if not recipients:
                log.warning("a hold waits and nobody can be alerted", hold=alert.hold_id)
                continue
            if not await self._post(recipients, alert.subject, alert.text):
                log.warning("an alert was not taken by the relay", hold=alert.hold_id)
                continue
            async with self._store.begin() as tx:
                await tx.housekeep(
                    "UPDATE hold SET alerted_at = :now, alerts = alerts + 1 WHERE id = :id",
                    {"now": tx.now_us(), "id": alert.hold_id},
                )
            raised += 1
        return raised

    async def _due(self) -> list[_Alert]:
        every = int(self._settings.every_minutes * 60 * SECOND)
        due = []
        async with self._store.read() as tx:
            now = tx.now_us()
            for hold in await open_holds(tx):
                if hold.taken_by or (hold.alerted_at is not None and hold.alerted_at + every > now):
                    continue
                ahead = await forecast(
                    tx, hold.announcement_id, deadline=int(plain(hold.plan).get("deadline") or 0)
                )
                text = describe(hold.code, f"{hold.kind}: {hold.reason}", now - hold.opened_at, ahead, now)
                text += f"\nTake it:  notifier announcements take {hold.id} --operator YOU\n"
                due.append(_Alert(hold.id, hold.owner, f"{hold.code} waits: {hold.kind}", text))
        return due


def describe(code: str, why: str, waited: int, ahead: Forecast, now: int) -> str:
    """Say what a hold is, how long it has lasted and what it costs against the deadline."""
    lines = [
        f"{code} has been waiting for {_span(waited)} ({why}).",
        f"Not told yet: {persons(ahead.remaining)}.",
    ]
    if not ahead.deadline:
        lines.append("No deadline is set.")
    elif ahead.deadline <= now:
        lines.append(f"The deadline passed {_span(now - ahead.deadline)} ago.")
    else:
        deadline = f"{from_instant(ahead.deadline):%Y-%m-%d %H:%M} UTC"
        lines.append(f"The deadline, {deadline}, is {_span(ahead.deadline - now)} away.")
        if ahead.rate_per_second:
            need = int(ahead.remaining / ahead.rate_per_second * SECOND)
            latest = from_instant(ahead.deadline - need)
            lines.append(
                f"At {ahead.rate_per_second:g} a second it must go on by {latest:%Y-%m-%d %H:%M} UTC."
            )
    return "\n".join(lines) + "\n"


def _span(instant: int) -> str:
    return str(timedelta(seconds=instant // SECOND))
