"""What was wrong, or what is new: the sentences that come first, by language.

They come from a file, from the record (``texts.<language>.correction``), or from what was approved with the
announcement that is corrected; the first of these that has a language is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import RootModel, ValidationError

from incidents import told
from incidents.errors import BadRecord
from incidents.records import IncidentRecord, problem_of, reading
from incidents.records.fields import LocaleKey, SaidListField
from notifier.announcements import Announcement
from notifier.errors import BadInput

DRAFT = "correction_draft"
"""In a language of the facts: the text that is ready should they have to be corrected."""
SAID = "correction"
"""In a language of the facts: what a correction, an update or a retraction says first."""
KEPT = ("corrects", "told")
"""What the facts of such an announcement have besides those that the record makes."""


class _Said(RootModel[dict[LocaleKey, SaidListField]]):
    """Sentences by language."""


def read(content: bytes) -> dict[str, list[str]]:
    """Read ``language: [sentences]`` from YAML or JSON; every problem is named at once."""
    source = reading.read(content)
    try:
        said = _Said.model_validate(source.value)
    except ValidationError as error:
        raise BadRecord([problem_of(found, source) for found in error.errors()]) from None
    return {locale: list(lines) for locale, lines in said.root.items()}


def prepared(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the prepared corrections of an announcement's facts, by language; empty where there is none."""
    return {locale: list(texts.get(DRAFT, ())) for locale, texts in facts.get("texts", {}).items()}


def chosen(
    record: IncidentRecord, before: Announcement | None, given: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return what is said first, by language, from what was given, the record, and what was approved."""
    approved = prepared(before.facts) if before else {}
    made = {}
    for locale in {*given, *record.texts, *approved}:
        written = record.texts.get(locale)
        lines = given.get(locale) or (written.correction if written else ()) or approved.get(locale, ())
        if lines:
            made[locale] = list(lines)
    return made


def say_first(facts: dict[str, Any], said: Mapping[str, Sequence[str]], kind: str) -> dict[str, Any]:
    """Return facts with what comes first in each of their languages; one that lacks it is ``BadInput``.

    Who is not affected after all is told so in words of the templates, and need not be told more.
    """
    missing = sorted(locale for locale in facts["texts"] if not said.get(locale))
    if missing and kind != told.NOT_AFFECTED:
        raise BadInput(
            f"nothing says what {'is new' if kind == told.UPDATE else 'was wrong'} in {', '.join(missing)}",
            advice="Write a file with `language: [sentences]` for each language of the record.",
        )
    texts = {
        locale: {**inner, SAID: list(said[locale])} if said.get(locale) else inner
        for locale, inner in facts["texts"].items()
    }
    return {**facts, "texts": texts}


def carried(before: Mapping[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Return newer facts of the record with what only such an announcement's facts had."""
    texts = {
        locale: {
            **inner,
            **({SAID: said} if (said := before.get("texts", {}).get(locale, {}).get(SAID)) else {}),
        }
        for locale, inner in facts["texts"].items()
    }
    return {**facts, "texts": texts, **{name: before[name] for name in KEPT if name in before}}
