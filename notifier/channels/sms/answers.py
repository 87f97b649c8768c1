"""Twilio's answers to a hand-over, as outcomes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.sms.codes import Meaning, meaning, status
from notifier.channels.sms.senders import Sender

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}", re.ASCII)
_LONGEST_TEXT = 500
_LONGEST_WAIT = 86_400.0
_AGAIN_SOON = 1.0
"""Seconds until a hand-over that was never begun in time may be tried again: nobody refused it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the HTTP status, and what the body said where it could be read."""

    http: int
    code: int = 0
    status: str = ""
    sid: str = ""
    text: str = ""
    retry_after: float | None = None
    """Seconds that the answer itself asked us to wait."""


def relay(sender: Sender) -> str:
    """Return how the audit trail names the way over a sender."""
    return f"twilio:{sender.sender}"


def judged(over: str, answer: Answer) -> tuple[Outcome, Meaning | None]:
    """Return the outcome of an answered hand-over, and what its error code means where it had one.

    Only a message with an id of Twilio's counts as taken.
    """
    if answer.http // 100 == 2:
        return _taken(over, answer)
    means = meaning(answer.code, answer.http)
    return _refused(over, answer, means), means


def _taken(over: str, answer: Answer) -> tuple[Outcome, Meaning | None]:
    known = status(answer.status)
    if not _SID.fullmatch(answer.sid) or known is None:
        return unknown(over, "bad-reply", "Twilio's answer names no message, or no status of one."), None
    if known.outcome is None:
        means = meaning(answer.code)
        return _refused(over, answer, means), means
    said = f"{answer.sid} {answer.status}"
    return (
        Outcome(
            known.outcome,
            code=answer.http,
            text=said,
            relay=over,
            reason=known.reason,
            carrier_id=answer.sid,
        ),
        None,
    )


def _refused(over: str, answer: Answer, means: Meaning) -> Outcome:
    deferred = means.outcome is OutcomeKind.DEFERRED
    asked = answer.retry_after if deferred else None
    return Outcome(
        means.outcome,
        code=answer.code or answer.http,
        text=answer.text[:_LONGEST_TEXT],
        relay=over,
        reason=means.reason,
        retry_after=min(asked, _LONGEST_WAIT) if asked is not None else means.wait if deferred else None,
        named=asked is not None,
    )


def unknown(over: str, reason: str, text: str) -> Outcome:
    """Return the outcome of a request that was begun and has no answer."""
    return Outcome(OutcomeKind.UNKNOWN, text=text, relay=over, reason=reason)


def too_late(over: str) -> Outcome:
    """Return the outcome of a hand-over whose time ran out, or that was withdrawn, before it was begun."""
    return deferred(over, "too-late", "The hand-over was no longer allowed to begin.", _AGAIN_SOON)


def deferred(over: str, reason: str, text: str, retry_after: float | None = None) -> Outcome:
    """Return the outcome of a hand-over that certainly never left."""
    return Outcome(
        OutcomeKind.DEFERRED,
        text=text,
        relay=over,
        reason=reason,
        retry_after=retry_after,
        handed_over=False,
    )
