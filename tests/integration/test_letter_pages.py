"""A letter as it comes from the press: opened with PDF libraries, measured, read."""

from __future__ import annotations

import contextlib
import io
import re
from collections import defaultdict

import pypdf
import pypdfium2
import pytest
import zxingcpp

from notifier.channels.letter import EnvelopeForm, LetterRenderer
from notifier.channels.letter.forms import FORMS, form_for
from notifier.customers.values import PostalAddress
from notifier.notices import Person, grouped
from notifier.rendering import Renderer
from notifier.rendering.readers import as_read
from tests.letters import (
    ADDRESSES,
    DE,
    FACTS,
    SENDER,
    US,
    VARIANTS,
    letter,
    pdf,
    renderer,
    squeezed,
    tags,
    text,
    words,
)
from tests.notice_facts import LOCALES, REFERENCE, facts

EMAIL = Renderer()
_PLAIN_WORD = "(?<![\u0620-\u065f])[\u0620-\u064a]{3,}(?![\u0620-\u065f])"
OTHERWISE = ("check_never",)
"""What a letter says in other words than the e-mail."""


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("locale", LOCALES)
def test_a_letter_says_all_that_the_email_says(locale: str, variant: str) -> None:
    """Every line of the e-mail's text stands in the letter, for every kind of reader and language."""
    wanted = letter(locale, variant)
    rendered = EMAIL.render("breach-notice", locale, facts=FACTS, person=wanted.person, reference=REFERENCE)
    own = {squeezed(EMAIL.words("breach-notice", locale).plain[key]) for key in OTHERWISE}
    printed = text(pdf(wanted))
    lines = {line.lstrip("-123. ") for line in rendered.text.splitlines() if line.strip("- ")}
    pieces = {piece for line in lines if squeezed(line) not in own for piece in _readable(line, locale)}
    assert len(pieces) > 30
    bare = printed.replace("-", "")
    assert [piece for piece in pieces if piece not in bare] == []


def _readable(line: str, locale: str) -> list[str]:
    """Return what a PDF reader gives back of a line: all of it, or in Arabic the words alone, for it turns
    round what stands between them and takes the ligature of lam and alif apart in another order.
    """
    if locale != "ar":
        return [squeezed(line).replace("-", "")]  # One at the end of a line is taken for a syllable's.
    return [word for word in re.findall(_PLAIN_WORD, line) if not re.search("ل[اأإآ]", word)]


@pytest.mark.parametrize("locale", LOCALES)
def test_the_document_is_tagged_and_says_its_language_and_title(locale: str) -> None:
    """PDF/UA-1, a title that is shown, headings in order, lists, and words for the square code."""
    content = pdf(letter(locale))
    reader = pypdf.PdfReader(io.BytesIO(content))
    root = reader.trailer["/Root"]
    assert root["/Lang"] == locale
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata["/Title"].startswith("Example Company")
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    found = list(tags(content))
    kinds = [kind for kind, _ in found]
    assert kinds.count("/H1") == 1
    assert kinds.count("/H2") == 9
    assert kinds.index("/H1") < kinds.index("/H2")
    assert {"/L", "/LI", "/LBody", "/P", "/Figure"} <= set(kinds)
    (figure,) = [node for kind, node in found if kind == "/Figure"]
    assert squeezed(grouped(REFERENCE)) in squeezed(figure["/Alt"])


