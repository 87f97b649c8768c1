"""The words of one notice in one language: sentences with places in braces, from ``words.toml``.

A translator sees ``greeting = "Dear {name},"`` and no code. A table named after a variant, such as
``[guardian]``, replaces single sentences for those readers.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from notifier.errors import BadInput
from notifier.rendering.folders import BASE, EMAIL, Folders
from notifier.rendering.sandbox import Collected, Named, Sandbox

Sentence = tuple[tuple[str, str], ...]
"""Pieces of a sentence: fixed text and the name of the place that follows it, or ""."""


def pieces(sentence: str, where: str) -> Sentence:
    """Split a sentence at its places; a broken brace is ``BadInput``."""
    try:
        parsed = list(string.Formatter().parse(sentence))
    except ValueError:
        raise BadInput(f"{where} has a brace without its partner") from None
    for _, place, form, conversion in parsed:
        if place is not None and (not place.isidentifier() or form or conversion):
            raise BadInput(
                f"{where} has the place {{{place}}}", advice="A place is one plain word in braces."
            )
    return tuple((fixed, place or "") for fixed, place, _, _ in parsed)


class Words:
    """All sentences of one notice and locale, and in e-mail the labels of the data categories."""

    def __init__(self, folders: Folders, notice: str, locale: str) -> None:
        self.plain: dict[str, str] = {}
        self._sentences: dict[str, dict[str, Sentence]] = {"": {}}
        self.read(folders, notice, locale)
        labels = folders.toml(f"{BASE}/labels/{locale}.toml") if folders.channel == EMAIL else {}
        self.labels: Mapping[str, str] = Named("labels", labels)

    def read(self, folders: Folders, notice: str, locale: str) -> None:
        """Add the sentences of a ``words.toml``; each goes before one of the same name known so far."""
        where = f"{notice}/{locale}/words.toml"
        values = folders.toml(where) if folders.exists(where) else {}
        for key, value in values.items():
            if isinstance(value, str):
                self.plain[key] = value
                self._sentences[""][key] = pieces(value, f"{where}: {key}")
            else:
                self._sentences.setdefault(key, {}).update(
                    {inner: pieces(str(text), f"{where}: {key}.{inner}") for inner, text in value.items()}
                )

    def variants(self) -> frozenset[str]:
        """Return the variants that have words of their own."""
        return frozenset(self._sentences) - {""}

    def places(self) -> dict[str, frozenset[str]]:
        """Return the places of each sentence, named ``key`` or ``variant.key``."""
        return {
            f"{variant}.{key}" if variant else key: frozenset(place for _, place in sentence if place)
            for variant, table in self._sentences.items()
            for key, sentence in table.items()
        }


class Speaker:
    """What templates call as ``say("greeting", name=name)``: words for one variant in one form."""

    def __init__(self, words: Words, variant: str, sandbox: Sandbox) -> None:
        tables = words._sentences  # noqa: SLF001 - one mechanism
        self._sentences = {**tables[""], **tables.get(variant, {})}
        self._sandbox = sandbox

    def __call__(self, key: str, **values: Any) -> str:
        """Return the sentence with its places filled; what is missing is noted."""
        sentence = self._sentences.get(key)
        if sentence is None:
            return str(Collected(obj=Named("words"), name=key))
        joined = []
        for fixed, place in sentence:
            joined.append(self._safe(fixed))
            if place:
                value = values[place] if place in values else Collected(obj=Named(f"words.{key}"), name=place)
                joined.append(self._safe(self._sandbox.printed(value)))
        return Markup("").join(joined) if self._sandbox.html else "".join(joined)

    def has(self, key: str) -> bool:
        """Say whether there is such a sentence."""
        return key in self._sentences

    def _safe(self, value: Any) -> str:
        return escape(value) if self._sandbox.html else str(value)
