"""The life of a delivery: its states, and the one function that says which follows which.

    planned ──open──▶ handing-over ──accepted──▶ accepted ──receipt──▶ delivered | bounced
    deferred ─open──▶ handing-over ──deferred──▶ deferred
    unknown ──open──▶ handing-over ──rejected──▶ rejected
                      handing-over ──answer lost, or taken over──▶ unknown
    unknown ──spill──▶ accepted | deferred | rejected
                      handing-over ──deferred for too long──▶ expired
    unknown | held | planned | deferred ──receipt: a lost answer was yes──▶ accepted
    unknown ──hold──▶ held ──an operator: again──▶ planned
    planned | deferred | unknown ──▶ suppressed
    planned | deferred ──▶ cancelled
    all but handing-over, once handed over ──receipt──▶ delivered | bounced
    planned (a banner) ──served──▶ accepted ──seen──▶ delivered

The store's statements name these states in their WHERE clauses; a stateful test holds each move that they
make against ``after``.
"""

from __future__ import annotations

from enum import StrEnum

from notifier.errors import Conflict


class State(StrEnum):
    """Where a delivery stands."""

    PLANNED = "planned"
    HANDING_OVER = "handing-over"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    HELD = "held"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REJECTED = "rejected"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Happening(StrEnum):
    """What can happen to a delivery."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    LOST = "lost"
    HOLD = "hold"
    AGAIN = "again"
    SUPPRESS = "suppress"
    CANCEL = "cancel"
    EXPIRE = "expire"
    TAKEN = "taken"
    """A receipt says that a hand-over was accepted whose answer was lost."""
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SERVED = "served"
    """A banner was given to the application that shows it."""


WAITING = frozenset({State.PLANNED, State.DEFERRED, State.UNKNOWN})
"""A hand-over may be opened."""

OPEN = WAITING | {State.HANDING_OVER, State.HELD}
"""Something may still happen without a receipt."""

UNSETTLED = WAITING | {State.HELD}
"""Whether the reader has got the notice is open, and no answer is outstanding."""

ENDS = frozenset(State) - OPEN
"""Nothing more happens by itself; ``accepted`` may still be refined by a receipt."""

_RECEIPTS = {Happening.DELIVERED: State.DELIVERED, Happening.BOUNCED: State.BOUNCED}

_MOVES: dict[tuple[State, Happening], State] = (
    {(state, Happening.OPEN): State.HANDING_OVER for state in WAITING}
    | {
        (state, happening): State(happening)
        for state in (State.HANDING_OVER, State.UNKNOWN)
        for happening in (Happening.ACCEPTED, Happening.DEFERRED, Happening.REJECTED)
    }
    | {
        (State.HANDING_OVER, Happening.LOST): State.UNKNOWN,
        (State.HANDING_OVER, Happening.EXPIRE): State.EXPIRED,
        (State.UNKNOWN, Happening.HOLD): State.HELD,
        (State.HELD, Happening.AGAIN): State.PLANNED,
        (State.PLANNED, Happening.SERVED): State.ACCEPTED,
    }
    | {(state, Happening.TAKEN): State.ACCEPTED for state in UNSETTLED}
    | {(state, Happening.SUPPRESS): State.SUPPRESSED for state in WAITING}
    | {(state, Happening.CANCEL): State.CANCELLED for state in WAITING - {State.UNKNOWN}}
)


def after(state: State, happening: Happening) -> State:
    """Return the state that follows; what cannot happen in ``state`` raises ``Conflict``.

    A receipt that comes late, early or twice never takes a delivery back to an earlier state, and changes
    nothing where it says less than is known. It is about a message that was handed over, so it is for the
    caller to know that there was one; while the answer to a hand-over is outstanding, it waits.
    """
    if happening in _RECEIPTS and state is not State.HANDING_OVER:
        return State.BOUNCED if state is State.BOUNCED else _RECEIPTS[happening]
    if following := _MOVES.get((state, happening)):
        return following
    raise Conflict(f"a delivery that is {state} cannot be {happening}")
