"""Rows of a list that could not be used: printed by line, and written to a file for whoever owns them."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from incidents.affected.lists import REMEDIES, ProblemRow
from notifier.cli import err
from notifier.customers.report import neutralised
from notifier.errors import BadInput

SHOWN = 20
Where = Annotated[
    str, typer.Option(metavar="SELECTION", help="A selection, such as: country = DE and holds email")
]
Report = Annotated[
    Path | None, typer.Option(help="Write the rows that could not be used into this CSV file.")
]


def print_problems(problems: Sequence[ProblemRow], report: Path | None) -> None:
    """Print lines, reasons and remedies; never a value."""
    for one in problems[:SHOWN]:
        err.print(f"line {one.line}: {one.said}. {REMEDIES[one.problem]}", markup=False)
    if len(problems) > SHOWN:
        err.print(f"and {len(problems) - SHOWN} more.")
    if problems and report:
        err.print(f"The rows are in {report.name}; correct them and upload that file.", markup=False)
    elif problems:
        err.print("--report FILE writes these rows into a file.")


def write_problems(path: Path, headers: Sequence[str], problems: Sequence[ProblemRow]) -> None:
    """Write the rows as they stood, safe for spreadsheet programs, readable by the owner alone.

    Where there are none, no file is made.
    """
    if not problems:
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise BadInput(
            f"the report cannot be written: {error.strerror}", advice="Choose another file."
        ) from None
    os.fchmod(handle, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(neutralised(header) for header in headers), "problem_line", "problem", "remedy"])
        for one in problems:
            cells = [neutralised(cell) for cell in one.entry.cells[: len(headers)]]
            cells += [""] * (len(headers) - len(cells))
            writer.writerow([*cells, str(one.line), one.said, REMEDIES[one.problem]])
