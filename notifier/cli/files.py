"""Files that commands write with what only their reader may see."""

from __future__ import annotations

import os
from pathlib import Path

from notifier.errors import Refused


def write_new(path: Path, content: bytes, *, name: str, advice: str = "") -> None:
    """Write a file that was not there, readable by its owner alone; else ``Refused``, by its ``name``."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Refused(f"{name} cannot be written: {error.strerror}", advice=advice) from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
