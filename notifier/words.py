"""Numbers as people say them: ``1 person``, ``1,200 people``."""

from __future__ import annotations

import re


def amount(number: int, noun: str) -> str:
    """Return a number with its regular English noun: ``1 entry``, ``1,200 entries``, ``2 days``."""
    plural = re.sub(r"(?<![aeiou])y$", "ie", noun) + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def persons(number: int) -> str:
    """Return a number of people in words."""
    return f"{number:,} {'person' if number == 1 else 'people'}"
