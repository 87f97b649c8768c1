"""Rendering: facts and a reader become subject, text and HTML. No clock, no network, no database.

The same input gives the same bytes. A template is rendered once for a *cohort*, the readers who differ
only in values that are printed (name, reference, link, details), and its places are then filled per person.
A template that does more with such a value than print it is rendered for each person anew; the bytes are
the same either way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from notifier.errors import BadInput
from notifier.notices import Person, Rendered, grouped
from notifier.rendering.cohorts import Cohort, isolated, slot_or_empty, trace
from notifier.rendering.edition import Reader, is_rtl
from notifier.rendering.folders import Folders
from notifier.rendering.lines import Isolated, Link, Unbroken, clean, greeting_name
from notifier.rendering.locales import choose
from notifier.rendering.press import Order, Press
from notifier.rendering.readers import as_read
from notifier.rendering.sandbox import DependsOnValueError, MissingVariables
from notifier.rendering.texts import SmsRenderer
from notifier.rendering.wording import Words

__all__ = ["MissingVariables", "Renderer", "SmsRenderer", "is_rtl"]


class Renderer:
    """Renders notices from template folders.

    ``folders`` are the operator's own and go before those shipped. Templates are read once: a changed file
    needs a new renderer. ``facts`` given to ``render`` must not be changed afterwards. ``cohorts`` is how
    many prepared cohorts are kept (some 15 kB each); 0 renders every notice anew.
    """

    def __init__(self, folders: Sequence[Path] | None = None, *, cohorts: int = 1024) -> None:
        self._press = Press(Folders(folders or ()))
        self._cohorts: dict[tuple[Any, ...], Cohort | MissingVariables | None] = {}
        self._keep = cohorts

    def locales(self, notice: str) -> list[str]:
        """Return the locales ``notice`` is written in, sorted."""
        return self._press.folders.locales(notice)

    def digest(self, notice: str, locale: str) -> str:
        """Return the SHA-256, in hex, over all files this notice is made from in this language."""
        self._press.require(notice, locale)
        return self._press.folders.digest(notice, locale)

    def status(self, notice: str, locale: str) -> str:
        """Return ``original``, ``unreviewed`` (a draft translation) or ``reviewed``."""
        self._press.require(notice, locale)
        return self._press.folders.status(notice, locale)

    def words(self, notice: str, locale: str) -> Words:
        """Return the sentences of a notice in one language."""
        return self._press.words(notice, locale)

    def choose_locale(self, notice: str, wanted: str, available_texts: Collection[str], default: str) -> str:
        """Return the best locale that both the templates and the announcement's texts have.

        ``hi-IN`` falls back to ``hi``, then to another ``hi-…``, then to the default and its kin. None at
        all is ``BadInput``.
        """
        return choose(notice, wanted, available_texts, default, self.locales(notice))

    def render(
        self,
        notice: str,
        locale: str,
        *,
        facts: Mapping[str, Any],
        person: Person,
        reference: str,
        link: str = "",
    ) -> Rendered:
        """Return one person's notice; raise ``MissingVariables`` naming everything that is missing.

        ``link`` is the address of the notice's own page; without one the notice speaks of none.

        A guardian or next of kin is never greeted by the name of the person the notice is about: that name
        becomes the subject, and ``details["reader"]``, where there is one, the name in the greeting.
        Of many records the first are listed, then how many more there are.
        """
        order = self._press.order(notice, locale, facts)
        person = as_read(person)
        values = [Isolated(greeting_name(person.name)), Unbroken(grouped(clean(reference))), Link(link)]
        if not self._keep:
            return self._plainly(order, person, values)
        details, shape = trace(person.details, values)
        key = (
            order.facts_digest,
            notice,
            locale,
            person.variant,
            person.categories,
            person.new_categories,
            bool(values[0]),
            bool(values[1]),
            bool(values[2]),
            shape,
        )
        try:
            cohort = self._cohorts[key]
        except KeyError:
            cohort = self._prepare(order, person, values, details)
            if len(self._cohorts) >= self._keep:
                self._cohorts.pop(next(iter(self._cohorts)), None)
            self._cohorts[key] = cohort
        if isinstance(cohort, Cohort):
            return cohort.fill(values)
        if cohort is None:
            return self._plainly(order, person, values)
        raise MissingVariables(cohort.names)

    def _prepare(
        self, order: Order, person: Person, values: list[Isolated], details: Any
    ) -> Cohort | MissingVariables | None:
        """Render for the whole cohort; None where the templates look into the values they print."""
        try:
            plain = self._plainly(order, person, values)
        except MissingVariables as missing:
            return missing
        name, reference, link = (slot_or_empty(value, number) for number, value in enumerate(values[:3]))
        try:
            made = self._press.print(order, _reader(person, name, reference, link, details))
        except (DependsOnValueError, BadInput):  # A part of a slot looks missing.
            return None
        cohort = Cohort.of(made, rtl=is_rtl(order.locale))
        return cohort if cohort.fill(values) == plain else None

    def _plainly(self, order: Order, person: Person, values: Sequence[Isolated]) -> Rendered:
        name, reference, link = values[:3]
        return self._press.print(order, _reader(person, name, reference, link, isolated(person.details)))


def _reader(person: Person, name: Any, reference: Any, link: Any, details: Any) -> Reader:
    return Reader(person.variant, person.categories, person.new_categories, name, reference, details, link)