@pytest.mark.parametrize("locale", LOCALES)
def test_every_font_is_embedded_subset_and_readable_again(locale: str) -> None:
    """No font of the printing machine is needed, and text can be copied out."""
    fonts = {}
    for page in pypdf.PdfReader(io.BytesIO(pdf(letter(locale)))).pages:
        for entry in page["/Resources"]["/Font"].values():
            font = entry.get_object()
            below = font["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            fonts[str(font["/BaseFont"])] = "/FontFile2" in below and "/ToUnicode" in font
    assert all(fonts.values())
    assert all(name[7:8] == "+" and "Noto" in name for name in fonts)
    scripts = {"hi": "NotoSansDevanagari", "ar": "NotoNaskhArabic"}
    assert any(scripts.get(locale, "NotoSans-") in name for name in fonts)


@pytest.mark.parametrize("large", [False, True])
def test_pages_are_numbered_with_their_count(large: bool) -> None:
    """Each page says which of how many it is, and which letter it belongs to."""
    content = pdf(letter(large_print=large))
    count = renderer().make(letter(large_print=large)).pages
    assert len(pypdf.PdfReader(io.BytesIO(content)).pages) == count
    for page in range(count):
        foot = " ".join(word.text for word in words(content, page) if word.top > 275)
        assert foot == f"{grouped(REFERENCE)} {page + 1} / {count}"


@pytest.mark.parametrize(("address", "form"), [(DE, "din-5008-b"), (US, "us-10")])
def test_the_address_stands_in_the_window(address, form) -> None:
    """Its lines lie where they show however the sheet slides, from the very corner of that area."""
    geometry = FORMS[EnvelopeForm(form)]
    area = geometry.address
    content = pdf(letter("de", address=address))
    lines = [word for word in words(content) if area.top - 1 < word.top < area.top + area.height]
    assert min(word.left for word in lines) == pytest.approx(area.left, abs=0.5)
    assert max(word.right for word in lines) <= area.left + area.width
    assert min(word.top for word in lines) == pytest.approx(area.top, abs=1)
    assert max(word.bottom for word in lines) <= area.top + area.height + 0.5
    assert "Muster" in {word.text for word in lines}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_but_the_addresses_shows_in_the_window(locale: str, variant: str, large: bool) -> None:
    """Neither reference nor any word of the notice stands where the window can ever be."""
    wanted = letter(locale, variant, large_print=large)
    form = renderer().make(wanted).form
    seen, address = FORMS[form].seen, FORMS[form].address
    inside = [
        word
        for word in words(pdf(wanted))
        if word.right > seen.left and word.left < seen.left + seen.width
        and word.bottom > seen.top and word.top < seen.top + seen.height
    ]  # fmt: skip
    assert inside
    allowed = FORMS[form].return_line or address
    for word in inside:
        assert word.bottom <= address.top + address.height + 1
        assert word.top >= allowed.top - 1
        assert word.size <= 10.01


def test_a_long_line_of_an_address_goes_on_in_the_next() -> None:
    """Names of forty letters exist; the whole of one shows in the window."""
    name = "Dr. Maximiliane-Theodora Musterfrau-Beispielmann"
    content = pdf(letter(person=Person(name, categories=("email",))))
    area = FORMS[EnvelopeForm.DIN_5008_B].address
    shown = [word for word in words(content) if area.top - 1 < word.top < area.top + area.height]
    assert squeezed("".join(word.text for word in shown)).startswith(squeezed(name))
    assert max(word.right for word in shown) <= area.left + area.width


def test_a_letter_abroad_names_the_country_and_one_at_home_does_not() -> None:
    """The post needs the country on the other side of a border only."""
    home, abroad = text(pdf(letter())), text(pdf(letter("fr")))
    assert "GERMANY" not in home
    assert "75001PARISFRANCE" in abroad


def test_large_print_is_eighteen_points() -> None:
    """All of the text is, and a reader of ordinary print is told that they can ask for it."""
    ordinary, large = (pdf(letter(large_print=large)) for large in (False, True))
    body = [word.size for word in words(large) if word.top > 100 and word.top < 275]
    assert min(body) == pytest.approx(18)
    offer = squeezed("Möchten Sie diesen Brief in großer Schrift?")
    assert offer in text(ordinary)
    assert offer not in text(large)


def test_a_drill_says_so_first_and_last() -> None:
    """Nobody who finds a drill's letter can take it for real."""
    printed = text(pdf(letter(facts=facts(drill=True))))
    assert printed.count("ÜBUNG.DiesisteineÜbung") == 2


@pytest.mark.parametrize(("variant", "line"), [
    ("guardian", "An die Erziehungsberechtigten von Mia Muster"), ("next-of-kin", "An die Angehörigen von Mia Muster"),
])  # fmt: skip
def test_an_unnamed_reader_is_addressed_by_what_they_are(variant: str, line: str) -> None:
    """A letter about a child or somebody who died goes to those who care for them, not to them."""
    person = Person("Mia Muster", variant, ("email",))
    printed = text(pdf(letter(person=person)))
    assert squeezed(line) in printed
    assert squeezed("Guten Tag Mia Muster") not in printed
    assert as_read(person).name == ""


def test_an_account_is_written_to_with_the_name_of_the_organisation() -> None:
    """The contact's name stands first, the organisation's below it."""
    assert squeezed("Mia Muster Example Club Musterstraße 12") in text(pdf(letter("de", "account")))


def test_the_same_letter_has_the_same_bytes() -> None:
    """Made twice, by two renderers."""
    again = LetterRenderer(SENDER)
    assert all(pdf(letter(locale)) == again.make(letter(locale)).pdf for locale in LOCALES)


def test_the_form_follows_the_country() -> None:
    """North America has its own paper and envelope."""
    assert [form_for(code) for code in ("US", "CA", "PR")] == [EnvelopeForm.US_10] * 3
    assert {form_for(ADDRESSES[locale].country) for locale in LOCALES} == set(EnvelopeForm)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("locale", LOCALES)
def test_a_camera_reads_the_address_and_the_reference_and_nothing_else(locale: str, large: bool) -> None:
    """Two lines of text: no link that opens by itself, no token, no name."""
    document = pypdfium2.PdfDocument(pdf(letter(locale, large_print=large)))
    found = [code for page in document for code in zxingcpp.read_barcodes(page.render(scale=2).to_pil())]
    document.close()
    assert [code.text for code in found] == [f"notices.example.com/check\n{grouped(REFERENCE)}"]


@pytest.mark.parametrize("address", [US, DE], ids=["on the letterhead", "in the window"])
def test_an_address_reads_the_same_in_every_language(address: PostalAddress) -> None:
    """The sender's number stays before their street in a letter that reads from right to left."""
    with contextlib.closing(pypdfium2.PdfDocument(pdf(letter("ar", address=address)))) as document:
        assert any("1 Example Road" in line for line in _as_seen(document[0].get_textpage()))


def _as_seen(page: pypdfium2.PdfTextPage) -> list[str]:
    """Return the lines of a page with their characters from left to right."""
    lines: defaultdict[int, list[tuple[float, str]]] = defaultdict(list)
    for place in range(page.count_chars()):
        left, bottom, _, _ = page.get_charbox(place, loose=True)
        lines[round(bottom)].append((left, page.get_text_range(place, 1)))
    return ["".join(char for _, char in sorted(line)) for line in lines.values()]
