"""Banners made from a recipe, and what is wrong with one before anybody approves it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier.categories import CODES, ordered
from notifier.channels import Finding
from notifier.channels.banner.content import Content
from notifier.channels.banner.press import BannerPress, unspoken
from notifier.links import notice_link
from notifier.linting.language import check_language
from notifier.linting.words import check_subject
from notifier.notices import Person
from notifier.preflight.checks import LARGEST, LineChecks, finding
from notifier.preflight.making import INVENTED, INVENTED_ADDRESS, INVENTED_REFERENCE, Recipe
from notifier.rendering.locales import choose


class Banners:
    """Makes the banners of one announcement, from the e-mail's words."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._facts = {**recipe.facts, "drill": recipe.drill}
        self._press = BannerPress(recipe.folders)
        self._lines = LineChecks(recipe.hosts, recipe.addresses)

    def digests(self) -> dict[str, str]:
        """Return the digests of the templates, by language; from then on they stay as they were."""
        folders, notice = self._press.folders, self._recipe.notice
        return {locale: folders.digest(notice, locale) for locale in folders.locales(notice)}

    def locale(self, wanted: str) -> str:
        """Return the best language that words and facts have; none at all is ``BadInput``."""
        recipe = self._recipe
        locales = self._press.locales(recipe.notice)
        return choose(recipe.notice, wanted, recipe.texts, recipe.default_locale, locales)

    def shown(self, locale: str, person: Person, reference: str) -> Content:
        """Return what one person is shown. Raises ``MissingVariables`` or ``BadInput``."""
        recipe = self._recipe
        order = self._press.order(recipe.notice, locale, self._facts)
        link = notice_link(recipe.keys, recipe.notices_url, reference)
        return self._press.content(order, person, reference, link)

    def invented(self, locale: str, variant: str, categories: str = "", new_categories: str = "") -> Content:
        """Return what an invented reader is shown, of whom such data was exposed; where no category is
        given, all that the texts have something to say about.
        """
        known, new = tuple(categories.split()), tuple(new_categories.split())
        if not known and not new:
            known = _spoken_of(self._facts, locale)
        return self.shown(locale, Person(INVENTED, variant, known, new), INVENTED_REFERENCE)

    def objections(self, content: Content) -> list[Finding]:
        """List what is wrong with an invented reader's banner: it concerns everybody's."""
        recipe, lines = self._recipe, content.lines()
        words = self._press.words(recipe.notice, content.locale)
        mark = words.plain.get("drill_mark", "") if recipe.drill else ""
        found = [
            one for line in lines for one in self._lines.of(line, name=INVENTED, own=(INVENTED_ADDRESS,))
        ]
        found += check_subject(content.title, unspoken(words), mark)
        if content.locale.split("-", maxsplit=1)[0] == "en":
            found += check_language("\n".join(line for line in lines if line != content.title))
        if len(content.encoded()) >= LARGEST:
            found.append(finding("too-large"))
        return list(dict.fromkeys(found))


def banner_objections(
    recipe: Recipe, locale: str, variant: str, categories: str = "", new_categories: str = ""
) -> list[Finding]:
    """Return what is wrong with the banner of an invented reader. Raises ``MissingVariables`` or ``BadInput``
    where it cannot be made at all.
    """
    banners = Banners(recipe)
    return banners.objections(banners.invented(locale, variant, categories, new_categories))


def _spoken_of(facts: Mapping[str, Any], locale: str) -> tuple[str, ...]:
    texts = facts.get("texts", {}).get(locale, {})
    named = {code for part in ("consequences", "advice") for code in texts.get(part, {})} & set(CODES)
    return ordered(named or {"name"})
