"""What every form of file is read as: named columns and numbered rows of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from notifier.errors import BadInput


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator says about the file; empty means: find out."""

    delimiter: str = ""
    encoding: str = ""
    sheet: str = ""


class RawRow(NamedTuple):
    """One row as the file has it. ``line`` is where it begins; ``fault`` is set where it cannot be read."""

    line: int
    cells: list[str]
    fault: str = ""
    column: str = ""
    """Where ``fault`` is about one cell only, its column; the row is then usable."""
    original: str = ""
    """What stands there, where it could not be parted into cells."""


class Table(Protocol):
    """A file's rows. ``rows`` begins anew at each call; ``progress`` says how much of it has been read."""

    headers: tuple[str, ...]
    form: str
    """In words, such as ``CSV, delimiter ';', cp1252``."""
    guessed_encoding: str
    """The text's encoding where it is a guess: another may be right, and names wrong."""
    doubtful: bool
    """Words look damaged in the encoding that was guessed."""
    digest: str
    """BLAKE2b-256 of the file's bytes, hex."""
    size: int
    """Bytes, for an estimate of the rows."""

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows below the header, in order."""
        ...

    def progress(self) -> float:
        """Return the share read by the ``rows`` under way, from 0 to 1."""
        ...


def name_columns(cells: Sequence[str], file: str) -> tuple[str, ...]:
    """Return the columns' names: trimmed, never empty, never twice the same.

    A first row that holds data instead of names is ``BadInput``.
    """
    names = [" ".join(cell.replace("\ufeff", "").replace("\x00", "").split())[:100] for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise BadInput(f"{file} has no columns", advice="The first row holds the columns' names.")
    if any("@" in name for name in names) or all(name.replace(".", "").isdecimal() for name in names):
        raise BadInput(
            f"{file} does not begin with column names", advice="Put a row of names above the customers."
        )
    made: dict[str, None] = {}
    repeated: Counter[str] = Counter()
    for place, name in enumerate(names, 1):
        unique = wanted = name or f"column {place}"
        while unique in made:
            repeated[wanted] += 1
            unique = f"{wanted} ({repeated[wanted] + 1})"
        made[unique] = None
    return tuple(made)
