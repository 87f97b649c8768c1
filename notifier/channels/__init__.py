"""Channels: how one notice is handed over to whoever carries it. They do not know the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self


class OutcomeKind(StrEnum):
    """How a hand-over ended."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one hand-over ended, in the carrier's own words and in ours.

    ``text`` is the carrier's reply: personal, because it may echo the address. ``reason`` is our
    classification, such as ``address-dead``, ``mailbox-full``, ``throttled``, ``about-us`` or
    ``relay-down``. ``retry_after`` are the seconds to wait: a floor where the other side ``named`` them, else
    what is usual after such an answer. ``handed_over`` is false where the message certainly never left: it
    then costs no attempt of the recipient's.
    """

    kind: OutcomeKind
    code: int = 0
    enhanced: str = ""
    text: str = ""
    relay: str = ""
    reason: str = ""
    retry_after: float | None = None
    handed_over: bool = True
    named: bool = True
    carrier_id: str = ""
    """The carrier's own id of the message, where that is what its later reports name."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message for one recipient, ready to be handed over.

    What its fields hold is the channel's to say:

    ===========  ======================================  ==========================================
    field        e-mail                                  SMS
    ===========  ======================================  ==========================================
    recipient    the address                             the number in E.164, such as +14155550100
    return_path  the envelope sender                     the status callback URL
    content      headers and body, lines ended by CRLF,  the text in UTF-8, nothing else
                 not dot-stuffed
    site         digest of the domain                    left empty: the country is read off the number
    ===========  ======================================  ==========================================
    """

    recipient: str
    return_path: str
    """Where reports come back to: it names the delivery and the attempt, and proves that we made it."""
    content: bytes
    """The complete message, exactly as approved."""
    site: str = ""
    """Key of the destination's rate limit."""
    not_after: float | None = None
    """Moment of the event loop's clock after which the hand-over must not begin: the lease's end."""
    arrives_within: float | None = None
    """Seconds after which it should not arrive any more: then the reader's hours end. Of no use to e-mail."""
    withdrawn: Callable[[], bool] | None = None
    """Asked just before the hand-over begins: whether the sender has changed its mind (pause, cancel)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a channel cannot carry, or a check objects to: a code and a sentence without values."""

    code: str
    detail: str


def ignore(_outcome: Outcome) -> None:
    """Do nothing with an outcome: for callers that wait for ``send`` to return."""


class Channel(Protocol):
    """One way to hand notices over; an async context manager that owns its connections.

    ``send`` hands over once and returns one outcome. It never retries, never sleeps for a retry and never
    touches the store. It may be called many times at once. ``settled`` is called synchronously the moment
    the answer is known, before anything else happens, so that the caller can note it where a crash cannot
    take it away. Cancelling ``send`` before its message was begun leaves nothing; after that the message
    may have been accepted, and ``settled`` is called with ``UNKNOWN``. Any trouble with the carrier is an
    outcome, never an exception.
    """

    name: str

    async def __aenter__(self) -> Self:
        """Get ready; opens no connection yet."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the hand-overs under way end, then close all connections."""
        ...

    def usable(self) -> bool:
        """Say, without I/O, whether a hand-over begun now might succeed; false while the channel knows that
        all its carriers are out of order.
        """
        ...

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        """List, without I/O, what this channel cannot carry; it refuses, it never drops silently."""
        ...

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        """Hand over once."""
        ...
