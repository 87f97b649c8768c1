"""A notice as blocks of a page: no word is added, left out or moved."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from notifier.notices import Person
from notifier.rendering import Renderer
from notifier.web.notices.blocks import of_banner, of_letter, of_text
from tests.notice_facts import LOCALES, REFERENCE, facts

RENDERER, FACTS = Renderer(), facts()
lines = st.one_of(
    st.text(alphabet="ab .-1\u2066\u2069ש<&", max_size=12),
    st.sampled_from(["", "Title", "-----", "- item", "1. step", "2. step", "7. step", "-", "1.", "---"]),
)


def words(text: str) -> list[str]:
    """Return the words of a text without what only draws: hyphens, rules, numbers of items."""
    drawn = re.sub(r"^(- |[0-9]{1,3}\. |-+$)", "", text, flags=re.MULTILINE)
    return [word for word in drawn.split() if set(word) != {"-"}]


@given(st.lists(lines, max_size=12))
def test_every_word_is_kept_in_its_place(made: list[str]) -> None:
    """Whatever the lines are, and however they are drawn."""
    text = "\n".join(made)
    shown = "\n".join(line for block in of_text(text) for line in block.lines)
    assert words(shown) == words("\n".join(line.rstrip() for line in made))


def test_a_whole_notice_has_its_headings_and_lists() -> None:
    """In each language: nine headings, numbered steps that count from one, no drawn line left."""
    for locale in LOCALES:
        person = Person("Robin Sample", categories=("email", "password"))
        text = RENDERER.render("breach-notice", locale, facts=FACTS, person=person, reference=REFERENCE).text
        blocks = of_text(text)
        assert sum(block.kind == "heading" for block in blocks) == 9
        assert {block.start for block in blocks if block.kind == "steps"} == {1}
        assert not any(set(line) == {"-"} for block in blocks for line in block.lines)


def test_a_banner_has_its_summary_sections_and_steps() -> None:
    """In their order; what a banner lacks is left out."""
    shown = {
        "title": "T",
        "summary": "S",
        "sections": [{"heading": "H", "paragraphs": ["P", "Q"], "steps": ["1", "2"]}, {"paragraphs": ["R"]}],
    }
    assert [(block.kind, block.lines) for block in of_banner(shown)] == [
        ("lines", ("S",)), ("heading", ("H",)), ("lines", ("P",)), ("lines", ("Q",)),
        ("steps", ("1", "2")), ("lines", ("R",)),
    ]  # fmt: skip
    assert list(of_banner({})) == []


def test_a_letter_keeps_what_is_emphasised_in_its_place() -> None:
    """Runs are joined; a key block is its summary, then its text."""
    blocks = [
        {"kind": "key", "summary": ["A"], "text": ["B ", {"keep": "C"}]},
        {"kind": "steps", "items": [[{"strong": "First:"}, " do"], ["then"]]},
        {"kind": "drill", "text": ["D"]},
    ]
    assert [(block.kind, block.lines) for block in of_letter(blocks)] == [
        ("lines", ("A",)), ("lines", ("B C",)), ("steps", ("First: do", "then")), ("lines", ("D",)),
    ]  # fmt: skip
