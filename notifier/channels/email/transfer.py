"""One message on its way to a relay: what is written, and how it ends, whichever session carries it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from notifier.channels import Envelope, Outcome, OutcomeKind
from notifier.channels.email.replies import Reply, Stage, Verdict, classify

_AGAIN_SOON = 1.0
"""Seconds until a transfer that was never begun in time may be tried again: no reader or relay refused it."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What a relay announced after EHLO."""

    pipelining: bool = False
    smtputf8: bool = False
    eight_bit: bool = False
    size: int = 0
    """Largest message in bytes; 0 means not told."""
    dsn: bool = False


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a relay could not take a transfer that was never begun: the next relay may."""

    reason: str
    text: str = ""
    retry_after: float | None = None
    final: bool = False
    """Waiting will not help: the relay cannot carry this message at all."""
    early: bool = False
    """A fresh connection was lost before the relay had taken the sender: it is not this message's case."""
    outcome: Outcome | None = None
    """What becomes of the message if no other relay takes it; without it, it waits for a relay."""


class Transfer:
    """One hand-over under way. It is settled exactly once."""

    __slots__ = ("begun", "envelope", "future", "recipient", "settled", "tries", "utf8")

    def __init__(self, envelope: Envelope, recipient: str, settled: Callable[[Outcome], None]) -> None:
        self.envelope = envelope
        self.recipient = recipient
        self.settled: Callable[[Outcome], None] | None = settled
        self.begun = False
        """Whether a byte of the body may have left: from then on silence means ``unknown``."""
        self.tries = 0
        self.utf8 = not recipient.isascii()
        self.future: asyncio.Future[Outcome | Unusable] | None = None

    def settle(self, outcome: Outcome) -> None:
        """Make the outcome known, first to ``settled``, then to whoever waits; later ones are ignored."""
        settled, self.settled = self.settled, None
        if settled is None:
            return
        future = self.future
        try:
            settled(outcome)
        except Exception as error:  # noqa: BLE001 - the caller's failure belongs to the caller
            if future and not future.done():
                future.set_exception(error)
            return
        if future and not future.done():
            future.set_result(outcome)

    def decline(self, why: Unusable) -> None:
        """Leave it unsettled and tell whoever waits that this relay did not take it."""
        if self.future and not self.future.done():
            self.future.set_result(why)

    def cancel(self, relay: str) -> None:
        """Give up waiting: nothing is settled unless the body was begun."""
        if self.begun:
            self.settle(unknown(relay, "cancelled", "The hand-over was cancelled before the answer came."))
        self.settled = None

    def stale(self, now: float) -> bool:
        """Say whether it must not be begun any more: cancelled, withdrawn, or past its time."""
        envelope = self.envelope
        return (
            self.settled is None
            or (envelope.not_after is not None and now > envelope.not_after)
            or (envelope.withdrawn is not None and envelope.withdrawn())
        )

    def objection(self, offers: Offers) -> Unusable | None:
        """Say why a relay that offers this much cannot carry it."""
        content = self.envelope.content
        if self.utf8 and not offers.smtputf8:
            return Unusable(
                "needs-smtputf8", "The address needs SMTPUTF8, which no relay offers.", final=True
            )
        if offers.size and len(content) > offers.size:
            return Unusable("too-big", f"The relay takes at most {offers.size} bytes.", final=True)
        if not content.isascii() and not offers.eight_bit:
            return Unusable(
                "needs-8bitmime", "The message needs 8BITMIME, which no relay offers.", final=True
            )
        return None

    def options(self, offers: Offers) -> str:
        """Return the parameters of MAIL, each with a space before it."""
        options = f" SIZE={len(self.envelope.content)}" if offers.size else ""
        if not self.envelope.content.isascii():
            options += " BODY=8BITMIME"
        if self.utf8:
            options += " SMTPUTF8"
        return options + " RET=HDRS" if offers.dsn else options

    def commands(self, offers: Offers) -> bytes:
        """Return MAIL, RCPT and DATA, to be written at once (RFC 2920)."""
        options = self.options(offers)
        return (
            f"MAIL FROM:<{self.envelope.return_path}>{options}\r\nRCPT TO:<{self.recipient}>\r\nDATA\r\n"
        ).encode()

    def body(self) -> bytes:
        """Return the message with its dots stuffed and the final dot (RFC 5321, section 4.5.2)."""
        content = self.envelope.content
        stuffed = content.replace(b"\r\n.", b"\r\n..") if b"\n." in content else content
        if content.startswith(b"."):
            stuffed = b"." + stuffed
        return stuffed + (b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n")


def answered(relay: str, stage: Stage, reply: Reply) -> tuple[Outcome, Verdict]:
    """Return the outcome of a transfer that ``reply`` ends. It left us once the reader was named."""
    verdict = classify(stage, reply)
    outcome = Outcome(
        verdict.kind,
        reply.code,
        verdict.enhanced,
        reply.text,
        relay,
        verdict.reason,
        verdict.retry_after,
        handed_over=stage not in ("session", "mail"),
        named=verdict.asked is not None,
    )
    return outcome, verdict


def unknown(relay: str, reason: str, text: str) -> Outcome:
    """Return the outcome of a body that has no answer."""
    return Outcome(OutcomeKind.UNKNOWN, text=text, relay=relay, reason=reason)


def too_late(relay: str, text: str) -> Outcome:
    """Return the outcome of a transfer whose time ran out before it was begun: soon there is a new lease."""
    return deferred(relay, "too-late", text, _AGAIN_SOON)


def deferred(relay: str, reason: str, text: str, retry_after: float | None = None) -> Outcome:
    """Return the outcome of a transfer that certainly never left."""
    return Outcome(
        OutcomeKind.DEFERRED,
        text=text,
        relay=relay,
        reason=reason,
        retry_after=retry_after,
        handed_over=False,
    )
