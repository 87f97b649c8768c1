"""What the later steps of a channel plan say, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from notifier.announcements import Announcement
from notifier.cli import out
from notifier.preflight.later_texts import LaterText

_STEPS = {"email": "then, as a reminder", "sms": "then, as a text message", "banner": "then, as a banner"}
_BEGINNING = 600


def beginning(text: str) -> str:
    """Return the first lines of a text."""
    return text if len(text) <= _BEGINNING else text[:_BEGINNING].rpartition("\n")[0]


def print_later(now: Announcement, later: Sequence[LaterText], *, full: bool) -> None:
    """Print what each step says in each language. Of reminders and banners, which go on as the e-mail does,
    it is the beginning unless ``full``.
    """
    for one in later:
        out.rule(f"{_STEPS[one.channel]} ({one.locale})")
        text = one.text if full or one.channel == "sms" else beginning(one.text)
        out.print(text, markup=False, highlight=False)
    if any(step.channel == "letter" for step in now.plan.steps):
        out.rule("then, as a letter")
        seen = f"notifier letters preview {now.code} --out letter.pdf"
        out.print(f"It says what the e-mail says. Its pages: {seen}", markup=False)
