"""Cells become values: addresses, telephone numbers, places, locales, dates and words."""

from __future__ import annotations

from datetime import date

import pytest

from notifier.customers.faults import FAULTS, Faulty
from notifier.customers.normalise import dates, emails, locales, phones, places, words
from notifier.customers.normalise.cells import clean, folded
from notifier.customers.normalise.rows import read_number


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("A.Person@Mail.Example.COM", "A.Person@mail.example.com"),
        ("info@Bücher.example.com", "info@xn--bcher-kva.example.com"),
        ("SALES@example.com", "sales@example.com"),
        ("mailto:a.person@example.com", "a.person@example.com"),
        ("δοκιμή@example.com", "δοκιμή@example.com"),
    ],
)
def test_an_address_is_kept_as_an_envelope_writes_it(written: str, kept: str) -> None:
    """The domain becomes lower-case ASCII, the local part stays as it is."""
    assert emails.normalise(written) == kept


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("nobody.example.com", "email-at"),
        ("a@@example.com", "email-several"),
        ("a@b@example.com", "email-several"),
        ("a b@example.com", "email-syntax"),
        ("dot.@example.com", "email-syntax"),
        ("a@nodot", "email-domain"),
        ("a@host.invalid", "email-domain"),
        ("a@-bad-.example.com", "email-domain"),
        ("a\r\nBcc: b@example.com", "email-syntax"),
    ],
)
def test_what_is_no_address_is_told_apart(written: str, code: str) -> None:
    """Each kind of bad address has its own code."""
    with pytest.raises(Faulty) as caught:
        emails.email(written)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("First.Last+shop@gmail.com", "firstlast@googlemail.com", True),
        ("a.b@example.com", "ab@example.com", False),
        ("a+shop@outlook.com", "A@outlook.com", True),
        ("a.b@outlook.com", "ab@outlook.com", False),
        ("a+shop@example.com", "a@example.com", False),
        ("A@example.com", "a@EXAMPLE.com", True),
    ],
)
def test_addresses_fold_only_where_their_provider_folds_them(one: str, other: str, same: bool) -> None:
    """Dots and plus tags count unless the provider says that they do not."""
    assert (emails.email(one).folded == emails.email(other).folded) is same


def test_a_cell_may_hold_several_addresses_or_names_in_front() -> None:
    """Separators split addresses; a name before angle brackets is no part of one."""
    assert emails.split("a@example.com; b@example.com") == ["a@example.com", "b@example.com"]
    assert emails.split('"Person, A" <a@example.com>, B <b@example.com>') == [
        "a@example.com",
        "b@example.com",
    ]
    assert emails.split("no address") == ["no address"]


