"""What a later step says: a notice of its channel, from the approved facts and templates."""

from __future__ import annotations

from typing import Protocol

from notifier.preflight.banners import Banners
from notifier.preflight.making import INVENTED_REFERENCE, Recipe
from notifier.preflight.readers import Reader
from notifier.preflight.templates import digests
from notifier.rendering import SmsRenderer


class StepMaker(Protocol):
    """Makes the notices of one step."""

    addressed: bool
    """Whether its notices go to a contact point."""

    def digests(self) -> dict[str, str]:
        """Return the digests of its templates, by language; from then on they stay as they were."""
        ...

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

    def digests(self) -> dict[str, str]:
        """Return the digests of its templates."""
        return digests(self._renderer, self._recipe.notice)

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


def letter_maker(recipe: Recipe) -> StepMaker:
    """Return what makes letters; loaded here, because most plans have none."""
    from notifier.letters.making import LetterMaker  # noqa: PLC0415

    return LetterMaker(recipe)


class BannerMaker:
    """Banners, as the words that are shown to whoever signs in to the reader's own account."""

    addressed = False

    def __init__(self, recipe: Recipe) -> None:
        self._banners = Banners(recipe)

    def digests(self) -> dict[str, str]:
        """Return the digests of the e-mail's templates."""
        return self._banners.digests()

    def locale(self, wanted: str) -> str:
        """Return the best language that the e-mail's words and the facts have."""
        return self._banners.locale(wanted)

    def sample(self, locale: str, variant: str) -> bytes:
        """Return what is shown to an invented reader."""
        return self._banners.invented(locale, variant).encoded()

    def content(self, reader: Reader, reference: str) -> bytes:
        """Return what is shown to a reader."""
        return self._banners.shown(reader.locale, reader.person, reference).encoded()
