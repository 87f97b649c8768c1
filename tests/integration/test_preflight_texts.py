"""Text messages at preflight: each made for an invented reference, checked, and bound by a digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from notifier.errors import BadInput
from notifier.linting import blocks
from notifier.preflight.texts import INVENTED_REFERENCE, SmsTexts, check_texts, sms_texts_digest
from notifier.rendering import MissingVariables
from notifier.settings import DltTemplateSettings
from tests.notice_facts import facts
from tests.sms import sender, settings

NOTICE = "breach-notice"
VARIANTS = ["person", "update", "guardian", "next-of-kin", "account"]
LOCALES = ["ar", "de", "en", "es", "fr", "hi"]
GOOD = "{{ brand }}: security notice: {{ reference }}. Sign in and open Notices."


def made(*folders: Path, drill: bool = False, changes: dict[str, Any] | None = None, **set_: Any) -> SmsTexts:
    """Return the texts of an announcement."""
    said = {**facts(), "drill": drill, **(changes or {})}
    return SmsTexts(settings(**set_), folders, said, notice=NOTICE)


def written(folder: Path, text: str) -> Path:
    """Write an operator's own English text; returns the folder of the templates."""
    home = folder / "sms" / NOTICE / "en"
    home.mkdir(parents=True, exist_ok=True)
    (home / "text.txt").write_text(text)
    return folder


def codes(texts: SmsTexts, *cohorts: tuple[str, str], countries: tuple[str, ...] = ("DE",)) -> list[str]:
    """Return the codes of what is found."""
    found = check_texts(texts, cohorts or [("en", "person")], countries, default_locale="en")
    return [one.code for _, one in found]


@pytest.mark.parametrize("drill", [False, True])
def test_the_shipped_texts_stand_in_nobodys_way(drill: bool) -> None:
    """In each language and variant; what costs more than a segment is said, and nothing else."""
    cohorts = [(locale, variant) for locale in LOCALES for variant in VARIANTS]
    found = check_texts(made(drill=drill), cohorts, ["DE"], default_locale="en")
    assert [(where, one) for where, one in found if blocks(one)] == []
    assert {one.code for _, one in found} == {"text-segments"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, []),
        ("Security notice of {{ brand }}: {{ reference }}.", ["text-brand"]),
        ("{{ brand }}: security notice.", ["text-reference"]),
        (GOOD + " See https://example.com/n", ["text-link"]),
        (GOOD + " See notices.example.com", ["text-link"]),
        (GOOD + " Write to help@example.com", ["text-link", "foreign-address"]),
        (GOOD + " This is an emergency.", ["text-alarm"]),
        (GOOD + " Act now", ["text-alarm"]),
        (GOOD + " Thanks!", ["text-alarm"]),
        (GOOD + " It is about Tax number and more", ["text-sensitive"]),
        (GOOD + " Dear None", ["leftover-token"]),
        (GOOD + " We\u2019re sorry", ["text-segments", "text-alphabet"]),
        (GOOD + " word" * 30, ["text-segments"]),
        (GOOD + " word" * 60, ["text-too-long"]),
        (GOOD + " We\u2019re sorry" * 6, ["text-too-long", "text-alphabet"]),
        (GOOD + "{{ no_such }}", ["missing-variables"]),
        (GOOD + "{% include 'other.txt' %}", ["text-template"]),
    ],
)
def test_what_is_wrong_with_a_text_is_found(tmp_path: Path, text: str, expected: list[str]) -> None:
    """By its code, before anybody can approve it."""
    assert codes(made(written(tmp_path, text))) == expected


def test_the_characters_that_make_it_dearer_are_named(tmp_path: Path) -> None:
    """And what it would cost without them; nothing else of the text is quoted."""
    found = check_texts(
        made(written(tmp_path, GOOD + " We\u2019re sorry")), [("en", "person")], [], default_locale="en"
    )
    where, one = found[-1]
    assert where == "en, person, as a text message"
    assert "right single quotation mark" in one.detail
    assert "it would be 1 segment" in one.detail


