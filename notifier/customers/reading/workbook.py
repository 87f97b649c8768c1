"""XLSX workbooks, row by row, with what spreadsheets do to numbers, dates and formulas undone or reported."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from notifier.customers.reading.table import Options, RawRow, name_columns
from notifier.errors import BadInput

_MOST_BYTES = 8 << 30
_MOST_SHARED = 512 << 20
_ZEROS = re.compile(r"0{2,}")
_FORMULA = re.compile(rb"<f[ >/]")
# What reading an archive, XML and openpyxl's own reading of it end with on a damaged file.
_CANNOT = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    expat.ExpatError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    OSError,
    SyntaxError,
    EOFError,
)


class WorkbookTable:
    """The rows of one sheet."""

    def __init__(self, path: Path, sheet: str) -> None:
        self._path = path
        self.guessed_encoding = ""
        self.doubtful = False
        self.digest, self.size = _digest(path)
        _refuse_bombs(path)
        book = _load(path, data_only=True)
        try:
            names = [each.title for each in book.worksheets if each.sheet_state == "visible"]
            if not names or (sheet and sheet not in names):
                raise BadInput(f"{path.name} has no sheet {sheet!r}", advice=f"It has: {', '.join(names)}.")
            self._sheet = sheet or names[0]
            self._rows = max(1, book[self._sheet].max_row or 1)
        finally:
            book.close()
        more = f" (of {len(names)}: choose with --sheet)" if len(names) > 1 and not sheet else ""
        self.form = f"XLSX, sheet {self._sheet!r}{more}"
        self._formulas = _look_through(path)
        self._read = 0
        first = next(self._numbered(), None)
        if first is None:
            raise BadInput(
                f"sheet {self._sheet!r} of {path.name} is empty", advice="Choose another with --sheet."
            )
        self._header_line = first[0]
        self.headers = name_columns(first[1], path.name)

    def progress(self) -> float:
        """Return the share of the sheet's rows read so far."""
        return min(1.0, self._read / self._rows)

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows below the header that hold anything."""
        width = len(self.headers)
        for line, cells, fault, place in self._numbered():
            if line <= self._header_line:
                continue
            if any(cell.strip() for cell in cells[width:]):
                yield RawRow(line, cells, "row-long")
                continue
            even = [*cells[:width], *[""] * (width - len(cells))]
            column = self.headers[place] if fault and place < width else ""
            yield RawRow(line, even, fault if column else "", column)

    def _numbered(self) -> Iterator[tuple[int, list[str], str, int]]:
        """Yield line, cells, and the first cell whose formula has no stored result."""
        book = _load(self._path, data_only=True)
        shadow = _load(self._path, data_only=False) if self._formulas else None
        try:
            values = book[self._sheet].iter_rows()
            sources = shadow[self._sheet].iter_rows(values_only=True) if shadow else ()
            for line, (row, source) in enumerate(zip_longest(values, sources), 1):
                self._read = line
                cells = [_text(cell) for cell in row or ()]
                missing = _without_result(cells, source or ())
                if any(cells) or missing is not None:
                    yield line, cells, "cell-formula" if missing is not None else "", missing or 0
        except _CANNOT:
            raise _damaged(self._path) from None
        finally:
            book.close()
            if shadow:
                shadow.close()


def _load(path: Path, *, data_only: bool) -> Any:
    try:
        return load_workbook(path, read_only=True, data_only=data_only, keep_links=False)
    except _CANNOT:
        raise BadInput(f"{path.name} is no XLSX workbook", advice="Save it as XLSX or CSV.") from None


def _without_result(cells: list[str], source: tuple[Any, ...]) -> int | None:
    for place, (cell, formula) in enumerate(zip(cells, source, strict=False)):
        if not cell and isinstance(formula, str) and formula.startswith("="):
            return place
    return None


def _text(cell: Any) -> str:
    """Return a cell as its reader sees it, as far as that matters: whole numbers without a point,
    padded with zeros where its format says so, dates as ISO 8601.
    """
    value = cell.value
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and (not value.is_integer() or abs(value) >= 1e15):
        return repr(value)
    if isinstance(value, int | float):
        pattern = cell.number_format or ""
        return str(int(value)).zfill(len(pattern) if _ZEROS.fullmatch(pattern) else 0)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _digest(path: Path) -> tuple[str, int]:
    digest = hashlib.blake2b(digest_size=32)
    size = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _refuse_bombs(path: Path) -> None:
    """Refuse an archive that unpacks into more than any list of customers: a bomb, or a memory hog."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    except zipfile.BadZipFile:
        raise BadInput(f"{path.name} is a damaged archive", advice="Save it again, or as CSV.") from None
    if sum(sizes.values()) > _MOST_BYTES or sizes.get("xl/sharedStrings.xml", 0) > _MOST_SHARED:
        raise BadInput(f"{path.name} is too large for a workbook", advice="Export the customers as CSV.")


def _look_through(path: Path) -> bool:
    """Read every sheet to its end and tell whether there are formulas.

    One that is damaged anywhere is ``BadInput`` before any row of it is used.
    """
    found = False
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                    with archive.open(name) as sheet:
                        found |= _sound(sheet)
    except _CANNOT:
        raise _damaged(path) from None
    return found


def _sound(sheet: IO[bytes]) -> bool:
    """Read XML to its end and tell whether it holds a formula; no workbook has a document type."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_document_type
    found, tail = False, b""
    while block := sheet.read(1 << 20):
        parser.Parse(block)
        found = found or _FORMULA.search(tail + block) is not None
        tail = block[-4:]
    parser.Parse(b"", True)
    return found


def _refuse_document_type(*_declared: object) -> None:
    raise ValueError("a document type")


def _damaged(path: Path) -> BadInput:
    return BadInput(f"{path.name} is damaged", advice="Save it again, or as CSV.")


def open_workbook(path: Path, options: Options) -> WorkbookTable:
    """Return the table of the sheet that ``options`` names, else of the first visible one."""
    return WorkbookTable(path, options.sheet)
