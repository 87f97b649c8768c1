"""Text messages: a few facts and a reference become one line. No name and no detail of a person reaches the
template, so that none can stand in a text that lies open on a telephone.

The same input gives the same text. Of all readers of a variant only the reference differs, so a text is
rendered once and then filled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from notifier.errors import BadInput
from notifier.rendering.cohorts import Skeleton, slot_or_empty
from notifier.rendering.edition import CORRECTION, NOT_AFFECTED, PLAIN_VARIANTS, is_rtl
from notifier.rendering.folders import SMS, Folders
from notifier.rendering.lines import Isolated, Unbroken, clean
from notifier.rendering.locales import choose
from notifier.rendering.sandbox import DependsOnValueError, Sandbox, all_named, note_missing
from notifier.rendering.wording import Speaker, Words

_SKELETONS = 256


class SmsRenderer:
    """Renders text messages from ``templates/sms``; an operator's own ``folders`` go before those shipped.

    Templates are read once: a changed file needs a new renderer.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = Folders(folders, channel=SMS)
        self._sandboxes = {rtl: Sandbox(self._folders, html=False, rtl=rtl) for rtl in (False, True)}
        self._words: dict[tuple[str, str], Words] = {}
        self._skeletons: dict[tuple[Any, ...], Skeleton | None] = {}

    def locales(self, notice: str) -> list[str]:
        """Return the locales ``notice`` is written in, sorted."""
        return self._folders.locales(notice)

    def digest(self, notice: str, locale: str) -> str:
        """Return the SHA-256, in hex, over all files this text is made from in this language."""
        self._require(notice, locale)
        return self._folders.digest(notice, locale)

    def status(self, notice: str, locale: str) -> str:
        """Return ``original``, ``unreviewed`` (a draft translation) or ``reviewed``."""
        self._require(notice, locale)
        return self._folders.status(notice, locale)

    def choose_locale(self, notice: str, wanted: str, available_texts: Collection[str], default: str) -> str:
        """Return the best locale, as ``Renderer.choose_locale`` does."""
        return choose(notice, wanted, available_texts, default, self.locales(notice))

    def render(
        self, notice: str, locale: str, *, facts: Mapping[str, Any], reference: str, variant: str = "person"
    ) -> str:
        """Return one person's text; raise ``MissingVariables`` naming everything that is missing.

        Of the facts it takes ``brand``, ``code``, ``contact.phone``, ``kind`` and ``drill``. The reference
        stands in it without hyphens: each character of a text message costs.
        """
        shown = Unbroken(clean(reference))
        given = _given(facts)
        key = (notice, locale, variant, bool(shown), tuple(given.items()))
        if key not in self._skeletons:
            if len(self._skeletons) >= _SKELETONS:
                self._skeletons.pop(next(iter(self._skeletons)), None)
            self._skeletons[key] = self._prepare(notice, locale, variant, given, shown)
        skeleton = self._skeletons[key]
        if skeleton is None:
            return self._print(notice, locale, variant, given, shown)
        return skeleton.fill([shown.as_text(is_rtl(locale))])

    def _prepare(
        self, notice: str, locale: str, variant: str, given: dict[str, Any], shown: Unbroken
    ) -> Skeleton | None:
        """Render for all readers; None where the template looks into the reference."""
        plain = self._print(notice, locale, variant, given, shown)
        try:
            made = self._print(notice, locale, variant, given, slot_or_empty(shown, 0))
        except DependsOnValueError:
            return None
        skeleton = Skeleton.of(made)
        return skeleton if skeleton.fill([shown.as_text(is_rtl(locale))]) == plain else None

    def _print(self, notice: str, locale: str, variant: str, given: dict[str, Any], reference: Any) -> str:
        self._require(notice, locale)
        if (notice, locale) not in self._words:
            self._words[notice, locale] = Words(self._folders, notice, locale)
        words = self._words[notice, locale]
        sandbox = self._sandboxes[is_rtl(locale)]
        with all_named():
            if not given["brand"]:
                note_missing("brand")
            if not reference:
                note_missing("reference")
            if variant not in PLAIN_VARIANTS | words.variants():
                note_missing(f"words.{variant}")
            context = {
                **given,
                "brand": Isolated(given["brand"]),
                "code": Unbroken(given["code"]),
                "phone": Unbroken(given["phone"]),
                "reference": reference,
                "corrected": given["kind"] == CORRECTION,
                "unaffected": given["kind"] == NOT_AFFECTED,
                "update": given["kind"] == "update" or variant == "update",
                "variant": variant,
                "say": Speaker(words, variant, sandbox),
            }
            try:
                text = sandbox.get_template(f"{notice}/{locale}/text.txt").render(context)
            except TemplateError as error:
                raise BadInput(f"the template of {notice} in {locale} was refused: {error.message}") from None
        return " ".join(text.split())

    def _require(self, notice: str, locale: str) -> None:
        if locale not in (locales := self.locales(notice)):
            raise BadInput(
                f"the text {notice} is not written in {locale!r}", advice=f"It is in: {', '.join(locales)}."
            )


def _given(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template may know of the facts."""
    contact = facts.get("contact") or {}
    return {
        "brand": clean(str(facts.get("brand", ""))),
        "code": clean(str(facts.get("code", ""))),
        "phone": clean(str(contact.get("phone", ""))),
        "kind": str(facts.get("kind", "first")),
        "drill": bool(facts.get("drill", False)),
    }
