"""The banner of an announcement: the e-mail's facts in plain parts, and what is wrong with one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from notifier.channels.banner import content
from notifier.channels.banner.notices import Severity
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.linting import blocks
from notifier.notices import Person
from notifier.preflight.banners import Banners, banner_objections
from notifier.preflight.making import Recipe
from notifier.rendering import Renderer
from notifier.settings import EmailSettings
from tests.notice_facts import LOCALES, REFERENCE, facts

VARIANTS = ("person", "guardian", "next-of-kin", "account", "update")
_MARKS = re.compile("[\u2066-\u2069]|^(?:[•-]|[0-9]+\\.) |^-+$")


def recipe(**changes: Any) -> Recipe:
    """Return what an announcement's notices are made from."""
    made = Recipe(
        code="INC-2026-001/1", notice="breach-notice", drill=False, facts=facts(), default_locale="en",
        hosts=frozenset({"example.com"}), addresses=frozenset({"privacy@example.com"}), keys=Keys.generate(),
        email=EmailSettings(), folders=(), notices_url="https://notices.example.com",
    )  # fmt: skip
    return replace(made, **changes)


def _said(lines: list[str]) -> set[str]:
    return {" ".join(_MARKS.sub("", line).split()) for line in lines} - {""}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_banner_says_what_the_e_mail_says(locale: str, variant: str) -> None:
    """In every language and to every kind of reader, no fact of the text part is missing; only the greeting,
    the brand's line and the page's own invitation are the e-mail's alone.
    """
    person = Person("Robin Sample", variant, ("email", "password"), ("phone",), {"records": ["Order 1"]})
    made = Banners(recipe(notices_url="")).shown(locale, person, REFERENCE)
    mail = Renderer().render("breach-notice", locale, facts=facts(), person=person, reference=REFERENCE)
    missing = _said(mail.text.split("\n")) - _said(made.lines())
    words = Renderer().words("breach-notice", locale).plain
    greeted = {words["greeting_nameless"], words["greeting"].replace("{name}", "Robin Sample")}
    assert {one for one in missing if one not in greeted} <= {"Example Company"}
    assert content.read(made.encoded()) == made


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("drill", [False, True])
def test_the_banner_that_ships_has_nothing_wrong(locale: str, drill: bool) -> None:
    """For every kind of reader; a drill's title begins with its mark."""
    made = recipe(drill=drill)
    for variant in VARIANTS:
        found = banner_objections(made, locale, variant, "email password health", "phone")
        assert [one for one in found if blocks(one) or one.code == "shouting"] == []
    title = Banners(made).invented(locale, "person").title
    assert title.startswith("(") is drill


def test_a_summary_that_names_health_stands_in_the_text_only() -> None:
    """Whoever looks over the reader's shoulder learns when it happened, not what of theirs is out."""
    said = "Somebody copied Health information of yours."
    text = facts()["texts"]["en"] | {"summary": said}
    made = Banners(recipe(facts=facts(texts={"en": text}))).invented("en", "person", "health")
    assert "ealth" not in made.title + made.summary
    assert made.summary.startswith("It happened between")
    assert said in made.sections[0].paragraphs


@pytest.mark.parametrize(
    ("changes", "severity"),
    [({}, "critical"), ({"effective_at": "2026-05-01"}, "info"), ({"severity": "important"}, "important")],
)
def test_a_breach_is_critical_and_a_change_with_its_day_is_news(
    changes: dict[str, str], severity: Severity
) -> None:
    """Unless the facts say otherwise; the day begins at midnight where the organisation is."""
    made = Banners(recipe(facts=facts(**changes))).invented("en", "person")
    assert made.severity == severity
    if "effective_at" in changes:
        assert b'"effective_at":"2026-04-30T18:30:00+00:00"' in made.encoded()


def test_a_banner_that_cannot_be_shown_is_an_objection(tmp_path: Path) -> None:
    """A place that was left open, a link elsewhere, a foreign address; a severity nobody knows cannot be made."""
    text = facts()["texts"]["en"] | {"measures": ["See https://elsewhere.test, [NAME] or a@elsewhere.test."]}
    made = recipe(facts=facts(texts={"en": text}), folders=(tmp_path,))
    codes = {one.code for one in banner_objections(made, "en", "person")}
    assert {"leftover-token", "link-host", "foreign-address"} <= codes
    with pytest.raises(BadInput, match="severity"):
        banner_objections(recipe(facts=facts(severity="loud")), "en", "person")
