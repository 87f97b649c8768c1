"""Customers named in what everybody reads, whatever script and shape their names have."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.preflight.naming import SharedNames


def _facts(text: str, locale: str = "en", **facts: Any) -> dict[str, Any]:
    return {"texts": {locale: {"what_happened": [text]}}, **facts}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Maria Schneider", "Maria Schneider's account was used."),
        ("Maria Schneider", "by the account of Maria Schneider"),
        ("Maria Schneider", "Das Konto Maria Schneiders wurde benutzt."),
        ("maria schneider", "the row “SCHNEIDER, MARIA” was copied"),
        ("MARIA LUISE SCHNEIDER", "the account of Maria Schneider"),
        ("Maria Schneider", "the account of Maria L. Schneider"),
        ("Dr. Maria Schneider", "Frau Maria Schneider"),
        ("Maria Schneider-Roth", "Maria Schneider"),
        ("María García López", "Maria Garcia"),
        ("Maria de la Cruz", "the account of Maria de la Cruz"),
        ("Cruz, Maria de la", "the account of Maria Cruz"),
        ("Seán O'Brien", "Seán O\u2019Brien wrote"),
        ("Jose\u0301 Ruiz", "Jos\u00e9 Ruiz"),
        ("Jörg Strauß", "JORG STRAUSS"),
        ("Eva\u200b Roth", "(\u2068Eva\u00a0Roth\u2069)"),
        ("\uff25\uff56\uff41 Roth", "Eva\u00ad Roth"),
        ("Le Van", "the account of Le Van"),
        ("मारिया शर्मा", "मारिया शर्मा के खाते से"),
        ("ज़ोया खान", "ज\u093cोया खान ने लिखा।"),
        ("محمد بن علي", "دخل شخص إلى حساب محمد علي،"),
        ("محمد علي", "والحساب لمُحمّد عليّ؟"),
        ("דנה כהן", "החשבון של דנה כהן."),
        ("王 小明", "王 小明 的账户"),
        ("Ελένη Παπαδοπούλου", "ΕΛΕΝΗ ΠΑΠΑΔΟΠΟΥΛΟΥ"),
    ],
)
def test_a_name_is_found_however_it_is_written(name: str, text: str) -> None:
    """Case, accents, punctuation, order, middle names, titles and invisible marks make no difference."""
    assert SharedNames(_facts(text)).places(name) == {"en what_happened 1"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Maria Schneider", "Maria spoke; a day later came Schneider."),
        ("Hope", "We hope that Hope is found."),
        ("Customer Service", "Ask our customer service."),
        ("De La Van", "the number of the van de la calle"),
        ("M. Schneider", "M. Schneider"),
        ("Will May", "It will may be."),
        ("", "Nobody at all"),
        ("...", "... --- ..."),
        ("12 34", "on 12 34 56"),
        ("😀 😀", "😀"),
        ("Anna Maria Huber", "the account of Anna Schneider"),
        ("आशा", "आशा है कि"),
    ],
)
def test_ordinary_words_are_nobody(name: str, text: str) -> None:
    """Single words, initials, small words and words written small where capitals exist are no names."""
    assert SharedNames(_facts(text)).places(name) == set()


def test_every_text_is_looked_at_and_its_place_told() -> None:
    """Summary, lists, categories and variants, in each language."""
    said = "Eva Roth"
    texts = {
        "en": {"summary": said, "advice": {"*": ["Nothing.", said]}},
        "de": {"variants": {"guardian": {"unknowns": [said]}}},
    }
    places = SharedNames({"texts": texts}).places("eva roth")
    assert places == {"en summary", "en advice * 2", "de guardian unknowns 1"}


@pytest.mark.parametrize(
    "facts",
    [
        {"contact": {"name": "Dr. Ida Holm", "role": "Data Protection Officer"}},
        {"brand": "Ida Holm Ltd"},
        {"names_meant": ["Ida Holm"]},
    ],
)
def test_whom_the_record_names_on_purpose_is_left_out(facts: dict[str, Any]) -> None:
    """The contact, the brand and the names meant may stand there, others beside them may not."""
    shared = SharedNames(_facts("Ask Ida Holm, not Eva Roth.", **facts))
    assert shared.places("Ida Holm") == set()
    assert shared.places("Eva Roth")


def test_facts_without_texts_name_nobody() -> None:
    """Malformed or missing texts are somebody else's finding."""
    assert SharedNames({}).places("Eva Roth") == set()
