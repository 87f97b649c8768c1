"""What an attempt says of a printed letter: where it lies in its archive, and the digest of its pages."""

from __future__ import annotations

import re

_SAID = re.compile(r"letters/\d{6,}\.pdf sha256:([0-9a-f]{64})")


def saying(file: str, sha256: str) -> str:
    """Return what is kept, sealed, with the attempt."""
    return f"{file} sha256:{sha256}"


def pages_digest(said: str) -> str:
    """Return the SHA-256, in hex, of a letter's pages out of what its attempt says; else nothing."""
    return found[1] if (found := _SAID.fullmatch(said)) else ""
