"""CSV as people have it: any delimiter, quotes, line breaks inside cells, rows of uneven length.

A stray quote must not swallow the rest of the file: a row that does not end where rows end is refused
alone, and reading goes on with the line after it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from notifier.customers.reading.probe import Probe
from notifier.customers.reading.table import Options, RawRow, name_columns
from notifier.errors import BadInput

DELIMITERS = ",;\t|"
_NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
_LONGEST_LINE = 1 << 20
_MOST_LINES = 100
_SAMPLE_ROWS = 50
_SHOWN = 100
"""Characters of each cell that are kept of a row that is too large."""
_ENDS = ("\n", "\r")
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
csv.field_size_limit(_LONGEST_LINE)


class DelimitedTable:
    """The rows of a delimited text file."""

    def __init__(self, path: Path, probe: Probe, delimiter: str, skip: int) -> None:
        self._path = path
        self._encoding = probe.encoding
        self._delimiter = delimiter
        self._skip = skip
        self._read = 0.0
        self.digest = probe.digest
        self.size = probe.size
        shown = {"\t": "tab"}.get(delimiter, f"'{delimiter}'")
        self.form = f"CSV, delimiter {shown}, {probe.called}"
        self.guessed_encoding = probe.encoding if probe.guessed else ""
        self.doubtful = probe.doubtful
        header = next(self._records(), None)
        self.headers = name_columns(header.cells if header else (), path.name)
        self._width = len(self.headers)

    def progress(self) -> float:
        """Return the share read so far."""
        return self._read

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows below the header; empty lines are none."""
        records = self._records()
        next(records, None)
        width = self._width
        for row in records:
            cells = row.cells
            count = len(cells)
            if count == width and row.fault == "row-lines":
                place = next((place for place, cell in enumerate(cells) if len(cell.splitlines()) > 1), 0)
                yield row._replace(column=self.headers[place])
            elif count == width or row.fault not in ("", "row-lines"):
                yield row
            elif count > width:
                extra = any(cell.strip() for cell in cells[width:])
                yield RawRow(row.line, cells, "row-long") if extra else RawRow(row.line, cells[:width])
            else:
                yield RawRow(row.line, cells, "row-short", self.headers[-1])

    def _records(self) -> Iterator[RawRow]:
        with self._path.open("rb") as raw:
            # Bytes that do not fit become marks that the cell's check finds: never a reason to stop.
            errors = "surrogateescape" if self._encoding.startswith("utf-8") else "replace"
            with io.TextIOWrapper(raw, encoding=self._encoding, errors=errors, newline="") as text:
                feed = _Feed(text, self._skip)
                for place, row in enumerate(_parse(feed, self._delimiter)):
                    if not place % 1000:
                        self._read = min(1.0, raw.tell() / self.size)
                    yield row
        self._read = 1.0


