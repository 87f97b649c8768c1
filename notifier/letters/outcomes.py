"""What became of the letters of a print batch, and how their attempts are closed with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.letter.batch import SetAside
from notifier.channels.letter.manifest import Printed
from notifier.deliveries import State
from notifier.engine.attempts import INTERRUPTED, RELAY_DOWN, Settled
from notifier.engine.batches import Lease
from notifier.engine.loading import Prepared
from notifier.engine.windows import SECOND
from notifier.letters.pages import saying

INCOMPLETE = "letter-incomplete"
_ABOUT_US = frozenset({"sender-wide", "sender-large"})
"""Findings that say nothing about the reader: the letter waits until the sender is put right."""
_NOT_PRINTED = Outcome(OutcomeKind.DEFERRED, reason=RELAY_DOWN, handed_over=False)
"""Nothing was handed over: an attempt on record that is no try of the reader's."""
_IN_DOUBT = Outcome(OutcomeKind.UNKNOWN, reason=INTERRUPTED)
_STATES = {
    OutcomeKind.ACCEPTED: State.ACCEPTED,
    OutcomeKind.REJECTED: State.REJECTED,
    OutcomeKind.DEFERRED: State.DEFERRED,
    OutcomeKind.UNKNOWN: State.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A letter whose attempt is open."""

    lease: Lease
    one: Prepared
    opened_at: int


class Outcomes:
    """What became of each letter. Of which nothing is known, was not printed, unless ``doubt`` was called."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str, tuple[Outcome, str]] = {}
        self._otherwise = _NOT_PRINTED

    def __bool__(self) -> bool:
        """Whether anything is known of any."""
        return bool(self._known)

    def doubt(self) -> None:
        """Say that the others may have been printed."""
        self._otherwise = _IN_DOUBT

    def reject(self, reference: str, code: str) -> None:
        """Note that a letter cannot be printed."""
        self._known[reference] = Outcome(OutcomeKind.REJECTED, relay=self._name, reason=code), ""

    def note(self, printed: Sequence[Printed], aside: Sequence[SetAside]) -> None:
        """Note what a batch says. Where not one letter could be set, and none for its reader's sake, the
        fault is ours: they wait.
        """
        for one in printed:
            said = saying(one.file, one.sha256)
            self._known[one.reference] = (
                Outcome(OutcomeKind.ACCEPTED, relay=self._name, text=said),
                one.sha256,
            )
        first = {one.reference: one.findings[0].code for one in aside if one.findings}
        ours = _ABOUT_US if printed or set(first.values()) != {INCOMPLETE} else {*_ABOUT_US, INCOMPLETE}
        for reference, code in first.items():
            if code not in ours and reference not in self._known:
                self.reject(reference, code)

    def settled(self, opened: Opened, now: int, quarantine_seconds: float) -> Settled:
        """Return a letter's attempt, closed: what was printed with the digest of its pages."""
        one = opened.one
        outcome, digest = self._known.get(one.reference, (self._otherwise, ""))
        state = _STATES[outcome.kind]
        due = {State.DEFERRED: now, State.UNKNOWN: now + int(quarantine_seconds * SECOND)}
        return Settled(
            delivery_id=one.delivery_id,
            reference=one.reference,
            number=one.attempt,
            opened_at=opened.opened_at,
            member=one.member,
            code=opened.lease.code,
            outcome=outcome,
            state=state,
            due_at=due.get(state, 0),
            subject=one.subject,
            recipient=one.recipient,
            customer=one.customer,
            content=one.content,
            channel="letter",
            digest=digest,
        )
