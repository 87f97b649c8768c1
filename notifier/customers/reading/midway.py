"""Read a table that may break off: its file is damaged further down, was removed, or its disk fails."""

from __future__ import annotations

from collections.abc import Iterator

from notifier.customers.reading.table import RawRow, Table
from notifier.errors import BadInput


class Reading:
    """One reading of a table. It ends where the file does, or where the file cannot be read any further."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.broken = 0
        """The line at which reading broke off; 0 as long as it has not."""
        self.cause = BadInput()

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows up to the end or the break."""
        line = 1
        try:
            for row in self._table.rows():
                line = row.line
                yield row
        except (BadInput, OSError, UnicodeError) as error:
            self.broken = line + 1
            self.cause = (
                error if isinstance(error, BadInput) else BadInput("the file cannot be read any more")
            )
