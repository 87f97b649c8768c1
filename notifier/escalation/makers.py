"""What a later step says: a notice of its channel, from the approved facts and templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from notifier.notices import Person
from notifier.preflight.making import INVENTED, INVENTED_REFERENCE, Recipe
from notifier.preflight.readers import Reader, SetAsideError
from notifier.rendering import SmsRenderer
from notifier.rendering.locales import choose


class StepMaker(Protocol):
    """Makes the notices of one step."""

    addressed: bool
    """Whether its notices go to a contact point."""

    def locale(self, wanted: str) -> str:
        """Return the locale for somebody who wants ``wanted``; none at all is ``BadInput``."""
        ...

    def sample(self, locale: str, variant: str) -> bytes:
        """Return what an invented reader gets: real ones are compressed against it."""
        ...

    def content(self, reader: Reader, reference: str) -> bytes:
        """Return what this reader gets. Raises ``MissingVariables``, ``SetAsideError`` or ``BadInput``."""
        ...


class TextMaker:
    """Text messages: nothing in them is about their reader but the reference."""

    addressed = True

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._facts = {**recipe.facts, "drill": recipe.drill}
        self._renderer = SmsRenderer(recipe.folders)

    def locale(self, wanted: str) -> str:
        """Return the best language that text templates and facts have."""
        recipe = self._recipe
        return self._renderer.choose_locale(recipe.notice, wanted, recipe.texts, recipe.default_locale)

    def sample(self, locale: str, variant: str) -> bytes:
        """Return the text to an invented reader."""
        return self._text(locale, variant, INVENTED_REFERENCE)

    def content(self, reader: Reader, reference: str) -> bytes:
        """Return a reader's text."""
        return self._text(reader.locale, reader.member.variant, reference)

    def _text(self, locale: str, variant: str, reference: str) -> bytes:
        return self._renderer.render(
            self._recipe.notice, locale, facts=self._facts, reference=reference, variant=variant
        ).encode()


class LetterMaker:
    """Letters, as what their pages are made from: the reader, their address and the language.

    The pages themselves are set when a print batch is written; the same content gives the same pages.
    """

    addressed = True

    def __init__(self, recipe: Recipe) -> None:
        from notifier.channels.letter.press import LetterPress  # noqa: PLC0415 - most plans have no letter

        self._recipe = recipe
        self._locales = LetterPress(recipe.folders).locales(recipe.notice)

    def locale(self, wanted: str) -> str:
        """Return the best language that letters and facts have."""
        recipe = self._recipe
        return choose(recipe.notice, wanted, recipe.texts, recipe.default_locale, self._locales)

    def sample(self, locale: str, variant: str) -> bytes:
        """Return the content of a letter to an invented reader."""
        return _letter(locale, Person(INVENTED, variant), {"street": "Example Street 1", "country": "DE"})

    def content(self, reader: Reader, reference: str) -> bytes:
        """Return the content of a reader's letter."""
        del reference  # It stands with the notice.
        address = reader.holder.get("address")
        if not address:
            raise SetAsideError("contact-point")
        return _letter(reader.locale, reader.person, address)


def _letter(locale: str, person: Person, address: Mapping[str, Any]) -> bytes:
    content = {
        "address": address,
        "categories": person.categories,
        "details": person.details,
        "locale": locale,
        "name": person.name,
        "new_categories": person.new_categories,
        "variant": person.variant,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
