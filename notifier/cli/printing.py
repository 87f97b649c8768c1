"""What commands print alike: moments, and records as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from notifier.clock import from_instant


def when(instant: int | None) -> str:
    """Return an instant as people read it, in UTC; empty if there is none."""
    return f"{from_instant(instant):%Y-%m-%d %H:%M:%S} UTC" if instant else ""


def printable(line: str) -> str:
    """Return text that others wrote in a form in which nothing steers the terminal."""
    return "".join(one if one.isprintable() else " " for one in line)


def records_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return records of one shape, at least one, as a table headed by their names."""
    table = Table(*(name.replace("_", " ") for name in records[0]), header_style="bold")
    for record in records:
        table.add_row(*(escape(str(cell)) for cell in record.values()))
    return table
