"""Looking into a mailbox again and again; more slowly while there is trouble."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog

from notifier.channels.email.inbound.delivering import Deliver
from notifier.channels.email.inbound.mailboxes.envelope import envelope_recipients
from notifier.clock import Clock
from notifier.errors import NotifierError

log = structlog.get_logger()
LONGEST_PAUSE = timedelta(minutes=15)
_IN_A_ROW = 3
Name = TypeVar("Name", bound=Hashable)


class MailboxTrouble(NotifierError):
    """A mailbox could not be read."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What one look into a mailbox brought."""

    taken: int = 0
    """Messages on record now."""
    failed: int = 0
    """Messages that could not be put on record: they stay, and are brought again."""
    aside: int = 0
    """Messages that cannot be read or are too big: put aside for a person, never deleted."""
    more: bool = False
    """Whether there may be more to bring at once."""


class Bringing:
    """Hands messages on. One that fails must not stand before the others, and a store that is ill is not
    asked about each of ten thousand.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._failures: dict[Hashable, int] = {}
        self._in_a_row = 0
        self.failed = self.taken = 0

    def begin(self, names: Iterable[Name]) -> list[Name]:
        """Begin a round: return the names of what waits, what has failed before behind the others."""
        waiting = list(names)
        self._failures = {name: self._failures[name] for name in waiting if name in self._failures}
        self._in_a_row = self.failed = self.taken = 0
        return sorted(waiting, key=lambda name: self._failures.get(name, 0))

    @property
    def pointless(self) -> bool:
        """Whether so many failed in a row that the trouble is not the messages'."""
        return self._in_a_row >= _IN_A_ROW

    async def bring(self, name: Hashable, message: bytes) -> bool:
        """Hand one message on; false if it could not be put on record."""
        try:
            await self._deliver(message, envelope_recipients(message))
        except Exception as error:  # noqa: BLE001 - the message stays, and is brought again
            # Without the text, which may be about a person.
            log.warning("a report in a mailbox could not be taken", error=type(error).__name__)
            self._failures[name] = self._failures.get(name, 0) + 1
            self._in_a_row += 1
            self.failed += 1
            return False
        self._in_a_row = 0
        self.taken += 1
        return True


async def keep_polling(
    name: str, poll: Callable[[], Awaitable[Polled]], clock: Clock, every: timedelta
) -> None:
    """Poll until cancelled: at once while there is more, else each ``every``, and after trouble twice as long
    each time, a quarter of an hour at most.
    """
    pause = every
    while True:
        try:
            polled = await poll()
            trouble = bool(polled.failed)
            if polled.aside:
                log.warning("messages were put aside unread", mailbox=name, count=polled.aside)
        except MailboxTrouble as error:
            polled, trouble = Polled(), True
            log.warning("a mailbox cannot be read", mailbox=name, why=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may do better
            polled, trouble = Polled(), True
            log.warning("a mailbox cannot be read", mailbox=name, error=type(error).__name__)
        pause = max(every, min(pause * 2, LONGEST_PAUSE)) if trouble else every
        if trouble or not polled.more:
            await clock.sleep_until(clock.now() + pause)
