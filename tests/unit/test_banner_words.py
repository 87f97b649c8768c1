"""The banner's words: all of them in each language, and marked as drafts until a speaker has read them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from notifier.rendering.folders import shipped
from notifier.settings import Organisation
from notifier.web.banner.words import NAMES, Speech
from notifier.web.pages import LOCALES

PLACES = {"region": {"{brand}"}, "of": {"{n}", "{total}"}, "effective": {"{date}"}}


def _folder(locale: str) -> Path:
    return shipped()[0] / "banner" / locale


@pytest.mark.parametrize("locale", LOCALES)
def test_each_language_says_everything(locale: str) -> None:
    """No word is missing or empty, and each has exactly the places that are filled in."""
    said = tomllib.loads((_folder(locale) / "words.toml").read_text())
    assert sorted(said) == sorted(NAMES)
    for name, words in said.items():
        assert words.strip()
        assert {part for part in ("{brand}", "{n}", "{total}", "{date}") if part in words} == PLACES.get(
            name, set()
        )


@pytest.mark.parametrize("locale", LOCALES)
def test_a_translation_says_how_far_it_is(locale: str) -> None:
    """English is the original."""
    status = tomllib.loads((_folder(locale) / "status.toml").read_text())["status"]
    assert (status == "original") is (locale == "en")
    assert status in ("original", "unreviewed", "reviewed")


@pytest.mark.parametrize(
    ("lang", "accepted", "wanted"),
    [
        ("de-AT", "fr", "de-AT"),
        ("", "xx, fr;q=0.5", "fr"),
        ("", "pt-BR", "pt-BR"),
        ("", "", "es"),
        ("<script>", "*;q=x,,", "es"),
        ("x" * 900, "y" * 900, "es"),
    ],
)
def test_the_reader_s_language_is_found(lang: str, accepted: str, wanted: str) -> None:
    """As asked for, else the first preference that is spoken, else the default; nonsense is no language."""
    speech = Speech(Organisation(default_locale="es"), drill=False)
    assert speech.wanted(lang, accepted) == wanted
    assert speech.words(wanted).locale in LOCALES
