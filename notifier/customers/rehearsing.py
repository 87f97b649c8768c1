"""A dry run: read and check every row of a file, and touch nothing."""

from __future__ import annotations

from collections.abc import Callable

from notifier.customers.faults import Problem
from notifier.customers.normalise.rows import RowNormaliser, Rules
from notifier.customers.numbering import Numbering, chunks
from notifier.customers.reading import Table
from notifier.customers.reading.midway import Reading
from notifier.customers.report import Report
from notifier.customers.scratch import Scratch


def rehearse(table: Table, rules: Rules, report: Report, on_progress: Callable[[float, int], None]) -> int:
    """Return how many rows could be used; what is wrong with the others goes into ``report``.

    A file that cannot be read to its end is ``BadInput``.
    """
    reading, normaliser, numbering = Reading(table), RowNormaliser(rules), Numbering(rules.columns)
    usable = rows = 0
    with Scratch() as scratch:
        for chunk in chunks(reading.rows()):
            problems: dict[int, list[Problem]] = {}
            for line, number, cells in numbering.usable(chunk, scratch, problems):
                usable += 1
                _, found = normaliser.read(line, number, cells)
                if found:
                    problems.setdefault(line, []).extend(found)
            for row in chunk:
                if row.line in problems:
                    report.add(problems[row.line], row.cells, row.original)
            rows += len(chunk)
            on_progress(table.progress(), rows)
    report.close()
    if reading.broken:
        raise reading.cause
    return usable
