"""References as people and programs write them: sixteen hexadecimal digits in any dressing."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Characters worth looking at: a reference with any dressing people or programs give it."""

_REFERENCE = re.compile(r"[0-9A-F]{16}")
# Letters a reference never has, but which are read for digits in print.
_LOOK_ALIKES = str.maketrans({"O": "0", "L": "1", "I": "1"})


def read_reference(typed: str) -> str | None:
    """Return what somebody typed in the form the store has, ``None`` if it cannot be a reference.

    Case, spaces, dashes and invisible marks do not matter, digits may be of any script.
    """
    kept = []
    for character in unicodedata.normalize("NFKC", typed[:LONGEST]).upper():
        if unicodedata.category(character) in ("Zs", "Pd", "Cf", "Cc", "Sm"):
            continue
        digit = unicodedata.decimal(character, None)
        kept.append(character if digit is None else str(digit))
    reference = "".join(kept).translate(_LOOK_ALIKES)
    return reference if _REFERENCE.fullmatch(reference) else None