def test_a_drill_without_its_mark_is_found(tmp_path: Path) -> None:
    """Nobody may take one for the real thing."""
    assert codes(made(written(tmp_path, GOOD), drill=True)) == ["drill-mark"]


def test_every_language_of_the_audience_has_a_text() -> None:
    """One without gets the default one, which is said; without that too, it cannot go."""
    assert codes(made(), ("pt-BR", "person"), ("de-AT", "person"), ("", "person")) == ["text-other-language"]
    none = made(changes={"texts": {"hi": facts()["texts"]["en"]}})
    assert codes(none, ("de", "person")) == ["no-language"]
    with pytest.raises(BadInput):
        none.locale("de", "en")


def test_every_country_of_the_audience_has_a_sender() -> None:
    """Where there is none, its readers are reached in another way: that advises, and stops nobody else."""
    texts = made()
    texts.settings = settings(sender("+447700900000", "GB"))
    found = check_texts(texts, [("en", "person")], ["GB", "FR", "DE", ""], default_locale="en")
    assert [(where, one.code) for where, one in found] == [
        ("numbers of no country", "no-sender"),
        ("DE", "no-sender"),
        ("FR", "no-sender"),
    ]
    assert not any(blocks(one) for _, one in found)
    assert codes(made(), countries=("GB", "FR")) == []


def test_what_is_registered_for_india_is_compared() -> None:
    """For the languages that have a registered text; without one, a language of India's is told."""
    text = made().make("en", "person", INVENTED_REFERENCE).decode()
    known = DltTemplateSettings(
        locale="en",
        header="EXMPLE",
        template_id="1" * 19,
        text=text.replace(INVENTED_REFERENCE, "{#alphanumeric#}"),
    )
    other = known.model_copy(update={"text": "Something else."})
    assert codes(made(dlt=(known,)), countries=("IN",)) == []
    assert codes(made(dlt=(other, known)), countries=("IN",)) == []
    assert codes(made(dlt=(other,)), countries=("DE",)) == ["dlt-differs"]
    assert "dlt-missing" in codes(made(), ("en", "person"), countries=("IN",))
    assert "dlt-missing" not in codes(made(), ("de", "person"), countries=("IN",))


def test_what_is_registered_for_the_us_is_compared() -> None:
    """In English, where there are readers in the US or a sample is set."""
    text = made().make("en", "person", INVENTED_REFERENCE).decode()
    sample = text.replace(INVENTED_REFERENCE, "[reference]")
    assert codes(made(us_samples=(sample,)), countries=("US",)) == []
    assert codes(made(us_samples=("Hello [name]",))) == ["us-sample-differs"]
    assert codes(made(), countries=("US",)) == ["us-no-sample"]


def test_a_text_is_the_same_each_time_and_differs_in_the_reference_alone() -> None:
    """What is approved is what goes out; a missing fact is named."""
    texts = made()
    first = texts.make("fr", "guardian", "3F9A02BC77D1E04B")
    assert first == made().make("fr", "guardian", "3F9A02BC77D1E04B")
    assert first.replace(b"3F9A02BC77D1E04B", b"A" * 16) == texts.make("fr", "guardian", "A" * 16)
    with pytest.raises(MissingVariables):
        made(changes={"brand": ""}).make("en", "person", "A")


def test_the_digest_covers_the_files_and_the_languages(tmp_path: Path) -> None:
    """A changed text, or one more language, is another digest; the order of the languages is none."""
    shipped = sms_texts_digest(made(), ["en", "de"])
    assert shipped == sms_texts_digest(made(drill=True), ["de", "en", "en"])
    assert shipped != sms_texts_digest(made(), ["en"])
    assert shipped != sms_texts_digest(made(written(tmp_path, GOOD)), ["en", "de"])
