"""The letters of a step: what is kept of each, or why somebody gets none."""

from __future__ import annotations

from notifier.channels.letter.renderer import LetterRenderer
from notifier.channels.letter.values import Letter
from notifier.customers.values import PostalAddress
from notifier.letters.content import Kept
from notifier.letters.senders import sender_or_country
from notifier.letters.wishes import large_print
from notifier.notices import Person
from notifier.preflight.making import INVENTED, Recipe
from notifier.preflight.readers import Reader, SetAsideError
from notifier.preflight.templates import digests
from notifier.rendering.locales import choose


class LetterMaker:
    """Letters, as what their pages are set from: the reader, their address and the language.

    The pages themselves are set when a print batch is written; the same content gives the same pages. Whose
    address cannot be printed gets none, and the finding is the reason. It is the address of whoever has the
    contact point, and so is the wish for large print.
    """

    addressed = True

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._facts = {**recipe.facts, "drill": recipe.drill}
        self._renderer = LetterRenderer(sender_or_country(recipe.letter), recipe.folders)
        self._locales = self._renderer.locales(recipe.notice)

    def digests(self) -> dict[str, str]:
        """Return the digests of the letters' templates."""
        return digests(self._renderer, self._recipe.notice)

    def locale(self, wanted: str) -> str:
        """Return the best language that letters and facts have."""
        recipe = self._recipe
        return choose(recipe.notice, wanted, recipe.texts, recipe.default_locale, self._locales)

    def sample(self, locale: str, variant: str) -> bytes:
        """Return the content of a letter to an invented reader."""
        address = PostalAddress("Example Street 1", "50667", "Example City", "", "DE")
        return Kept(locale, Person(INVENTED, variant, ("email", "name")), address).as_bytes()

    def content(self, reader: Reader, reference: str) -> bytes:
        """Return the content of a reader's letter."""
        address = reader.holder.get("address")
        if not address:
            raise SetAsideError("contact-point")
        asks = large_print(reader.holder.get("other", {}), reader.member.holder_attributes)
        kept = Kept(reader.locale, reader.person, PostalAddress(**address), asks)
        letter = Letter(
            self._recipe.notice, kept.locale, self._facts, kept.person, reference, kept.address, asks
        )
        for one in self._renderer.objections(letter):
            raise SetAsideError(one.code, one.detail)
        return kept.as_bytes()