@pytest.mark.parametrize(
    ("written", "country", "kept"),
    [
        ("+1 202-555-0143", "", "+12025550143"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("030 23125 123", "DE", "+493023125123"),
        ("0049 30 23125-123", "DE", "+493023125123"),
        ("+49 (0)30 23125 123", "", "+493023125123"),
        ("07700 900123", "GB", "+447700900123"),
        ("٢٠٢٥٥٥٠١٤٣", "US", "+12025550143"),
    ],
)
def test_a_telephone_number_becomes_e164(written: str, country: str, kept: str) -> None:
    """Whatever the way of writing, the same number is the same text."""
    assert phones.normalise(written, country) == kept


@pytest.mark.parametrize(
    ("written", "country", "code"),
    [
        ("2025550143", "", "phone-region"),
        ("call me", "US", "phone-syntax"),
        ("+1 202", "", "phone-impossible"),
        ("4.9E+11", "DE", "phone-scientific"),
    ],
)
def test_what_is_no_telephone_number_is_told_apart(written: str, country: str, code: str) -> None:
    """Each kind of bad number has its own code."""
    with pytest.raises(Faulty) as caught:
        phones.phone(written, country, [])
    assert caught.value.code == code


def test_a_landline_takes_no_texts() -> None:
    """A fixed line is kept to recognise its owner, on a channel of its own."""
    assert phones.phone("+49 30 23125123", "", []).channel == "voice"
    assert phones.phone("+49 1512 3456789", "", []).channel == "sms"


@pytest.mark.parametrize(
    ("written", "code"),
    [("de", "DE"), ("DEU", "DE"), ("276", "DE"), ("Germany", "DE"), ("Deutschland", "DE"), ("Allemagne", "DE"),
     ("जर्मनी", "DE"), ("ألمانيا", "DE"), ("UK", "GB"), ("Côte d'Ivoire", "CI"), ("U.S.A.", "US")],
)  # fmt: skip
def test_a_country_is_known_by_code_and_by_name(written: str, code: str) -> None:
    """Codes of two and three letters, numbers, and names in several languages."""
    assert places.country(written) == code


def test_a_region_needs_its_country_unless_its_code_names_it() -> None:
    """Names are looked up within the country."""
    assert places.region("Bayern", "DE") == places.region("BY", "DE") == places.region("de-by", "") == "DE-BY"
    with pytest.raises(Faulty, match="region-country"):
        places.region("Bayern", "")
    with pytest.raises(Faulty, match="region-unknown"):
        places.region("Bayern", "FR")


@pytest.mark.parametrize(
    ("written", "tag"),
    [("de_DE.UTF-8", "de-DE"), ("pt-br", "pt-BR"), ("german", "de"), ("Deutsch", "de"), ("हिन्दी", "hi"),
     ("zh-TW", "zh-Hant-TW"), ("de-XX", "de"), ("العربية", "ar")],
)  # fmt: skip
def test_a_locale_is_known_by_tag_and_by_name(written: str, tag: str) -> None:
    """POSIX names, tags in any case and names of languages; an unknown territory is left out."""
    assert locales.locale(written)[0] == tag


def test_what_is_no_locale_or_zone_is_refused() -> None:
    """Unknown ones are faults, known zones are found in any case."""
    assert locales.time_zone("europe/berlin") == "Europe/Berlin"
    with pytest.raises(Faulty, match="locale-unknown"):
        locales.locale("Klingon")
    with pytest.raises(Faulty, match="zone-unknown"):
        locales.time_zone("../../etc/passwd")


def test_a_date_is_never_guessed() -> None:
    """Where day and month could be either, the order must be given."""
    assert dates.day("1980-12-31", "") == dates.day("31.12.1980", "") == dates.day("12/31/1980", "")
    assert dates.day("02/03/1980", "mdy") == date(1980, 2, 3)
    assert dates.day("02/03/1980", "dmy") == date(1980, 3, 2)
    for written, code in (
        ("02/03/1980", "date-order"),
        ("31.02.1980", "date-unknown"),
        ("soon", "date-unknown"),
    ):
        with pytest.raises(Faulty, match=code):
            dates.day(written, "")


def test_words_come_from_closed_lists() -> None:
    """Known words are taken, in order of urgency; an unknown one is told."""
    assert words.data_categories("E-Mail; Passport, PASSWORD") == (
        ("password", "government-id", "email"),
        False,
    )
    assert words.data_categories("email name") == (("email", "name"), False)
    assert words.data_categories("email; shoe size") == (("email",), True)
    assert words.marks("Minor") == (("minor",), False)


@pytest.mark.parametrize(
    ("cell", "code"),
    [("", "number-missing"), ("x" * 65, "number-long"), ("a@example.com", "number-personal"),
     ("1.2E+10", "number-scientific"), ("12\x0034", "number-characters"),
     ("yes", "number-answer"), ("FALSE", "number-answer")],
)  # fmt: skip
def test_a_row_without_a_usable_number_is_refused(cell: str, code: str) -> None:
    """Numbers stand in the clear, so they must be short, printable and not personal."""
    with pytest.raises(Faulty) as caught:
        read_number(cell)
    assert caught.value.code == code
    assert FAULTS[code].refuses


def test_spreadsheet_habits_are_undone() -> None:
    """Apostrophes before formulas and the text formula that keeps zeros are no part of the value."""
    notes: list[str] = []
    assert clean("'+49 30", notes) == "+49 30"
    assert clean('="00123"', notes) == "00123"
    assert clean("'t Hart", notes) == "'t Hart"
    assert clean("e\u0301\u202eabc\x00", notes) == "éabc"
    assert notes == ["cell-control"]


def test_folding_keeps_what_belongs_to_a_word() -> None:
    """Accents and case go, vowel signs of Indic scripts stay."""
    assert folded("Ça, Straße!") == "castrasse"
    assert folded("शर्मा") != folded("शरम")
    assert folded("مُحَمَّد") == folded("محمد")
