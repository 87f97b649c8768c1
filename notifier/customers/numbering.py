"""Which rows of a file can be told apart: each has a customer number that no earlier row has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from notifier.customers.faults import FAULTS, Faulty, Problem
from notifier.customers.mapping import Column
from notifier.customers.normalise.rows import read_number
from notifier.customers.reading import RawRow
from notifier.customers.scratch import Scratch

CHUNK = 2000
Numbered = tuple[int, str, list[str]]
"""A row's line, customer number and cells."""


class Numbering:
    """Reads customer numbers."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._column = next(c for c in columns if c.field == "number" and c.how in ("given", "guessed"))

    def usable(
        self, rows: Sequence[RawRow], scratch: Scratch, problems: dict[int, list[Problem]]
    ) -> list[Numbered]:
        """Return the rows that can be used; what is wrong with the others goes into ``problems``, by line."""
        header = self._column.header
        usable: list[Numbered] = []
        for line, cells, fault, column, _ in rows:
            if fault:
                problems[line] = [Problem(line, column or header, fault)]
                if FAULTS[fault].refuses:
                    continue
            try:
                number = self._number(cells, scratch)
            except Faulty as faulty:
                problems.setdefault(line, []).append(Problem(line, header, faulty.code))
            else:
                usable.append((line, number, cells))
        return usable

    def _number(self, cells: Sequence[str], scratch: Scratch) -> str:
        index = self._column.index
        number = read_number(cells[index] if index < len(cells) else "")
        if not scratch.first_time(number):
            raise Faulty("number-repeated")
        return number


def chunks(rows: Iterator[RawRow]) -> Iterator[list[RawRow]]:
    """Yield rows in lists of ``CHUNK``."""
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
