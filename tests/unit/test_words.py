"""Numbers as people say them."""

from __future__ import annotations

import pytest

from notifier.words import amount, persons


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (12_000, "12,000 people")]
)
def test_one_person_is_no_people(number: int, words: str) -> None:
    """A count is read aloud before something is released, so it is said as people say it."""
    assert persons(number) == words


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "contact point", "1 contact point"),
        (1_200, "contact point", "1,200 contact points"),
        (1, "entry", "1 entry"),
        (0, "delivery", "0 deliveries"),
        (2, "day", "2 days"),
    ],
)
def test_a_noun_follows_its_number(number: int, noun: str, words: str) -> None:
    """One stands alone; everything else takes the plural, with its thousands apart."""
    assert amount(number, noun) == words
