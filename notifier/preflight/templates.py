"""The template files behind an announcement, of every channel in its plan, and their digests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from notifier.plans import SendPlan
from notifier.rendering import Renderer, SmsRenderer


class Templates(Protocol):
    """The templates of one channel. Those that were digested are read, and stay as they were."""

    def locales(self, notice: str) -> list[str]:
        """Return the languages in which a notice is written, sorted."""
        ...

    def digest(self, notice: str, locale: str) -> str:
        """Return the SHA-256, in hex, over all files of a notice in one language."""
        ...


def digests(templates: Templates, notice: str) -> dict[str, str]:
    """Return the digests of a notice, by language."""
    return {locale: templates.digest(notice, locale) for locale in templates.locales(notice)}


class TemplateFiles:
    """The templates as they are now; each is read once, so that a later look needs a new one of these.

    ``own`` are the operator's own folders. The banner has the e-mail's sentences.
    """

    def __init__(self, own: Sequence[Path]) -> None:
        self._own = own
        self._known: dict[str, Templates] = {}

    def _of(self, channel: str) -> Templates:
        if channel not in self._known:
            self._known[channel] = self._read(channel)
        return self._known[channel]

    def _read(self, channel: str) -> Templates:
        if channel == "sms":
            return SmsRenderer(self._own)
        if channel == "letter":
            from notifier.channels.letter.press import LetterPress  # noqa: PLC0415 - most plans have no letter

            return LetterPress(self._own)
        return Renderer(self._own)

    def locales(self, notice: str, channel: str = "email") -> list[str]:
        """Return the languages in which a channel's notice is written, sorted."""
        return self._of(channel).locales(notice)

    def digest(self, notice: str, locale: str, channel: str = "email") -> str:
        """Return the SHA-256, in hex, over all files of a channel's notice in one language."""
        return self._of(channel).digest(notice, locale)

    def later(self, notice: str, plan: SendPlan) -> dict[str, dict[str, str]]:
        """Return the digests of what the later steps are made from, by channel and language; the e-mail may
        have to be made again.

        All languages count: whom a step will be gone with is not known before.
        """
        return {name: digests(self._of(name), notice) for name in sorted(plan.channels)}
