"""Carriers that decide by lot what becomes of each message, always the same for one recipient.

A message that a carrier took is noted in a file at once, as a mail server would have it, before its answer
is given; so what a killed worker never learnt of can be counted afterwards.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from notifier.channels import Envelope, Finding, Outcome, OutcomeKind, ignore
from notifier.channels.receipts import Receipt, ReceiptKind


class Fate(StrEnum):
    """What becomes of a message."""

    ARRIVES = "arrives"
    SILENT = "silent"
    """It is taken over, and nothing is ever heard of it."""
    BOUNCES = "bounces"
    """It is taken over, and comes back later."""
    REFUSED = "refused"
    DEFERRED = "deferred"
    """Refused for now at the first attempt, taken at the next."""
    LOST_ANSWER = "lost-answer"
    """Taken at the first attempt, and the answer is lost."""


_LOTS = {
    "email": {Fate.ARRIVES: 45, Fate.SILENT: 25, Fate.BOUNCES: 10, Fate.REFUSED: 12, Fate.DEFERRED: 5},
    "sms": {Fate.ARRIVES: 35, Fate.SILENT: 15, Fate.BOUNCES: 15, Fate.REFUSED: 25, Fate.DEFERRED: 5},
    "letter": {Fate.ARRIVES: 20, Fate.SILENT: 40, Fate.BOUNCES: 25, Fate.REFUSED: 12, Fate.DEFERRED: 1},
}
"""Of a hundred messages on each channel; the rest lose their answers."""
_REFUSED = Outcome(OutcomeKind.REJECTED, code=550, enhanced="5.1.1", reason="address-dead", relay="lots")
_LATER = Outcome(
    OutcomeKind.DEFERRED, code=451, enhanced="4.2.0", reason="later", relay="lots", retry_after=0.01
)
_TAKEN = Outcome(OutcomeKind.ACCEPTED, code=250, enhanced="2.0.0", relay="lots")


def fate(channel: str, recipient: str, seed: int) -> Fate:
    """Return what becomes of all messages to a recipient."""
    lot = int.from_bytes(hashlib.sha256(f"{seed} {channel} {recipient}".encode()).digest()[:4]) % 100
    for one, share in _LOTS[channel].items():
        if lot < share:
            return one
        lot -= share
    return Fate.LOST_ANSWER


def receipts(fated: Fate, reference: str, attempt: int) -> list[Receipt]:
    """Return what a carrier reports on a message, in the order in which it happens."""
    if fated is Fate.ARRIVES:
        return [
            Receipt(ReceiptKind.DELIVERED, f"{reference}-delivered", reference=reference, attempt=attempt)
        ]
    if fated is Fate.BOUNCES:
        return [
            Receipt(
                ReceiptKind.BOUNCED, f"{reference}-bounced", reference=reference, attempt=attempt,
                enhanced="5.1.1", reason="address-dead",
            )
        ]  # fmt: skip
    return []


class FatedChannel:
    """A carrier of one channel. ``log`` is where it notes what it took over: the status address of each."""

    def __init__(self, name: str, seed: int, log: Path) -> None:
        self.name = name
        self._seed = seed
        self._log = log
        self._file = -1
        self._tried: set[str] = set()
        self.recipients: dict[str, str] = {}
        """To whom each reference went."""

    async def __aenter__(self) -> Self:
        """Open the file."""
        self._file = os.open(self._log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        os.close(self._file)

    def usable(self) -> bool:
        """Say that it always works."""
        return True

    def check(self, envelope: Envelope) -> Sequence[Finding]:
        """Carry everything."""
        del envelope
        return ()

    async def send(self, envelope: Envelope, settled: Callable[[Outcome], None] = ignore) -> Outcome:
        """Answer as the lot has it."""
        fated = fate(self.name, envelope.recipient, self._seed)
        first = envelope.recipient not in self._tried
        self._tried.add(envelope.recipient)
        self.recipients[envelope.return_path.partition("-")[0]] = envelope.recipient
        if fated is Fate.REFUSED:
            outcome = _REFUSED
        elif fated is Fate.DEFERRED and first:
            outcome = _LATER
        else:
            os.write(self._file, f"{envelope.return_path} {fated}\n".encode())
            if fated is Fate.LOST_ANSWER and first:
                raise ConnectionError
            outcome = _TAKEN
        settled(outcome)
        return outcome
