"""Who asked for large print: a free attribute of the customer says so.

The column of the customer file may have any of the names below, and is kept sealed or, where it was declared
selectable, in the clear. Its answer is a yes as elsewhere in the file; anything else is none.
"""

from __future__ import annotations

from collections.abc import Mapping

from notifier.customers.faults import Faulty
from notifier.customers.mapping import attribute_name
from notifier.customers.normalise.words import yes

COLUMNS = (
    *("large print", "large type", "Großdruck", "Grossdruck", "Großschrift"),
    *("gros caractères", "letra grande", "बड़े अक्षर", "خط كبير"),
)
"""What the column may be called, without regard to case."""
_NAMES = frozenset(attribute_name(name) for name in COLUMNS)


def large_print(*attributes: Mapping[str, object]) -> bool:
    """Say whether a person's attributes ask for large print."""
    return any(
        isinstance(said, str) and name in _NAMES and _yes(said)
        for each in attributes
        for name, said in each.items()
    )


def _yes(said: str) -> bool:
    try:
        return yes(said.strip())
    except Faulty:
        return False
