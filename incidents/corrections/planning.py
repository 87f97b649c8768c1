"""The channel plan of what is told again: every channel on which somebody got it is used again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from notifier.plans import STEP_CHANNELS, SendPlan, Step, When


def steps_again(used: Collection[str], before: Iterable[SendPlan]) -> list[Step]:
    """Return the steps after the first e-mail: as before on each channel that was used, then, for whom that
    does not reach any more, the other channels of the plans ``before``.
    """
    made = [
        Step(channel=channel, when=When.AS_BEFORE)
        for channel in STEP_CHANNELS
        if channel != "email" and channel in used
    ]
    others = {step.channel for plan in before for step in plan.steps} - {"email", *used}
    made += [Step(channel=channel, when=When.UNREACHED) for channel in STEP_CHANNELS if channel in others]
    return made
