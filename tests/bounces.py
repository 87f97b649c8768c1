"""The reports that tests read: a corpus of others, and samples of our own that name a return path of ours."""

from __future__ import annotations

import csv
from pathlib import Path

from notifier.channels.email.inbound import Reader
from notifier.channels.email.return_path import ReturnPaths
from notifier.keys import Keys

DATA = Path(__file__).parent / "data" / "bounces"
PATHS = ReturnPaths(Keys(b"m" * 32, b"i" * 32, b"t" * 32), "bounces.example.com")
REFERENCE, ATTEMPT = "3F9A02BC77D1E04B", 2
RETURN_PATH = PATHS.make(REFERENCE, ATTEMPT)
READER = Reader(PATHS)


def expected(folder: str) -> list[dict[str, str]]:
    """Return the rows of a folder's ``expected.csv``."""
    with (DATA / folder / "expected.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def found(name: str) -> bytes:
    """Return a sample of the corpus as it is."""
    return (DATA / "flufl" / f"{name}.txt").read_bytes()


def written(name: str) -> bytes:
    """Return a sample of ours, with a return path of ours wherever it has ``RETURN-PATH`` (``RETURN-LOCAL``: its local part)."""
    content = (DATA / "written" / f"{name}.eml").read_bytes()
    content = content.replace(b"RETURN-PATH", RETURN_PATH.encode())
    return content.replace(b"RETURN-LOCAL", RETURN_PATH.partition("@")[0].encode())
