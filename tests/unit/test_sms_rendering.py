"""The text message that goes out: in each language, for each reader, from each operator's folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from notifier.channels.sms import count
from notifier.channels.sms.segments import Encoding
from notifier.errors import BadInput, NotFound
from notifier.rendering import MissingVariables, SmsRenderer

LOCALES = ["ar", "de", "en", "es", "fr", "hi"]
VARIANTS = ["person", "update", "guardian", "next-of-kin", "account"]
REFERENCE = "3F9A02BC77D1E04B"
FACTS = {"brand": "B" * 20, "code": "INC-2026-001", "contact": {"phone": "+44 20 7946 0000"}}
NOTICE = "breach-notice"


def folder(tmp_path: Path, text: str, words: str = "") -> SmsRenderer:
    """Return a renderer with an operator's own English text."""
    home = tmp_path / "sms" / NOTICE / "en"
    home.mkdir(parents=True)
    (home / "text.txt").write_text(text)
    if words:
        (home / "words.toml").write_text(words)
    return SmsRenderer([tmp_path])


def test_the_default_text() -> None:
    """Brand, what it is about, reference, what to do, what we never ask; no link, no name."""
    facts = FACTS | {"brand": "Example Company"}
    assert SmsRenderer().render(NOTICE, "en", facts=facts, reference=REFERENCE) == (
        "Example Company: security notice about your account: 3F9A02BC77D1E04B. Sign in and open Notices, "
        "or call +44 20 7946 0000. We never ask for your password."
    )


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("locale", LOCALES)
def test_a_text_fits(locale: str, variant: str) -> None:
    """One GSM segment with a brand of 20 characters and a number of 16; at most three in other scripts."""
    text = SmsRenderer().render(NOTICE, locale, facts=FACTS, reference=REFERENCE, variant=variant)
    cost = count(text)
    gsm = locale in ("de", "en", "es", "fr")
    assert (cost.encoding is Encoding.GSM_7, cost.segments <= (1 if gsm else 3)) == (gsm, True)
    assert REFERENCE in text
    assert "\n" not in text
    assert not re.search(r"https?:|www\.|\.com", text)


@pytest.mark.parametrize("kind", ["correction", "not-affected"])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_text_that_takes_another_back_fits_too(locale: str, kind: str) -> None:
    """In as many segments, and in words of its own."""
    renderer = SmsRenderer()
    text, first = (
        renderer.render(NOTICE, locale, facts=FACTS | {"kind": one}, reference=REFERENCE)
        for one in (kind, "first")
    )
    assert count(text).segments <= count(first).segments
    assert text != first


@pytest.mark.parametrize("locale", LOCALES)
def test_translations_say_how_far_they_are(locale: str) -> None:
    """Nobody has reviewed one yet, and each has a digest of its own."""
    renderer = SmsRenderer()
    assert renderer.status(NOTICE, locale) == ("original" if locale == "en" else "unreviewed")
    assert len({renderer.digest(NOTICE, one) for one in LOCALES}) == len(LOCALES)
    assert renderer.locales(NOTICE) == LOCALES


def test_each_translation_has_the_sentences_and_places_of_the_original() -> None:
    """A sentence lost in translation would be a hole in a notice."""
    renderer = SmsRenderer()
    places = {}
    for locale in LOCALES:
        renderer.render(NOTICE, locale, facts=FACTS, reference=REFERENCE)
        places[locale] = renderer._words[NOTICE, locale].places()
    assert all(places[locale] == places["en"] for locale in LOCALES)


def test_a_reader_differs_from_the_next_in_the_reference_alone() -> None:
    """The same input gives the same text, whether it is the first or was kept."""
    renderer, fresh = SmsRenderer(), SmsRenderer()
    for reference in (REFERENCE, "0000000000000001", REFERENCE):
        kept = renderer.render(NOTICE, "ar", facts=FACTS, reference=reference)
        assert kept == SmsRenderer().render(NOTICE, "ar", facts=FACTS, reference=reference)
    assert renderer.render(NOTICE, "en", facts=FACTS, reference="A") == fresh.render(
        NOTICE, "en", facts=FACTS, reference="A"
    )


