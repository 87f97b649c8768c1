"""The plan of an announcement: when it goes out, how carefully, and the steps by which each person is told.

The first step is the e-mail to the contact point that was frozen. Each later one names a channel and when it
is gone with somebody; ``notifier.escalation`` does so, person by person, until one of them has arrived or
been acknowledged, or the plan is at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from notifier.clock import from_instant
from notifier.errors import BadInput
from notifier.words import persons

CANARY_MOST_DAYS = 7
STEPS_MOST = 8
_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
MANDATORY_KIND = "breach"
"""Announcements that have to be given: no marketing preference stands in their way."""
StepChannel = Literal["email", "sms", "banner", "letter"]
STEP_CHANNELS: tuple[StepChannel, ...] = ("email", "sms", "banner", "letter")


class When(StrEnum):
    """When a step is gone with a person."""

    ALWAYS = "always"
    """With everybody."""
    UNREACHED = "unreached"
    """Once nothing before it can arrive any more: returned, refused, or there is no contact point."""
    UNACKNOWLEDGED = "unacknowledged"
    """Also where what was handed over has not been acknowledged for a time."""
    AS_BEFORE = "as-before"
    """With whom the announcement that is corrected was sent this way."""


class Step(BaseModel):
    """One later step of the channel plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: StepChannel
    when: When
    after_hours: float = Field(default=0, ge=0, le=90 * 24)
    """Since the release, or the start where that is later; for ``unreached`` since the last failure, for
    ``unacknowledged`` since the last hand-over, and what cannot arrive is not waited for.
    """
    required: bool = False
    """The law asks for this channel: an acknowledgement does not make it superfluous."""

    @property
    def after(self) -> int:
        """How long it waits, in microseconds."""
        return int(self.after_hours * _HOUR)

    @classmethod
    def read(cls, written: str) -> Step:
        """Read ``CHANNEL:WHEN``, ``CHANNEL:WHEN:HOURS`` or the same with ``:required`` behind it."""
        parts = [part.strip().lower() for part in written.split(":")]
        required = len(parts) > 2 and parts[-1] == "required"
        if required:
            parts.pop()
        advice = (
            f"Write CHANNEL:WHEN or CHANNEL:WHEN:HOURS, such as sms:unreached or email:unacknowledged:48."
            f" Channels: {', '.join(STEP_CHANNELS)}; when: {', '.join(When)}."
        )
        if len(parts) not in {2, 3}:
            raise BadInput("a step of the channel plan is not written as one", advice=advice)
        values: dict[str, Any] = {"channel": parts[0], "when": parts[1], "required": required}
        if len(parts) == 3:
            values["after_hours"] = parts[2]
        try:
            return cls.model_validate(values)
        except ValidationError:
            raise BadInput("a step of the channel plan is not one there is", advice=advice) from None

    def written(self) -> str:
        """Return the step as ``read`` takes it."""
        hours = f":{self.after_hours:g}" if self.after_hours else ""
        return f"{self.channel}:{self.when}{hours}{':required' if self.required else ''}"


