"""The life cycle of an incident: which step leads from where to where. Pure; ``incidents.store`` asks it.

suspected → assessed → declared → notifying → monitoring → closed, and aside from it *no notification
needed*, *stood down* and *hold*. A hold remembers where it came from, and ``resume`` leads back there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from incidents.errors import StepRefused


class State(StrEnum):
    """Where an incident stands."""

    SUSPECTED = "suspected"
    ASSESSED = "assessed"
    DECLARED = "declared"
    NOTIFYING = "notifying"
    MONITORING = "monitoring"
    CLOSED = "closed"
    NO_NOTIFICATION = "no-notification-needed"
    HOLD = "hold"
    STOOD_DOWN = "stood-down"


class Step(StrEnum):
    """What somebody does to move it."""

    ASSESS = "assess"
    DECLARE = "declare"
    NOTIFY = "notify"
    MONITOR = "monitor"
    CLOSE = "close"
    NO_NOTIFICATION = "no-notification"
    STAND_DOWN = "stand-down"
    HOLD = "hold"
    RESUME = "resume"
    REOPEN = "reopen"


_UNDECIDED = frozenset({State.SUSPECTED, State.ASSESSED, State.DECLARED})
_UNDER_WAY = _UNDECIDED | {State.NOTIFYING, State.MONITORING}
_ENDED = frozenset({State.CLOSED, State.NO_NOTIFICATION, State.STOOD_DOWN})

TABLE: Mapping[Step, tuple[frozenset[State], State | None]] = {
    Step.ASSESS: (frozenset({State.SUSPECTED}), State.ASSESSED),
    Step.DECLARE: (frozenset({State.ASSESSED}), State.DECLARED),
    Step.NOTIFY: (frozenset({State.DECLARED, State.MONITORING}), State.NOTIFYING),
    Step.MONITOR: (frozenset({State.NOTIFYING}), State.MONITORING),
    Step.CLOSE: (frozenset({State.MONITORING}), State.CLOSED),
    Step.NO_NOTIFICATION: (_UNDECIDED, State.NO_NOTIFICATION),
    Step.STAND_DOWN: (_UNDECIDED, State.STOOD_DOWN),
    Step.HOLD: (_UNDER_WAY, State.HOLD),
    Step.RESUME: (frozenset({State.HOLD}), None),
    Step.REOPEN: (_ENDED, State.ASSESSED),
}
"""For each step the states it may be taken from and the state it leads to; ``None``: back from the hold."""

_WORDS = {
    State.HOLD: "on hold",
    State.NO_NOTIFICATION: "without notification",
    State.STOOD_DOWN: "stood down",
}
"""How a state is said in a sentence, where its name is none."""
NEEDS_REASON = frozenset({Step.NO_NOTIFICATION, Step.STAND_DOWN, Step.HOLD, Step.RESUME, Step.REOPEN})
MAY_FREEZE = frozenset({State.DECLARED, State.NOTIFYING, State.MONITORING})


@dataclass(frozen=True, slots=True)
class Order:
    """The written order that an incident is held by, and when it expires."""

    reference: str
    expires_at: int


def after(state: State, step: Step, *, held_from: State | None = None) -> State:
    """Return the state that ``step`` leads to, or raise ``StepRefused`` naming what is possible."""
    sources, target = TABLE[step]
    if state not in sources:
        possible = ", ".join(possible_steps(state)) or "none"
        raise StepRefused(
            f"an incident that is {_WORDS.get(state, state)} cannot take the step {step}",
            advice=f"Possible steps now: {possible}.",
        )
    if target is None:
        if held_from is None:
            raise StepRefused("it is not on record where the hold began")
        return held_from
    return target


def not_now(code: str, state: State, what: str) -> StepRefused:
    """Return the refusal of what only a declared incident is good for, with the step that helps."""
    steps = {State.HOLD: Step.RESUME, State.SUSPECTED: Step.ASSESS, State.ASSESSED: Step.DECLARE}
    return StepRefused(
        f"{code} is {_WORDS.get(state, state)}: {what}",
        advice=f"Take the step first: `notifier incidents step {code} {steps.get(state, Step.REOPEN)}`.",
    )


def possible_steps(state: State) -> list[Step]:
    """Return the steps that may be taken from ``state``."""
    return [step for step, (sources, _) in TABLE.items() if state in sources]
