"""When an announcement will be done if it is released now: waves, send windows and a rate against a deadline.

An estimate in steps of a few minutes, for planning; once it is under way the measured rate takes over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.announcements import SendPlan
from notifier.engine.windows import Window

STEP = 5 * 60
"""Seconds of one step of the estimate."""
LONGEST_DAYS = 60
_MINUTE = 60_000_000
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class WaveAhead:
    """A wave as it would start: number 0 is the canary."""

    number: int
    people: int
    start_at: int


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
    waiting = dict.fromkeys(zones, 0.0)
    moment, end = waves[0].start_at if waves else now, now + LONGEST_DAYS * 86_400 * _SECOND
    ahead = list(waves)
    while (ahead or sum(waiting.values()) >= 0.5) and moment < end:
        while ahead and ahead[0].start_at <= moment:
            wave = ahead.pop(0)
            for zone, count in zones.items():
                waiting[zone] += wave.people * count / people
        room = per_second * STEP
        for zone in waiting:
            if room > 0 and (window is None or window.next(moment, zone) == moment):
                taken = min(room, waiting[zone])
                waiting[zone] -= taken
                room -= taken
        used = 1 - room / (per_second * STEP)
        left = sum(waiting.values()) >= 0.5
        moment += STEP * _SECOND if ahead or left else max(int(used * STEP), 1) * _SECOND
    return Outlook(tuple(waves), moment if moment < end else None, plan.deadline)


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
