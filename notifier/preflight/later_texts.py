"""What the later steps of a channel plan say, as whoever approves them reads it: to an invented reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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

_Make = Callable[[str, str, str, str], tuple[str, str]]
"""From the language somebody wants, the variant and two lists of data categories: the language, the text."""


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
    makers = {"email": _reminder(recipe), "sms": _text(recipe, settings), "banner": _banner(recipe)}
    cohorts = await cohorts_of(tx, now)
    found = [
        one for name, make in makers.items() if name in channels for one in _of_channel(name, make, cohorts)
    ]
    return list(dict.fromkeys(found))


def _of_channel(channel: str, make: _Make, cohorts: Cohorts) -> list[LaterText]:
    made = []
    for (wanted, variant), (categories, new_categories) in cohorts.items():
        try:
            made.append(LaterText(channel, *make(wanted, variant, categories, new_categories)))
        except (BadInput, MissingVariables):
            continue
    return made


def _reminder(recipe: Recipe) -> _Make:
    maker = Maker(recipe.reminding(), look_for_names=False)

    def make(wanted: str, variant: str, categories: str, new_categories: str) -> tuple[str, str]:
        locale = maker.locale(wanted)
        rendered, _ = maker.invented(locale, variant, categories, new_categories)
        return locale, f"{rendered.subject}\n\n{rendered.text}"

    return make


def _text(recipe: Recipe, settings: Settings) -> _Make:
    facts = {**recipe.facts, "drill": recipe.drill}
    texts = SmsTexts(settings.sms, recipe.folders, facts, notice=recipe.notice)

    def make(wanted: str, variant: str, categories: str, new_categories: str) -> tuple[str, str]:
        del categories, new_categories  # A text says nothing of them.
        locale = texts.locale(wanted, recipe.default_locale)
        return locale, texts.make(locale, variant, INVENTED_REFERENCE).decode()

    return make


def _banner(recipe: Recipe) -> _Make:
    banners = Banners(recipe)

    def make(wanted: str, variant: str, categories: str, new_categories: str) -> tuple[str, str]:
        shown = banners.invented(banners.locale(wanted), variant, categories, new_categories)
        return shown.locale, "\n".join(shown.lines())

    return make
