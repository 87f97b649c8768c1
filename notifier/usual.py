"""The usual channel plan of an installation: what follows the first e-mail on channels that are set up."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.errors import BadInput
from notifier.plans import STEPS_MOST, Step
from notifier.settings import Settings

NONE = "none"
REMIND_AFTER = 48
"""Hours without an acknowledgement after which a reminder follows, where notices can be acknowledged."""


def usual_steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps for the channels that are set up: a banner for everybody; a reminder to those who have
    not acknowledged, where that can be done; a text to those whom e-mail did not reach; then a letter to
    those whom that did not reach either.
    """
    made = []
    if settings.banner.keys:
        made.append("banner:always")
    if settings.banner.keys or settings.organisation.notices_url:
        made.append(f"email:unacknowledged:{REMIND_AFTER}")
    letters = bool(settings.letter.sender_city)
    if (settings.sms.provider or settings.drill) and (letters or settings.banner.keys):
        made.append("sms:unreached")
    if letters:
        made.append("letter:unreached")
    return tuple(Step.read(one) for one in made)


def read_steps(written: Sequence[str] | None, settings: Settings) -> tuple[Step, ...]:
    """Return the steps that an operator asks for; the usual ones where nothing is said."""
    if not written:
        return usual_steps(settings)
    if list(written) == [NONE]:
        return ()
    if len(written) > STEPS_MOST:
        raise BadInput(f"a channel plan has at most {STEPS_MOST} later steps", advice="Leave some out.")
    return tuple(Step.read(one) for one in written)
