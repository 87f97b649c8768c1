"""The report of an import: what was wrong, where, and what to do; never with a value on the screen.

The problems file holds the original rows, for whoever owns the data: readable by its owner alone, and
with every cell that a spreadsheet could take for a formula put behind an apostrophe.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from notifier.customers.faults import FAULTS, Problem
from notifier.customers.normalise.cells import FORMULA_STARTS
from notifier.errors import BadInput

EXAMPLES = 10
OUR_COLUMNS = ("problem_line", "problem_columns", "problem_reasons", "problem_remedies", "problem_original")
"""Left out when the file is imported again."""


class Report:
    """Collects problems in flat memory: counts by kind and column, and the first few lines."""

    def __init__(self, headers: Sequence[str], problems_file: Path | None = None) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.lines: dict[tuple[str, str], list[int]] = {}
        self.refused = 0
        self.with_warnings = 0
        self._headers = headers
        self._path = problems_file
        self._file: TextIO | None = None

    @property
    def bad_rows(self) -> int:
        """How many rows need somebody's attention: refused, or used without some of their cells."""
        return self.refused + self.with_warnings

    def add(self, problems: Sequence[Problem], cells: Sequence[str], original: str = "") -> None:
        """Note what is wrong with one row; ``original`` is one that could not be parted into cells."""
        for problem in problems:
            kind = (problem.column, problem.code)
            self.counts[kind] += 1
            lines = self.lines.setdefault(kind, [])
            if len(lines) < EXAMPLES:
                lines.append(problem.line)
        faults = [problem.fault for problem in problems]
        if any(fault.refuses for fault in faults):
            self.refused += 1
        elif not all(fault.advisory for fault in faults):
            self.with_warnings += 1
        if self._path:
            self._write(problems, cells, original)

    def close(self) -> None:
        """Finish the problems file; there is none where nothing was wrong."""
        if self._file:
            self._file.close()
            self._file = None

    def _write(self, problems: Sequence[Problem], cells: Sequence[str], original: str) -> None:
        if self._file is None:
            self._file = create_private(self._path) if self._path else None
            self._row([*self._headers, *OUR_COLUMNS])
        width = len(self._headers)
        own = list(cells[:width])
        if len(cells) > width:
            own[-1:] = [" | ".join(cells[width - 1 :])]
        own += [""] * (width - len(own))
        self._row(
            [
                *own,
                str(problems[0].line),
                "; ".join(problem.column for problem in problems),
                "; ".join(f"{problem.fault.value_class}: {problem.fault.reason}" for problem in problems),
                "; ".join(problem.fault.remedy for problem in problems),
                original,
            ]
        )

    def _row(self, cells: Iterable[str]) -> None:
        if self._file:
            csv.writer(self._file).writerow([neutralised(cell) for cell in cells])

    def as_json(self) -> list[dict[str, object]]:
        """Return the counts by column and kind, most frequent first."""
        return [
            {
                "column": column,
                "code": code,
                "value_class": FAULTS[code].value_class,
                "reason": FAULTS[code].reason,
                "remedy": FAULTS[code].remedy,
                "rows": count,
                "lines": self.lines[column, code],
            }
            for (column, code), count in self.counts.most_common()
        ]


def check_apart(path: Path, option: str, sources: Iterable[Path | None]) -> None:
    """Refuse a file to be written that is one of ``sources`` or has no folder: before anything is done."""
    for source in sources:
        try:
            same = source is not None and path.samefile(source)
        except OSError:  # One of them does not exist.
            same = False
        if same:
            raise BadInput(f"{option} would overwrite the file itself", advice="Choose another file.")
    if not path.absolute().parent.is_dir():
        raise BadInput(f"there is no folder for {path.name}", advice="Create it first.")


def neutralised(cell: str) -> str:
    """Return a cell that no spreadsheet program takes for a formula; importing undoes it."""
    text = cell.encode("utf-8", "replace").decode() if not cell.isascii() else cell
    return f"'{text}" if text.lstrip(" ").startswith(tuple(FORMULA_STARTS)) else text


def create_private(path: Path) -> TextIO:
    """Open a CSV file for writing that only its owner can read; ``BadInput`` if it cannot be made."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise BadInput(
            f"{path.name} cannot be written: {error.strerror}", advice="Choose another file."
        ) from None
    os.fchmod(handle, 0o600)
    # The byte-order mark makes spreadsheet programs read it as UTF-8.
    return os.fdopen(handle, "w", encoding="utf-8-sig", newline="")
