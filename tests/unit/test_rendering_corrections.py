"""What people read who are told again: that something was wrong, what is new, or that it is not them."""

import pytest

from notifier.linting import check_variant
from notifier.notices import Person
from notifier.rendering import MissingVariables, Renderer
from tests.notice_facts import LOCALES, REFERENCE, facts
from tests.unit.test_rendering import NOTICE, rendered


@pytest.fixture(scope="module")
def renderer():
    return Renderer()


AGAIN = {"told": {"from": "2026-03-06", "to": "2026-03-06"}, "corrects": "INC-2026-001/1/A1"}


def told_again(kind):
    """Return facts of an announcement that tells people again, with what it says first."""
    made = facts(kind=kind, **AGAIN)
    for texts in made["texts"].values():
        texts["correction"] = ["#1 2 3#"]
    return made


@pytest.mark.parametrize("variant", ["person", "guardian", "next-of-kin", "account"])
@pytest.mark.parametrize("kind", ["correction", "update", "not-affected"])
@pytest.mark.parametrize("locale", LOCALES)
def test_what_is_told_again_says_so_first(renderer, locale, kind, variant):
    """Its own text stands before all else, in good form and with a short subject, in each language."""
    categories = () if kind == "not-affected" else ("email", "name")
    person = Person("Anna Example", variant, categories)
    said = told_again(kind)
    notice = renderer.render(NOTICE, locale, facts=said, person=person, reference=REFERENCE)
    summary = said["texts"][locale]["summary"]
    assert notice.subject not in {rendered(renderer, locale).subject, ""}
    assert len(notice.subject) <= 60
    assert check_variant(notice, locale=locale, hosts=()) == []
    assert (summary in notice.text) is (kind != "not-affected")
    assert notice.text.index("#1 2 3#") < notice.text.find(summary) % len(notice.text)


def test_a_correction_without_its_text_is_missing_something(renderer):
    """A notice that only says that another was wrong helps nobody."""
    with pytest.raises(MissingVariables, match=r"texts\.en\.correction"):
        rendered(renderer, kind="correction", **AGAIN)


def test_who_is_not_affected_needs_no_more_than_the_word(renderer):
    """No data, no consequences, no measures: when they were told, that it is not them, what to do, who answers."""
    text = rendered(renderer, person=Person("A B", "person", ()), kind="not-affected", **AGAIN).text
    assert "We wrote to you about this on March 6, 2026." in text
    assert "none of your information was involved" in text
    assert "You do not have to do anything." in text
    assert text.count("\n---") == 4
