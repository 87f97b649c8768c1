"""Linting: the form and the language of a notice."""

from dataclasses import replace

import pytest

from notifier.categories import SENSITIVE
from notifier.linting import blocks, check_html, check_text, check_variant
from notifier.linting.colours import contrast
from notifier.linting.language import check_language, grade_of
from notifier.notices import Person
from notifier.rendering import Renderer
from tests.notice_facts import LOCALES, REFERENCE, facts

HOSTS = ("example.com",)
RENDERER = Renderer()
VARIANTS = ("person", "guardian", "next-of-kin", "account", "update")


LINK = "https://notices.example.com/notices/0f9a02bc77d1e04b-abcdefgh234567ij"


def notice(locale="en", variant="person", link="", **changes):
    new = ("health",) if variant == "update" else ()
    details = {"subject": "Mia Example", "records": ["R-1"]} if variant == "account" else {}
    person = Person("Robin Sample", variant, ("email", "password", "name"), new, details)
    return RENDERER.render(
        "breach-notice", locale, facts=facts(**changes), person=person, reference=REFERENCE, link=link
    )


def codes(found):
    return {one.code for one in found}


@pytest.mark.parametrize("link", ["", LINK])
@pytest.mark.parametrize("drill", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("locale", LOCALES)
def test_what_we_ship_passes(locale, variant, drill, link):
    """No language and no variant has a finding of any kind."""
    words = RENDERER.words("breach-notice", locale)
    found = check_variant(
        notice(locale, variant, link, drill=drill),
        locale=locale,
        hosts=HOSTS,
        sensitive=[words.labels[code] for code in SENSITIVE],
        drill_mark=words.plain["drill_mark"] if drill else "",
    )
    assert found == []


def test_the_english_text_is_easy_to_read():
    """A Flesch-Kincaid grade of at most eight, in each variant."""
    assert max(grade_of(notice(variant=variant).text) for variant in VARIANTS) <= 8


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ('<html lang="en" dir="ltr">', "<html>", "html-lang"),
        ('role="presentation" class="page"', 'class="page"', "table-role"),
        ("<h1 ", "<h3 ", "one-h1"),
        ("<h2 ", "<h4 ", "heading-order"),
        ("color:#1d2330", "color:#bbbbbb", "contrast"),
        ("color: #e9ecf1", "color: #333333", "contrast-dark"),
        ("font-size:17px", "font-size:11px", "font-small"),
        ("<p>", '<p><img src="https://example.com/a.gif" width="1">', "tracking-pixel"),
        ("<p>", '<p><img src="https://example.com/a.gif">', "img-alt"),
        ("<p>", '<p style="background:url(//a.example)">', "remote-resource"),
        ("<style>", "<style>@import 'a.css';", "remote-resource"),
        ("<p>", "<p><form></form>", "active-content"),
        ("<p>", "<p><script>1</script>", "active-content"),
        ("<p>", '<p onclick="x()">', "active-content"),
        ("<p>", '<p style="display:none">', "hidden-text"),
        ("<p>", "<p><b>", "html-nesting"),
        ("<p>", '<p><a href="http://example.com/">a</a>', "link-scheme"),
        ("<p>", '<p><a href="https://example.org/">a</a>', "link-host"),
        ("<p>", '<p><a href="https://evil@example.org/">a</a>', "link-host"),
        ("<p>", '<p><a href="https://notexample.com/">a</a>', "link-host"),
        ("<p>", '<p><a href="https://example.com/x">example.com/y</a>', "link-differs"),
        ("<p>", '<p><a href="https://example.com/x"></a>', "link-empty"),
        ("<p>", "<p><!-- note to self -->", "html-comment"),
        ("<title>Notice of Data Breach</title>", "<title></title>", "html-title"),
        ("</body>", "x" * 100_000 + "</body>", "html-large"),
    ],
)
def test_bad_form_is_found(before, after, code):
    """Each broken promise of the layout has its finding."""
    broken = notice().html.replace(before, after, 1)
    assert code in codes(check_html(broken, HOSTS))


def test_a_good_link_passes():
    """A link to a listed host that shows where it leads has no finding."""
    linked = notice().html.replace(
        "<p>", '<p><a href="https://www.example.com/x" style="color:#14213d">www.example.com/x</a>', 1
    )
    assert codes(check_html(linked, HOSTS)) <= {"contrast-dark"}


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("URGENT: act now", "subject-alarm"),
        ("Notice of Data Breach!", "subject-alarm"),
        ("Example Company: Information about health was copied", "subject-sensitive"),
        ("x" * 61, "subject-long"),
        ("", "subject-empty"),
    ],
)
def test_a_subject_neither_alarms_nor_tells(subject, code):
    """What stands in a subject is read by others too."""
    found = check_text(
        replace(notice(), subject=subject), locale="en", sensitive=["Information about health"]
    )
    assert code in codes(found)


def test_text_and_html_must_say_the_same():
    """A sentence that only one part has is found, and so is a missing heading."""
    made = notice()
    shorter = replace(made, text=made.text.replace("What We Are Doing\n-----------------\n", ""))
    assert {"parts-differ", "sections-differ"} <= codes(check_text(shorter, locale="en"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Your data may have been involved in this.", "hedge"),
        ("There is no evidence of misuse of your data.", "absence-of-evidence"),
        ("We take the safety of your data very seriously.", "jargon-comfort"),
        ("Out of an abundance of caution we write to you.", "jargon-comfort"),
        ("Here is a discount on your next order with us.", "advertising"),
        ("By continuing you agree to our new terms.", "waiver"),
        ("Change your password now, please do it!", "shouting"),
        ("We " + "walk and " * 20 + "talk about it.", "long-sentence"),
        ("Notwithstanding organisational considerations, unauthorised individuals acquired information.",
         "unreadable-level"),
        ("This is one short line of text. " * 90, "long-body"),
    ],
)  # fmt: skip
def test_bad_language_is_found(text, code):
    """Each habit of bad notices has its finding."""
    assert code in codes(check_language(text))


def test_advice_does_not_block():
    """Warnings advise; what misleads blocks."""
    found = {
        one.code: blocks(one) for one in check_language("We take it seriously. Your data may be exposed.")
    }
    assert found["hedge"] is True
    assert found["jargon-comfort"] is False


def test_contrast_is_that_of_the_standard():
    """Black on white is 21 to 1; an unknown colour has none."""
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("var(--ink)", "#ffffff") is None


def test_an_incident_code_does_not_shout() -> None:
    """The code of a drill stands in every notice of it; a word in capitals is still found."""
    said = "The incident has the number DRILL-2026-001 and nobody is alarmed by it."
    assert "shouting" not in {one.code for one in check_language(said)}
    assert "shouting" in {one.code for one in check_language(f"{said} URGENT news is here for you.")}
