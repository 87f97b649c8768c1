"""The reference of preflight checks names every code, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from notifier.preflight.checks import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "preflight-checks.md"
CHANNEL = Path(__file__).parents[2] / "notifier" / "channels" / "email" / "channel.py"


def _codes(section: str) -> set[str]:
    part = PAGE.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([a-z0-9-]+)` \|", part, re.MULTILINE))


def test_every_check_of_a_person_is_documented() -> None:
    """The table has exactly the codes that the program knows."""
    assert _codes("Of every person") == set(CHECKS)


def test_every_finding_of_the_channel_is_documented() -> None:
    """The table has exactly the codes that the e-mail channel finds."""
    assert _codes("What the channel cannot carry") == set(
        re.findall(r'Finding\(\s*"([a-z0-9-]+)"', CHANNEL.read_text(encoding="utf-8"))
    )