class Hours(BaseModel):
    """The hours of a day in which people are written to, by the clock on their wall."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    opens: time = Field(alias="from")
    closes: time = Field(alias="to")

    def as_json(self) -> dict[str, str]:
        """Return the hours as they are stored."""
        return {"from": f"{self.opens:%H:%M}", "to": f"{self.closes:%H:%M}"}


_TEXTING_HOURS = Hours(opens=time(8), closes=time(21))


class SendPlan(BaseModel):
    """When an announcement goes out, and how carefully."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int = Field(default=0, ge=0)
    """Instant at which the first wave starts; 0 means at release."""
    canary: int = Field(default=0, ge=0)
    """People of the first small wave."""
    canary_hold_minutes: int = Field(default=0, ge=0, le=CANARY_MOST_DAYS * 24 * 60)
    """Pause after the canary; 0 means until an operator resumes."""
    waves: int = Field(default=1, ge=1, le=1000)
    wave_every_minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)
    window: Hours | None = None
    deadline: int = Field(default=0, ge=0)
    """Instant by which everybody must have been written to; 0 means none."""
    steps: tuple[Step, ...] = Field(default=(), max_length=STEPS_MOST)
    """What follows the first e-mail, in order."""
    sms_window: Hours | None = _TEXTING_HOURS
    """When texts are sent, where the reader is; ``None`` only with ``sms_any_time``."""
    sms_any_time: str = ""
    """Why texts may come at any hour: the operator's reason."""

    @field_validator("window", "sms_window")
    @classmethod
    def _long_enough(cls, window: Hours | None) -> Hours | None:
        if window is not None:
            minutes = (_minutes(window.closes) - _minutes(window.opens)) % (24 * 60)
            if minutes < 60:
                raise ValueError("a send window is open for at least an hour")
        return window

    @model_validator(mode="after")
    def _reasoned(self) -> SendPlan:
        if (self.sms_window is None) != bool(self.sms_any_time.strip()):
            raise ValueError("texts at any hour need a reason, and only they have one")
        return self

    @classmethod
    def read(cls, plan: Mapping[str, Any]) -> SendPlan:
        """Read a plan; what is wrong with its fields is ``BadInput``, all at once."""
        try:
            return cls.model_validate(dict(plan))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            )
            raise BadInput(f"the plan is wrong: {wrong}") from None

    @property
    def channels(self) -> tuple[StepChannel, ...]:
        """The channels of the plan, each once, the e-mail first."""
        named: list[StepChannel] = ["email", *(step.channel for step in self.steps)]
        return tuple(dict.fromkeys(named))

    def occasion(self, number: int) -> str:
        """Return the occasion of step ``number`` (from 1): ``first`` on its channel, else ``reminder-n``."""
        used = ["email", *(step.channel for step in self.steps[:number])]
        before = used[:-1].count(used[-1])
        return f"reminder-{before}" if before else "first"

    def check(self, *, people: int, now: int, kind: str = "") -> None:
        """Refuse a plan that cannot be carried out for so many people from now on: ``BadInput``."""
        if self.canary > people:
            raise BadInput(f"a canary of {self.canary:,} is too large: {persons(people)} in all")
        if self.waves > 1 and not self.wave_every_minutes:
            raise BadInput(
                f"{self.waves} waves need the minutes between them", advice="Give them with --every MINUTES."
            )
        if self.start and self.start < now:
            raise BadInput(f"the start {_utc(self.start)} is past", advice="0 starts at release.")
        start = self.start or now
        if self.deadline and self.deadline <= start:
            raise BadInput(
                f"the deadline {_utc(self.deadline)} is not after the start {_utc(start)}",
                advice="Choose a later deadline or an earlier start.",
            )
        last = start + (self.canary_hold_minutes + (self.waves - 1) * self.wave_every_minutes) * _MINUTE
        if self.deadline and last >= self.deadline:
            raise BadInput(
                f"the last wave would start at {_utc(last)}, not before the deadline {_utc(self.deadline)}",
                advice="Fewer waves, shorter pauses, or a later deadline.",
            )
        _check_steps(self.steps, mandatory=kind == MANDATORY_KIND)

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it is stored and signed."""
        plan: dict[str, Any] = self.model_dump(mode="json", exclude={"window", "sms_window"})
        plan["window"] = self.window and self.window.as_json()
        plan["sms_window"] = self.sms_window and self.sms_window.as_json()
        return plan


def _check_steps(steps: Sequence[Step], *, mandatory: bool) -> None:
    channels = [step.channel for step in steps]
    for channel in ("banner", "letter"):
        if channels.count(channel) > 1:
            raise BadInput(f"the channel plan has the {channel} twice", advice="One stands until it is over.")
    if mandatory and "sms" in channels and not {"banner", "letter"} & set(channels):
        raise BadInput(
            "texts would be the only channel for people without e-mail",
            advice="A notice that has to be given is never sent by SMS alone: add a step such as"
            " --then letter:unreached.",
        )
    for place, step in enumerate(steps):
        if step.when is When.UNREACHED and step.channel == "email":
            raise BadInput(
                "an e-mail cannot be the way for those whom e-mail did not reach",
                advice=f"Leave out step {place + 1}, or make it email:unacknowledged:48.",
            )


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _utc(instant: int) -> str:
    return f"{from_instant(instant):%Y-%m-%d %H:%M} UTC"
