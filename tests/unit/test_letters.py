"""What is kept of a letter, whose address and wish count, and what invented readers would find."""

from __future__ import annotations

from typing import Any

import pytest

from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.letters.checking import check_letters
from notifier.letters.content import Kept
from notifier.letters.making import LetterMaker
from notifier.letters.pages import pages_digest, saying
from notifier.letters.wishes import large_print
from notifier.notices import Person
from notifier.preflight.making import Recipe
from notifier.preflight.readers import Member, Reader, SetAsideError
from notifier.settings import EmailSettings, LetterSettings
from tests.audiences import FACTS
from tests.letters import DE

SENDER = LetterSettings(sender_name="Example Company", sender_street="1 Example Road", sender_city="Köln")
HOME = {"street": "Weg 1", "postal_code": "50667", "city": "Köln", "country": "DE"}
REFERENCE = "0123456789ABCDEF"


def recipe(**changes: Any) -> Recipe:
    """Return what an announcement's notices are made from."""
    fields: dict[str, Any] = {
        "code": "INC-1/1/A1", "notice": "breach-notice", "drill": False, "facts": FACTS, "default_locale": "en",
        "hosts": frozenset(), "addresses": frozenset(), "keys": Keys.generate(), "email": EmailSettings(),
        "folders": (), "letter": SENDER,
    }  # fmt: skip
    return Recipe(**{**fields, **changes})


def reader(variant: str = "person", attributes: Any = None, **holder: Any) -> Reader:
    """Return somebody to be written to; ``holder`` is whoever has the contact point."""
    keys = Keys.generate()
    subject, wrapped = keys.new_subject("0" * 32)
    member = Member(
        1, variant, "en", " email ", "", None, "p", b"", wrapped, None, usable=True, holder="h",
        holder_wrapped=wrapped, own=(), holder_attributes=attributes or {},
    )  # fmt: skip
    details = {"reader": "Ida Example"} if variant in ("guardian", "next-of-kin") else {}
    return Reader(member, subject, "Mia Muster", "", "en", details, {"address": HOME, **holder})


def test_what_is_kept_is_read_back() -> None:
    """All that the pages depend on, and canonical: the same letter has the same bytes."""
    kept = Kept(
        "hi", Person("आशा", "account", ("email",), ("iban",), {"records": ["R-1"], "count": 2}), DE, True
    )
    assert Kept.read(kept.as_bytes()) == kept
    assert Kept.read(kept.as_bytes()).as_bytes() == kept.as_bytes()
    for broken in (b"", b"{}", b"[]", b"\xff", kept.as_bytes()[:-1]):
        with pytest.raises(BadInput):
            Kept.read(broken)


@pytest.mark.parametrize("variant", ["guardian", "next-of-kin"])
def test_whoever_stands_for_a_person_is_written_to_at_home(variant: str) -> None:
    """The address and the wish are those of whoever has the contact point; the name is the reader's."""
    content = LetterMaker(recipe()).content(reader(variant, other={"large_print": "yes"}), REFERENCE)
    kept = Kept.read(content)
    assert (kept.address.street, kept.large_print, kept.person.variant) == ("Weg 1", True, variant)
    assert kept.person.details["reader"] == "Ida Example"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (None, "contact-point"),
        ({**HOME, "street": "x" * 1001}, "address-long"),
        ({**HOME, "street": "Weg 1, Hof 2 " * 40}, "address-long"),
        ({**HOME, "street": "W" * 60}, "address-wide"),
        ({**HOME, "country": "ZZ"}, "country-unknown"),
        ({"city": "Köln", "country": "DE"}, "address-incomplete"),
        ({**HOME, "street": "\u4e2d\u6587 1"}, "no-glyph"),
    ],
)
def test_an_address_that_cannot_be_printed_is_no_letter(address: Any, why: str) -> None:
    """The renderer's finding is the reason."""
    with pytest.raises(SetAsideError) as aside:
        LetterMaker(recipe()).content(reader(address=address), REFERENCE)
    assert aside.value.finding.code == why


def test_without_a_sender_addresses_are_looked_at_all_the_same() -> None:
    """Nobody loses a letter because a setting is missing when their step is due."""
    assert LetterMaker(recipe(letter=LetterSettings())).content(reader(), REFERENCE)


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ({"large_print": "yes"}, True), ({"großdruck": "Ja"}, True), ({"gros_caractères": "oui"}, True),
        ({"large_print": "no"}, False), ({"large_print": "perhaps"}, False), ({"plan": "yes"}, False),
        ({"large_print": 1}, False), ({}, False),
    ],
)  # fmt: skip
def test_who_asks_for_large_print_gets_it(attributes: dict[str, object], wanted: bool) -> None:
    """By a free attribute that says yes, sealed or selectable."""
    assert large_print({}, attributes) is wanted
    assert large_print(attributes, {}) is wanted


def test_invented_readers_letters_are_checked() -> None:
    """Every variant can be printed; a missing sender and missing facts are findings."""
    variants = ("person", "guardian", "next-of-kin", "account")
    readers = [("en", variant, " email ", "") for variant in variants]
    assert check_letters(recipe(), readers) == {f"en/{variant}": [] for variant in variants}
    (missing,) = check_letters(recipe(letter=LetterSettings()), readers[:1])["en/person"]
    assert missing.code == "sender-missing"
    facts = {name: value for name, value in FACTS.items() if name != "brand"}
    (lacking,) = check_letters(recipe(facts=facts), readers[:1])["en/person"]
    assert (lacking.code, "brand" in lacking.detail) == ("letter-incomplete", True)


def test_the_digest_of_pages_is_found_in_what_an_attempt_says() -> None:
    """And in nothing else."""
    digest = "ab" * 32
    assert pages_digest(saying("letters/000001.pdf", digest)) == digest
    assert pages_digest(f"250 ok sha256:{digest}") == ""