def test_an_update_and_a_drill_say_so() -> None:
    """Whether the announcement is an update, or the reader's variant."""
    renderer = SmsRenderer()
    drill = renderer.render(NOTICE, "en", facts=FACTS | {"drill": True}, reference=REFERENCE)
    assert drill.startswith("DRILL, nothing has happened. BBBB")
    texts = [
        renderer.render(NOTICE, "en", facts=FACTS | {"kind": kind}, reference=REFERENCE, variant=variant)
        for kind, variant in (("update", "person"), ("first", "update"))
    ]
    assert texts[0] == texts[1]
    assert "update to our security notice" in texts[0]


def test_without_a_telephone_number_nobody_is_told_to_call() -> None:
    """It is the one fact that may be missing."""
    text = SmsRenderer().render(NOTICE, "en", facts={"brand": "B"}, reference=REFERENCE)
    assert "Sign in and open Notices. We never" in text


def test_what_is_missing_is_named_all_at_once() -> None:
    """The brand, the reference, an unknown variant, and what a template of the operator's asks for."""
    with pytest.raises(MissingVariables) as missing:
        SmsRenderer().render(NOTICE, "en", facts={}, reference="", variant="nobody")
    assert missing.value.names == ("brand", "reference", "words.nobody")


def test_an_operators_text_goes_before_ours(tmp_path: Path) -> None:
    """With their own words, and in the same sandbox; names of persons are not to be had."""
    renderer = folder(
        tmp_path, '{{ say("all", brand=brand) }}  {{ reference }}\n', 'all = "Hello from {brand}"'
    )
    assert renderer.render(NOTICE, "en", facts=FACTS, reference="R1") == f"Hello from {'B' * 20} R1"
    for attempt, wanted in (
        ("{{ name }}", "name"),
        ("{{ details.x }}", "details.x"),
        ("{{ facts.y }}", "facts.y"),
    ):
        (tmp_path / "sms" / NOTICE / "en" / "text.txt").write_text(attempt)
        with pytest.raises(MissingVariables, match=wanted):
            SmsRenderer([tmp_path]).render(NOTICE, "en", facts=FACTS, reference="R1")


def test_a_text_that_looks_into_the_reference_is_still_right(tmp_path: Path) -> None:
    """It is rendered for each reader anew."""
    renderer = folder(tmp_path, "{{ reference | lower }}{% if reference == 'AB' %}!{% endif %}")
    texts = [renderer.render(NOTICE, "en", facts=FACTS, reference=one) for one in ("AB", "CD", "AB")]
    assert texts == ["ab!", "cd", "ab!"]


@pytest.mark.parametrize("text", ["{{ brand.__class__ }}", "{% for x in %}", "{% include '../../secret' %}"])
def test_a_hostile_or_broken_text_is_refused(tmp_path: Path, text: str) -> None:
    """As bad input, with no way out of the sandbox."""
    with pytest.raises(BadInput):
        folder(tmp_path, text).render(NOTICE, "en", facts=FACTS, reference="R1")


def test_a_hostile_brand_stays_one_line() -> None:
    """Line ends and marks of direction are taken out or closed."""
    facts = FACTS | {"brand": "A\r\nB\u202e\x00C"}
    assert SmsRenderer().render(NOTICE, "en", facts=facts, reference="R").startswith("A B C: security")


def test_the_nearest_language_is_chosen() -> None:
    """As for e-mail; an unknown notice or language is refused."""
    renderer = SmsRenderer()
    assert renderer.choose_locale(NOTICE, "hi-IN", ["en", "hi"], "en") == "hi"
    with pytest.raises(NotFound):
        renderer.locales("no-such-notice")
    with pytest.raises(BadInput, match="is not written in 'pt'"):
        renderer.render(NOTICE, "pt", facts=FACTS, reference="R")
