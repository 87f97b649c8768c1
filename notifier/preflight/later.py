"""What the later steps of the channel plan will say, checked before anybody can approve it.

Whom a step will be gone with is not known yet, so everybody to whom the plan applies counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from notifier.announcements import Announcement
from notifier.channels import Finding
from notifier.errors import BadInput
from notifier.preflight.banners import Banners
from notifier.preflight.making import Maker, Recipe
from notifier.preflight.texts import SmsTexts, check_texts
from notifier.rendering import MissingVariables
from notifier.settings import Settings
from notifier.standing import REACHABLE
from notifier.store import Transaction

Found = list[tuple[str, Finding]]
Cohorts = dict[tuple[str, str], tuple[str, str]]
"""By language, as people want it, and variant: all their data categories, and those new to them."""


async def check_later(tx: Transaction, now: Announcement, settings: Settings, recipe: Recipe) -> Found:
    """Return what is wrong with the notices of later steps, and where."""
    if not now.plan.steps:
        return []
    cohorts = await cohorts_of(tx, now)
    countries = await _countries(tx, now)
    checks: dict[str, Callable[[], Found]] = {
        "email": lambda: _reminders(recipe, cohorts),
        "sms": lambda: _texts(settings, recipe, cohorts, countries),
        "banner": lambda: _banners(recipe, cohorts),
        "letter": lambda: _letters(recipe, cohorts),
    }
    return [
        one
        for name in sorted({step.channel for step in now.plan.steps} & checks.keys())
        for one in checks[name]()
    ]


def _reminders(recipe: Recipe, cohorts: Cohorts) -> Found:
    maker = Maker(recipe.reminding(), look_for_names=False)
    found: Found = []
    for (wanted, variant), (categories, new_categories) in cohorts.items():
        try:
            locale = maker.locale(wanted)
            rendered, _ = maker.invented(locale, variant, categories, new_categories)
        except MissingVariables as missing:
            found.append(
                (wanted, Finding("missing-variables", f"the reminder needs {', '.join(missing.names)}"))
            )
            continue
        except BadInput:
            continue  # Said of the first notice already.
        found += [(f"{locale}, {variant}, as a reminder", one) for one in maker.objections(rendered, locale)]
    return found


def _texts(settings: Settings, recipe: Recipe, cohorts: Cohorts, countries: Collection[str]) -> Found:
    facts = {**recipe.facts, "drill": recipe.drill}
    texts = SmsTexts(settings.sms, recipe.folders, facts, notice=recipe.notice)
    # A drill's double takes texts to everywhere.
    asked = () if recipe.drill else countries
    return check_texts(texts, cohorts.keys(), asked, default_locale=recipe.default_locale)


def _banners(recipe: Recipe, cohorts: Cohorts) -> Found:
    banners = Banners(recipe)
    found: Found = []
    for (wanted, variant), (categories, new_categories) in cohorts.items():
        try:
            shown = banners.invented(banners.locale(wanted), variant, categories, new_categories)
        except MissingVariables as missing:
            found.append(
                (wanted, Finding("missing-variables", f"the banner needs {', '.join(missing.names)}"))
            )
            continue
        except BadInput:
            continue  # Said of the first notice already.
        found += [(f"{shown.locale}, {variant}, as a banner", one) for one in banners.objections(shown)]
    return found


def _letters(recipe: Recipe, cohorts: Cohorts) -> Found:
    from notifier.letters.checking import check_letters  # noqa: PLC0415 - most plans have no letter
    from notifier.letters.making import LetterMaker  # noqa: PLC0415

    maker = LetterMaker(recipe)
    readers = []
    for (wanted, variant), kinds in cohorts.items():
        try:
            readers.append((maker.locale(wanted), variant, *kinds))
        except BadInput:
            continue
    return [
        (f"{where}, as a letter", one)
        for where, wrong in check_letters(recipe, dict.fromkeys(readers)).items()
        for one in wrong
    ]


async def cohorts_of(tx: Transaction, now: Announcement) -> Cohorts:
    """Return who may be gone with in a later step, by language and variant, and what was exposed of them."""
    found: dict[tuple[str, str], tuple[set[str], set[str]]] = {}
    for row in await tx.rows(
        "SELECT DISTINCT m.locale, m.variant, m.categories, m.new_categories FROM audience_member m"
        f" WHERE m.audience_id = :id AND {REACHABLE}",
        id=now.audience_id,
    ):
        seen = found.setdefault((row.locale, row.variant), (set(), set()))
        seen[0].update(row.categories.split())
        seen[1].update(row.new_categories.split())
    return {key: (" ".join(sorted(old)), " ".join(sorted(new))) for key, (old, new) in sorted(found.items())}


async def _countries(tx: Transaction, now: Announcement) -> set[str]:
    """Return the countries of those who have a telephone number, as far as they are known."""
    rows = await tx.rows(
        "SELECT DISTINCT m.country FROM audience_member m WHERE m.audience_id = :id AND m.country <> ''"
        f" AND {REACHABLE} AND EXISTS (SELECT 1 FROM contact_point p WHERE p.customer_id = m.customer_id"
        " AND p.channel = 'sms' AND p.state = 'usable')",
        id=now.audience_id,
    )
    return {row.country for row in rows}
