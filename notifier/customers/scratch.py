"""What an import must remember about a whole file, kept out of memory: numbers seen, guardians named.

A private SQLite database without a name: the operating system removes it when its process ends, however
that ends. It holds customer numbers and line numbers only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

Link = tuple[str, str, int]
"""A customer's number, their guardian's number, and the line that says so."""


class Scratch:
    """The memory of one import."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",
            "PRAGMA synchronous=OFF",
            "PRAGMA cache_size=-16384",
            "CREATE TABLE seen (number TEXT PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE link (number TEXT, guardian TEXT, line INTEGER)",
            "CREATE TABLE lost (line INTEGER)",
            "BEGIN",
        ):
            self._db.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def first_time(self, number: str) -> bool:
        """Note a customer number; says whether it was not there before."""
        return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (number,)).rowcount == 1

    def link(self, links: Iterable[Link]) -> None:
        """Note guardians, to be resolved when all customers are known."""
        self._db.executemany("INSERT INTO link VALUES (?, ?, ?)", links)

    def links(self, chunk: int) -> Iterator[list[Link]]:
        """Yield the guardians noted, in lists of at most ``chunk``."""
        cursor = self._db.execute("SELECT number, guardian, line FROM link ORDER BY line")
        while part := cursor.fetchmany(chunk):
            yield part

    def lose(self, lines: Iterable[int]) -> None:
        """Note lines whose guardian nobody knows, in their order."""
        self._db.executemany("INSERT INTO lost VALUES (?)", ((line,) for line in lines))

    def lost(self) -> Iterator[int]:
        """Yield the lines noted by ``lose``."""
        for (line,) in self._db.execute("SELECT line FROM lost ORDER BY line"):
            yield line
