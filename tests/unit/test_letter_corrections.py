"""A letter that tells people again says what the e-mail says, in its order, in each language."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.channels.letter.press import LetterPress
from notifier.notices import Person
from notifier.rendering.sandbox import all_named
from tests.notice_facts import LOCALES, REFERENCE, facts

PRESS = LetterPress(())
TOLD = {"from": "2026-03-06", "to": "2026-03-07"}


def _said(locale: str, kind: str, categories: tuple[str, ...]) -> tuple[str, str, str, list[str]]:
    """Return title, subject, all that is said, and the headings of a letter."""
    given: dict[str, Any] = facts(kind=kind, told=TOLD, corrects="INC-2026-001/1/A1")
    for texts in given["texts"].values():
        texts["correction"] = ["#1 2 3#"]
    with all_named():
        content = PRESS.content(
            PRESS.order("breach-notice", locale, given), Person("A B", "person", categories), REFERENCE
        )
        blocks = content.blocks(large_print=False)
    headings = [str(one["text"][0]) for one in blocks if one["kind"] == "heading"]
    return content.title(), content.subject(), str(blocks), headings


@pytest.mark.parametrize("locale", LOCALES)
def test_a_correction_comes_before_the_facts(locale: str) -> None:
    """Under its own title and heading, then the whole notice."""
    title, subject, said, headings = _said(locale, "correction", ("email",))
    words = PRESS.words("breach-notice", locale).plain
    assert (title, headings[:3]) == (
        words["title_correction"],
        [words["title_correction"], words["corrected"], words["happened"]],
    )
    assert "#1 2 3#" in said
    assert subject == words["subject_correction"].replace("{brand}", "Example Company")


@pytest.mark.parametrize("locale", LOCALES)
def test_who_is_not_affected_gets_a_short_letter(locale: str) -> None:
    """What to do, how to check it, whom to ask: nothing about data."""
    title, _subject, said, headings = _said(locale, "not-affected", ())
    words = PRESS.words("breach-notice", locale).plain
    assert headings == [title, *(words[one] for one in ("advice", "check", "questions", "reference"))]
    for sentence in ("lead_unaffected", "unaffected_advice", "sorry"):
        assert words[sentence] in said
    assert words["consequences"] not in headings
