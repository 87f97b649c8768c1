"""What the later steps of a channel plan say, as whoever approves them reads it: to an invented reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from notifier.announcements import Announcement
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.preflight.banners import Banners
from notifier.preflight.later import Cohorts, cohorts_of
from notifier.preflight.making import INVENTED_REFERENCE, Maker, Recipe
from notifier.preflight.recipe import recipe_for
from notifier.preflight.texts import SmsTexts
from notifier.rendering import MissingVariables
from notifier.settings import Settings
from notifier.store import Transaction


@dataclass(frozen=True, slots=True)
class LaterText:
    """What one later step says in one language. Letters are not among them: they are pages."""

    channel: str
    locale: str
    text: str


async def later_texts(tx: Transaction, now: Announcement, settings: Settings, keys: Keys) -> list[LaterText]:
    """Return reminders, texts and banners of an announcement, each text once. What cannot be made is left
    out: the preflight says so.
    """
    channels = {step.channel for step in now.plan.steps}
    if not channels:
        return []
    recipe = await recipe_for(tx, now, settings, keys)
    cohorts = await cohorts_of(tx, now)
    found = [
        LaterText(name, locale, text)
        for name, step in _STEPS.items()
        if name in channels
        for locale, text in _texts(step(recipe, settings), cohorts)
    ]
    return list(dict.fromkeys(found))


class _Step(Protocol):
    def locale(self, wanted: str) -> str: ...

    def text(self, locale: str, variant: str, categories: str, new_categories: str) -> str: ...


def _texts(step: _Step, cohorts: Cohorts) -> Iterator[tuple[str, str]]:
    """Yield language and text for all who read the same, with all that was exposed of any of them."""
    readers: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for (wanted, variant), (categories, new_categories) in cohorts.items():
        with suppress(BadInput):
            seen = readers.setdefault((step.locale(wanted), variant), (set(), set()))
            seen[0].update(categories.split())
            seen[1].update(new_categories.split())
    for (locale, variant), (known, new) in sorted(readers.items()):
        with suppress(BadInput, MissingVariables):
            yield locale, step.text(locale, variant, " ".join(sorted(known)), " ".join(sorted(new)))


class _Reminder:
    def __init__(self, recipe: Recipe, _settings: Settings) -> None:
        self._maker = Maker(recipe.reminding(), look_for_names=False)
        self.locale = self._maker.locale

    def text(self, locale: str, variant: str, categories: str, new_categories: str) -> str:
        rendered, _ = self._maker.invented(locale, variant, categories, new_categories)
        return f"{rendered.subject}\n\n{rendered.text}"


class _Text:
    def __init__(self, recipe: Recipe, settings: Settings) -> None:
        self._maker = SmsTexts(
            settings.sms, recipe.folders, {**recipe.facts, "drill": recipe.drill}, notice=recipe.notice
        )
        self._default = recipe.default_locale

    def locale(self, wanted: str) -> str:
        return self._maker.locale(wanted, self._default)

    def text(self, locale: str, variant: str, categories: str, new_categories: str) -> str:
        del categories, new_categories  # A text says nothing of them.
        return self._maker.make(locale, variant, INVENTED_REFERENCE).decode()


class _Banner:
    def __init__(self, recipe: Recipe, _settings: Settings) -> None:
        self._banners = Banners(recipe)
        self.locale = self._banners.locale

    def text(self, locale: str, variant: str, categories: str, new_categories: str) -> str:
        return "\n".join(self._banners.invented(locale, variant, categories, new_categories).lines())


_STEPS: dict[str, Callable[[Recipe, Settings], _Step]] = {
    "email": _Reminder,
    "sms": _Text,
    "banner": _Banner,
}
