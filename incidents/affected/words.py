"""SQL over sets of data categories kept as words: their union, their difference, in one fixed order.

The order is the engine's (most urgent first), so equal sets are equal texts.
"""

from __future__ import annotations

from collections.abc import Iterable

from notifier.categories import CODES


def union(*columns: str) -> str:
    """Return the expression of the categories that stand in any of ``columns``."""
    return _set((code, " OR ".join(f"{column} LIKE '% {code} %'" for column in columns)) for code in CODES)


def difference(column: str, without: str) -> str:
    """Return the expression of the categories in ``column`` that do not stand in ``without``."""
    return _set((code, f"{column} LIKE '% {code} %' AND {without} NOT LIKE '% {code} %'") for code in CODES)


def held_of(codes: Iterable[str], held: str) -> str:
    """Return the expression of those of ``codes`` that stand in ``held``, or all where nothing is known."""
    return _set((code, f"{held} = '' OR {held} LIKE '% {code} %'") for code in codes)


def _set(conditions: Iterable[tuple[str, str]]) -> str:
    # The codes are ours, so they may stand in the text.
    parts = " || ".join(f"CASE WHEN {condition} THEN '{code} ' ELSE '' END" for code, condition in conditions)
    # A set begins with a space unless it is empty.
    return f"COALESCE(NULLIF(' ' || {parts}, ' '), '')"
