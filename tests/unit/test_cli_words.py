"""What commands say in numbers."""

from __future__ import annotations

import pytest

from notifier.cli import persons


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 people"), (1, "1 person"), (2, "2 people"), (12_000, "12,000 people")]
)
def test_one_person_is_no_people(number: int, words: str) -> None:
    """A count is read aloud before something is released, so it is said as people say it."""
    assert persons(number) == words