class _Feed:
    """Lines for the CSV reader, with those of the row under way kept, to be given back."""

    def __init__(self, text: io.TextIOWrapper, skip: int) -> None:
        self._read = text.readline
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        self.line = 0
        for _ in range(skip):
            self._read(_LONGEST_LINE)
            self.line += 1

    def __iter__(self) -> _Feed:
        return self

    def _next(self) -> str:
        return self._again.popleft() if self._again else self._read(_LONGEST_LINE)

    def __next__(self) -> str:
        line = self._next()
        if not line:
            raise StopIteration
        self.taken.append(line)
        if len(self.taken) > _MOST_LINES:
            raise csv.Error("too many lines")
        return line

    def give_back(self) -> None:
        """Keep the first line of the row as taken, and have the others read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    @property
    def overfull(self) -> bool:
        """Whether the row under way is larger than any row about a customer."""
        return len(self.taken) > _MOST_LINES or sum(map(len, self.taken)) >= _LONGEST_LINE

    def skip_cell(self, first_row: Callable[[list[str]], int | None]) -> bool:
        """Pass over the rest of a row whose cell of many lines is too large; says whether that cell ends.

        It does not where ``first_row`` finds rows in its lines: those are read again.
        """
        opened, line = _odd_quotes(self.taken), self.taken[-1]
        passed, window = int(self.taken[0].endswith(_ENDS)), self.taken[1:]
        while True:
            found = first_row(window if opened else window[:-1])
            if found is not None:
                self._again.extendleft(reversed(window[found:]))
                del window[found:]
                opened = True
            passed += sum(part.endswith(_ENDS) for part in window)
            if found is not None or not line or (not opened and line.endswith(_ENDS)):
                break
            window, size = [], 0
            while len(window) < _MOST_LINES and size < _LONGEST_LINE and (opened or not line.endswith(_ENDS)):
                if not (line := self._next()):
                    break
                opened = opened != _odd_quotes([line])
                window.append(line)
                size += len(line)
        self.line += passed - 1
        self.taken[:] = [self.taken[0][:_SHOWN]]
        return not opened

    def skip_rest_of_line(self) -> None:
        """Pass over what is left of an endless line."""
        line = self.taken[-1]
        while line and len(line) >= _LONGEST_LINE and not line.endswith(("\n", "\r")):
            line = self._read(_LONGEST_LINE)


def _parse(feed: _Feed, delimiter: str) -> Iterator[RawRow]:
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    width = closing = 0
    while True:
        feed.taken.clear()
        begin = feed.line + 1
        fault = "row-stray" if begin == closing else ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells, fault = _recover(feed, delimiter, width)
        width = width or len(cells)
        fault = fault or _swallowed(feed.taken, delimiter, width)
        if fault == "row-stray" and len(feed.taken) > 1:
            closing = begin + len(feed.taken) - 1
            feed.give_back()
            cells = _plain(feed.taken[0], delimiter)
        if feed.taken and len(feed.taken[-1]) >= _LONGEST_LINE:
            feed.skip_rest_of_line()
            fault = "row-huge"
        if fault == "row-huge":
            cells = [cell[:_SHOWN] for cell in cells[:50]]
        feed.line += len(feed.taken)
        if fault or any(cells):
            yield RawRow(begin, cells, fault)


def _recover(feed: _Feed, delimiter: str, width: int) -> tuple[list[str], str]:
    """Read a row that strict reading refuses: leniently if it ends, else its first line alone, as bad."""
    if len(feed.taken) == 1 and not _odd_quotes(feed.taken):
        return next(csv.reader(feed.taken, delimiter=delimiter)), ""
    first = _plain(feed.taken[0], delimiter)
    # Where a row has one cell, any line may be one.
    if width > 1 and feed.overfull:
        ended = feed.skip_cell(lambda lines: _first_row(first, lines, delimiter, width))
        return first, "row-huge" if ended else "row-quote"
    feed.give_back()
    return first, "row-quote"


def _first_row(first: list[str], lines: list[str], delimiter: str, width: int) -> int | None:
    """Return the first of the lines that is a row: made like the first one, or as wide as half of many."""
    wide = [place for place, line in enumerate(lines) if line.count(delimiter) == width - 1]
    if len(lines) >= _MOST_LINES and 2 * len(wide) >= len(lines):
        return wide[0]
    return next((place for place in wide if _alike(first, _plain(lines[place], delimiter))), None)


def _odd_quotes(lines: list[str]) -> bool:
    return sum(line.count('"') for line in lines) % 2 == 1


def _plain(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line as if quotes meant nothing."""
    return next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_NONE), [])


def _swallowed(lines: list[str], delimiter: str, width: int) -> str:
    """Say whether quotes join rows: ``row-stray`` where a later line is made like the first one,
    ``row-lines`` where it merely has as many cells, and nothing where it is the text of a cell.
    """
    if len(lines) == 1:
        return ""
    first, found = _plain(lines[0], delimiter), ""
    for line in lines[1:]:
        cells = _plain(line, delimiter)
        if len(cells) != width or width < 2:
            continue
        if _alike(first, cells):
            return "row-stray"
        # Two cells are any sentence with a comma.
        found = found or ("row-lines" if width > 2 else "")
    return found


def _alike(first: list[str], later: list[str]) -> bool:
    """Tell whether a line is made as the row's first one: the same kind of number, addresses in the same
    places, and no space behind a delimiter as in sentences.
    """
    if any(cell.startswith(" ") for cell in later[1:]):
        return False
    places = [{place for place, cell in enumerate(cells) if "@" in cell} for cells in (first, later)]
    if places[0] != places[1]:
        return False
    return bool(places[0]) or (any(map(str.isdigit, first[0])) and _shape(first[0]) == _shape(later[0]))


def _shape(cell: str) -> str:
    return _LETTERS.sub("a", _DIGITS.sub("0", cell.strip().strip('"')))


def open_delimited(path: Path, probe: Probe, options: Options) -> DelimitedTable:
    """Return the table; the delimiter is the one that cuts the first rows most evenly."""
    start, skip = probe.start.removeprefix("\ufeff"), 0
    hint = ""
    if start[:4].lower() == "sep=":
        first, _, start = start.partition("\n")
        hint, skip = first[4:5], 1
    delimiter = _NAMED.get(options.delimiter, options.delimiter) or hint or guess_delimiter(start)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise BadInput("a delimiter is one character", advice="Give --delimiter ';' or --delimiter tab.")
    return DelimitedTable(path, probe, delimiter, skip)


def guess_delimiter(start: str) -> str:
    """Return the delimiter whose count is the same in most of the first rows, more columns first."""
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(start, newline=""), delimiter=delimiter)
        widths = []
        try:
            for _, cells in zip(range(_SAMPLE_ROWS), reader, strict=False):
                if any(cells):
                    widths.append(len(cells))
        except csv.Error:
            pass
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best
