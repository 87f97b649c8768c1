"""Whatever people are called and wherever they live: their letter says so, or is refused, and never obeys."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from notifier.channels.letter import LetterRenderer, Unprintable
from notifier.channels.letter.address import label
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.notices import Person
from notifier.rendering.lines import clean, greeting_name
from tests.letters import DE, FACTS, SENDER, letter, pdf, renderer, squeezed, text, words
from tests.notice_facts import facts

MARKUP = [
    '#import "x.typ": *',
    '#read("/etc/passwd")',
    '#read("../../../pyproject.toml")',
    '#include "letter.typ"',
    "$x^2$ *bold* _it_ `raw`",
    "] #panic() [",
    "#sys.inputs",
    '"}, {"kind": "heading',
    "= Heading",
    "- item\n+ item",
    "<label> ref",
    "// comment",
    "a\\ b ~ c --- d",
    "{{ 7*7 }} {name}",
    "#set page(width: 1mm)",
    "\\u{41}",
    "keep",
]
PARTS = st.one_of(
    st.text(max_size=60), st.sampled_from(MARKUP), st.text("#$*[]{}()\"\\'`<>@=/ \n\u202e\u2067", max_size=30)
)
COUNTRIES = st.sampled_from(
    ["DE", "US", "IN", "SA", "JP", "BR", "GB", "CN", "IE", "", "ZZ", "xx", "1", "DE\n"]
)


@pytest.mark.parametrize("value", MARKUP)
def test_markup_in_a_value_is_printed_as_it_stands(value: str) -> None:
    """In the name, in records and in the author's texts: as letters, never as a command."""
    text_facts = facts()
    text_facts["texts"]["de"]["measures"] = [value]
    person = Person(value, categories=("email",), details={"records": [value], "hints": {"email": value}})
    printed = text(pdf(letter(facts=text_facts, person=person, address=DE))).replace("-", "")
    name = greeting_name(value)
    assert printed.count(squeezed(clean(value)).replace("-", "")) >= 4
    assert squeezed(name).replace("-", "") in printed
    assert "root:" not in printed


@settings(max_examples=120)
@given(PARTS, PARTS, PARTS, PARTS, COUNTRIES, PARTS)
def test_a_label_is_made_of_any_address(street, code, city, region, country, name) -> None:
    """Never an exception; one line stays one line, and what was given is there or a finding says why not."""
    made = label(PostalAddress(street, code, city, region, country), [name], "DE")
    assert all(line == clean(line) for line in made.lines)
    if not made.findings:
        joined = squeezed("".join(made.lines)).casefold()
        assert squeezed(clean(city)).casefold() in joined
        assert all(
            squeezed(clean(part)).casefold() in joined for part in street.splitlines() if "," not in part
        )


@settings(max_examples=40)
@given(name=PARTS, street=PARTS)
def test_a_letter_is_printed_whole_or_refused(name: str, street: str) -> None:
    """No third way: no crash, no letter without the whole name and street."""
    person = Person(name, categories=("email", "password"), details={"records": [name]})
    try:
        content = pdf(letter(person=person, address=PostalAddress(street, "50667", "Köln", "", "DE")))
    except Unprintable:
        return
    first = [word for word in words(content) if word.top < 92]
    assume(all(char.isascii() for char in name + street))
    shown = squeezed("".join(word.text for word in first))
    assert squeezed(greeting_name(name)) in shown


def test_a_template_reads_no_file_outside_its_folder(tmp_path) -> None:
    """An own template may bring a logo; it cannot reach what lies elsewhere, and the error quotes nothing."""
    folder = tmp_path / "templates" / "letter" / "_base"
    folder.mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("0F9A secret")
    for path in ("../../../secret.txt", str(tmp_path / "secret.txt"), "/../../../secret.txt", "/etc/passwd"):
        (folder / "letter.typ").write_text(f'#set document(title: "x")\n#read("{path}")')
        with pytest.raises(BadInput) as refused:
            LetterRenderer(SENDER, [tmp_path / "templates"]).make(letter())
        assert "secret" not in str(refused.value)


def test_a_template_that_would_fetch_a_package_is_refused(tmp_path) -> None:
    """Nothing goes out to a network when letters are made."""
    folder = tmp_path / "letter" / "_base"
    folder.mkdir(parents=True)
    (folder / "letter.typ").write_text('#import "@preview/tiaoma:0.3.0": qrcode')
    with pytest.raises(BadInput, match="package"):
        LetterRenderer(SENDER, [tmp_path]).make(letter())


def test_missing_facts_are_all_named_at_once() -> None:
    """As for an e-mail."""
    with pytest.raises(BadInput) as refused:
        renderer().make(letter(facts={**FACTS, "brand": "", "code": ""}))
    assert "brand" in str(refused.value)
    assert "code" in str(refused.value)
