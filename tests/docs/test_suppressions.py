"""The reference of suppressions says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from notifier.suppressions import LASTS, TREATMENTS, LegalClass, Reason, Treatment

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "suppressions.md").read_text(encoding="utf-8")
SAID = {"never": Treatment.NEVER, "once": Treatment.ONCE, "goes": Treatment.SEND}


def test_the_table_is_the_programs() -> None:
    """Each reason with what becomes of a notice of either class, and how long it lasts."""
    rows = re.findall(r"(?m)^\| `([a-z]+)` \| [^|]+ \| (\w+)[^|]* \| (\w+)[^|]* \| ([^|]+) \|$", PAGE)
    assert {reason: (SAID[must], SAID[may]) for reason, must, may, _ in rows} == {
        reason: (said[LegalClass.MANDATORY], said[LegalClass.VOLUNTARY])
        for reason, said in TREATMENTS.items()
    }
    for reason, _, _, ends in rows:
        lasts = LASTS.get(Reason(reason))
        assert (f"after {lasts.days} days" in ends) if lasts else "days" not in ends
