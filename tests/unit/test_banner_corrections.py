"""What a banner says to whom it is shown again: the same as the e-mail, before all else."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.channels.banner.content import Content
from notifier.channels.banner.press import BannerPress
from notifier.notices import Person
from notifier.web.pages import LOCALES
from tests.notice_facts import facts
from tests.unit.test_rendering_corrections import told_again

REFERENCE = "0123456789ABCDEF"


def shown(said: dict[str, Any], locale: str, *categories: str) -> Content:
    """Return the banner of a reader."""
    press = BannerPress([])
    return press.content(
        press.order("breach-notice", locale, said), Person("Anna", "person", categories), REFERENCE
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_who_is_not_affected_is_told_nothing_else(locale: str) -> None:
    """No category, no consequence, no summary of what happened: only that it is not them."""
    plain, anew = shown(facts(), locale, "email"), shown(told_again("not-affected"), locale)
    assert anew.title != plain.title
    assert anew.summary != plain.summary
    assert "#1 2 3#" in anew.lines()
    ending = {one.heading for one in plain.sections[-3:]}
    assert {one.heading for one in anew.sections} & {one.heading for one in plain.sections} <= {
        *ending,
        plain.sections[-5].heading,
    }


@pytest.mark.parametrize("kind", ["correction", "update"])
def test_what_was_wrong_stands_first(kind: str) -> None:
    """A correction's own text comes before the facts as they are."""
    anew = shown(told_again(kind), "en", "email")
    assert "#1 2 3#" in anew.sections[0].paragraphs
    assert [one.heading for one in anew.sections[1:]] == [
        one.heading for one in shown(facts(), "en", "email").sections
    ]
