"""Addresses as lines of a label, and what stands against printing one."""

from __future__ import annotations

import pycountry
import pytest

from notifier.channels.letter import ADVICE, Unprintable
from notifier.channels.letter.address import label
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.notices import Person
from tests.letters import DE, US, letter, renderer


def codes(made) -> list[str]:
    """Return the codes of what stands against a letter."""
    return [finding.code for finding in renderer().check(made)]


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (DE, ["Mia", "Musterstraße 12", "50667 KÖLN"]),
        (US, ["Mia", "1 Main Street", "Apt 4", "SPRINGFIELD, IL 62701", "UNITED STATES"]),
        (PostalAddress("1 Road", "SW1A 1AA", "London", "", "GB"), ["Mia", "1 Road", "LONDON", "SW1A 1AA", "UNITED KINGDOM"]),
        (PostalAddress("1 Road", "560001", "Bengaluru", "", "IN"), ["Mia", "1 Road", "BENGALURU 560001", "INDIA"]),
        (PostalAddress("1 Calle", "28001", "Madrid", "ES-M", "ES"), ["Mia", "1 Calle", "28001 MADRID", "SPAIN"]),
        (PostalAddress("1 Calle", "28801", "Alcalá", "ES-M", "ES"), ["Mia", "1 Calle", "28801 ALCALÁ Madrid", "SPAIN"]),
        (PostalAddress("1 Road", "560001", "Bengaluru", "IN-KA", "IN"), ["Mia", "1 Road", "BENGALURU 560001", "Karnataka", "INDIA"]),
        (PostalAddress("1 Road", "12345", "Dubai", "", "AE"), ["Mia", "1 Road", "Dubai 12345", "UNITED ARAB EMIRATES"]),
        (PostalAddress("1 Road", "100-0001", "Chiyoda", "Tokyo", "JP"), ["Mia", "1 Road", "Chiyoda, TOKYO", "100-0001", "JAPAN"]),
    ],
)  # fmt: skip
def test_each_country_has_its_own_order(address, lines) -> None:
    """Town, region and code stand where that country's post looks for them; abroad its name stands last."""
    assert [line.casefold() for line in label(address, ["Mia"], "DE").lines] == [
        one.casefold() for one in lines
    ]


@pytest.mark.parametrize("country", [one.alpha_2 for one in pycountry.countries])
def test_no_country_loses_a_part(country: str) -> None:
    """Name, street, town and code are in the address of every country of ISO 3166."""
    made = label(PostalAddress("1 Road", "12345", "Town", "Region", country), ["Mia"], "ZZ")
    whole = " ".join(made.lines).casefold()
    assert [part for part in ("mia", "1 road", "12345", "town") if part not in whole] == []


@pytest.mark.parametrize("street", ["1 Road\n560001 Bengaluru", "1 Road, 560001 Bengaluru"])
def test_an_address_that_came_in_one_field_stays_as_it_was_written(street: str) -> None:
    """Nothing is known of its parts, so they keep their order."""
    made = label(PostalAddress(street, country="IN"), ["Mia"], "DE")
    assert made.lines == ("Mia", "1 Road", "560001 Bengaluru", "INDIA")
    assert made.findings == ()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"address": PostalAddress("", "50667", "Köln", "", "DE")}, ["address-incomplete"]),
        ({"address": PostalAddress("1 Road", "", "", "", "DE")}, ["address-incomplete"]),
        ({"address": PostalAddress("1 Road", "", "Köln", "", "DE")}, ["address-doubtful"]),
        ({"address": PostalAddress("1 Road", "5066", "Köln", "", "DE")}, ["address-doubtful"]),
        ({"address": PostalAddress("1 Road", "50667", "Köln")}, ["country-assumed"]),
        ({"address": PostalAddress("1 Road", "50667", "Köln", "", "QQ")}, ["country-unknown"]),
        ({"address": PostalAddress("1\n2\n3\n4\n5\n6", country="DE")}, ["address-long"]),
        ({"address": PostalAddress("x" * 2000, "50667", "Köln", "", "DE")}, ["address-long"]),
        ({"address": PostalAddress("A very long street " * 15, "50667", "Köln", "", "DE")}, ["address-long"]),
        ({"address": PostalAddress("Averylongstreet" * 4, "50667", "Köln", "", "DE")}, ["address-wide"]),
        ({"person": Person("", "person", ("email",))}, ["addressee-missing"]),
        ({"person": Person("n/a", "person", ("email",))}, ["addressee-missing"]),
        ({"person": Person("日本 花子", "person", ("email",))}, ["no-glyph"]),
        ({}, []),
    ],
)
def test_what_cannot_be_printed_is_found_and_nothing_is_cut(changes, found) -> None:
    """Every finding but advice stops the letter; the finding names no value."""
    made = letter("de", **changes)
    assert codes(made) == found
    if set(found) <= ADVICE:
        assert renderer().make(made).advice == tuple(renderer().check(made))
    else:
        with pytest.raises(Unprintable) as refused:
            renderer().make(made)
        assert "Muster" not in str(refused.value)
        assert "日" not in str(refused.value)


def test_a_street_of_two_lines_becomes_one_before_an_address_is_refused() -> None:
    """The small window of a #10 envelope takes five lines."""
    person = Person("Ann Example", "account", ("email",), details={"subject": "Example Club"})
    assert codes(letter("en", person=person)) == []
    more = PostalAddress("1 Main Street\nFloor 2\nApt 4\nDoor 5", "62701", "Springfield", "US-IL", "US")
    assert codes(letter("en", person=person, address=more)) == []


def test_a_reference_is_sixteen_hexadecimal_digits() -> None:
    """Anything else could be a personal value, and would be printed."""
    with pytest.raises(BadInput):
        renderer().make(letter(reference="Mia Muster"))
