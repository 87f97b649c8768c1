"""Facts of one invented announcement, written in six languages: what the notice tests render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

LOCALES = ("ar", "de", "en", "es", "fr", "hi")
REFERENCE = "0F9A02BC77D1E04B"
_FILE = Path(__file__).parent / "data" / "notice-facts.json"


def facts(**changes: Any) -> dict[str, Any]:
    """Return a fresh copy of the facts, with ``changes`` at the top level."""
    return {**json.loads(_FILE.read_text(encoding="utf-8")), **changes}
