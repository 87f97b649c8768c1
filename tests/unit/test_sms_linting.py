"""Texts compared with what was registered for India and the US."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.linting.india_dlt import check_dlt
from notifier.linting.placeholders import Place, compare
from notifier.linting.us_10dlc import check_us

REGISTERED = (
    "Example Company: security notice about your account: {#alphanumeric#}. Sign in and open Notices, "
    "or call {#cbn#}. We never ask for your password."
)
TEXT = REGISTERED.replace("{#alphanumeric#}", "3F9A02BC77D1E04B").replace("{#cbn#}", "+91 11 5550 0100")


def codes(found) -> list[str]:
    """Return the codes of findings."""
    return [one.code for one in found]


def test_the_registered_text_passes() -> None:
    """Also with the older place that holds anything."""
    assert check_dlt(TEXT, REGISTERED) == []
    assert check_dlt(TEXT, re.sub(r"\{#\w+#\}", "{#var#}", REGISTERED)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda text: text.replace("Sign", "sign"), 72),
        (lambda text: text.replace("3F9A02BC77D1E04B", "3F9A-02BC-77D1-E04B"), 58),
        (lambda text: text + " ", 155),
        (lambda text: text[:-1], 154),
        (lambda text: text.replace("Notices, or", "Notices,  or"), 98),
        (lambda text: text.replace("+91 11 5550 0100", ""), 106),
        (lambda text: "", 1),
    ],
)
def test_one_other_character_is_told_with_its_place(change, place: int) -> None:
    """Case, a hyphen, a blank: the operators drop the message for each of them."""
    (found,) = check_dlt(change(TEXT), REGISTERED)
    assert (found.code, found.detail) == (
        "dlt-differs",
        f"differs from the registered text at character {place}",
    )


def test_a_place_holds_forty_characters() -> None:
    """One more is another text."""
    assert check_dlt("A" * 40 + ".", "{#alphanumeric#}.") == []
    assert codes(check_dlt("A" * 41 + ".", "{#alphanumeric#}.")) == ["dlt-differs"]
    assert codes(check_dlt("12a.", "{#numeric#}.")) == ["dlt-differs"]


def test_a_link_needs_a_place_for_links() -> None:
    """Links must be registered; one that hides in another place is found."""
    assert codes(check_dlt("See example.com now", "See {#var#} now")) == ["dlt-link"]
    assert codes(check_dlt("See https://example.com/x", "See {#url#}")) == []
    assert codes(check_dlt("x", "{#nonsense#}")) == ["dlt-place-unknown"]


def test_a_text_must_be_one_of_the_samples() -> None:
    """Their places stand in square brackets; the nearest sample says where it differs."""
    samples = ["Other: hello [name].", "Example: security notice [reference]. Call [phone]."]
    assert check_us("Example: security notice 3F9A. Call +1 415 555 0100.", samples) == []
    (found,) = check_us("Example: security notice 3F9A. Ring +1 415 555 0100.", samples)
    assert (found.code, found.detail[-2:]) == ("us-sample-differs", "32")
    assert codes(check_us("x", [])) == ["us-no-sample"]


def test_words_of_alerts_and_short_links_are_found() -> None:
    """A campaign with either is refused, or its messages are filtered."""
    assert codes(check_us("EMERGENCY: see bit.ly/x", ["[all]"])) == ["us-emergency-words", "us-short-link"]
    assert check_us("Security notice about your account", ["[all]"]) == []


@given(st.text("ab.", max_size=12), st.lists(st.sampled_from(["a", "b", ".", "ab", None]), max_size=6))
def test_comparing_is_what_an_expression_would_find(text: str, pieces) -> None:
    """Against a regular expression, on short texts where one is safe."""
    place = Place(str.isalpha, 3)
    expression = "".join("[ab]{1,3}" if one is None else re.escape(one) for one in pieces)
    seen = compare(text, [place if one is None else one for one in pieces])
    assert seen.equal == bool(re.fullmatch(expression, text))
    assert 0 <= seen.reached <= len(text)


def test_many_places_cost_no_more_than_their_number() -> None:
    """A text and a template made to be slow for an expression are compared all the same."""
    assert codes(check_dlt("a" * 2_000, "{#var#}" * 60 + "b")) == ["dlt-differs"]
