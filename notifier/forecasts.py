"""When an announcement will be done: waves, send windows and a rate against a deadline.

An estimate in steps of a few minutes. Before the release it goes by the plan; once it is under way,
``notifier.engine.forecasting`` gives it who is still to be told, and the measured rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from notifier.engine.windows import Window
from notifier.plans import SendPlan
from notifier.settings import RelaySettings

STEP = 5 * 60
"""Seconds of one step of the estimate."""
LONGEST_DAYS = 60
ASSUMED_RATE = 200.0
"""Hand-overs a second where no limit is set and nothing has been measured."""
_MINUTE = 60_000_000
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class WaveAhead:
    """A wave as it would start: number 0 is the canary."""

    number: int
    people: int
    start_at: int


@dataclass(frozen=True, slots=True)
class Group:
    """People of one wave in one time zone, and when they can be written to at the earliest."""

    start_at: int
    zone: str
    people: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What to expect of a release."""

    waves: tuple[WaveAhead, ...]
    finish_at: int | None
    """``None`` if it would not be done within 60 days."""
    deadline: int

    @property
    def late(self) -> bool:
        """Say whether it would be done after the deadline."""
        return bool(self.deadline) and (self.finish_at is None or self.finish_at > self.deadline)


def outlook(plan: SendPlan, zones: Mapping[str, int], *, now: int, per_second: float) -> Outlook:
    """Estimate the finish for people counted by time ``zones`` at ``per_second`` hand-overs.

    A canary that waits for a person is taken to be resumed at once.
    """
    people = sum(zones.values())
    waves = _waves(plan, people, max(plan.start, now))
    window = Window(plan.window.opens, plan.window.closes) if plan.window else None
    groups = [
        Group(wave.start_at, zone, wave.people * count / people)
        for wave in waves
        for zone, count in zones.items()
    ]
    return Outlook(tuple(waves), finish(groups, window, now=now, per_second=per_second), plan.deadline)


def finish(groups: Iterable[Group], window: Window | None, *, now: int, per_second: float) -> int | None:
    """Return the instant at which all groups are done; ``None`` if that is not within 60 days."""
    ahead = sorted(groups, key=lambda group: group.start_at, reverse=True)
    waiting: dict[str, float] = {}
    moment, end = now, now + LONGEST_DAYS * 86_400 * _SECOND
    while moment < end:
        while ahead and ahead[-1].start_at <= moment:
            group = ahead.pop()
            waiting[group.zone] = waiting.get(group.zone, 0) + group.people
        if sum(waiting.values()) < 0.5:
            if not ahead:
                return moment
            moment = ahead[-1].start_at
            continue
        room = per_second * STEP
        for zone, people in waiting.items():
            if room > 0 and people and (window is None or window.next(moment, zone) == moment):
                taken = min(room, people)
                waiting[zone] -= taken
                room -= taken
        used = 1 - room / (per_second * STEP)
        left = sum(waiting.values()) >= 0.5
        moment += (STEP if left else max(int(used * STEP), 1)) * _SECOND
    return None


def allowed_rate(relays: Sequence[RelaySettings]) -> float:
    """Return the messages a second that settings allow; 0 for any number.

    It is the first relay's limit: the others stand by for when it fails, not for when it is busy.
    """
    return relays[0].per_second if relays else 0


def _waves(plan: SendPlan, people: int, start: int) -> list[WaveAhead]:
    canary = min(plan.canary, people)
    waves = [WaveAhead(0, canary, start)] if canary else []
    following = start + (plan.canary_hold_minutes * _MINUTE if canary else 0)
    rest = people - canary
    count = min(plan.waves, rest)
    for number in range(count):
        size = rest * (number + 1) // count - rest * number // count
        waves.append(WaveAhead(number + 1, size, following + number * plan.wave_every_minutes * _MINUTE))
    return waves
