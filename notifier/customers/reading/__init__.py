"""Tables of rows out of files: CSV in all its forms, XLSX, and JSON by lines.

The form is told by content, never by the file's name. Reading streams: memory does not grow with the file.
"""

from __future__ import annotations

from pathlib import Path

from notifier.customers.reading import delimited, jsonl
from notifier.customers.reading.probe import probe
from notifier.customers.reading.table import Options, RawRow, Table
from notifier.errors import BadInput

__all__ = ["Options", "RawRow", "Table", "open_table"]

_XLSX = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"
_NOT_TABLES = {
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"SQLite format 3": "a SQLite database",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"{\\rtf": "an RTF document",
}


def open_table(path: Path, options: Options) -> Table:
    """Return the table in the file at ``path``; anything else is ``BadInput`` and says what to do."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        raise BadInput(f"there is no file {path.name}", advice="Check the path.") from None
    except IsADirectoryError:
        raise BadInput(f"{path.name} is a folder", advice="Name one file in it.") from None
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}") from None
    if not start.strip():
        raise BadInput(f"{path.name} is empty", advice="Export it again.")
    if start.startswith(_XLSX):
        from notifier.customers.reading import workbook  # noqa: PLC0415 - openpyxl is slow to import

        return workbook.open_workbook(path, options)
    if start.startswith(_OLE):
        raise BadInput(
            f"{path.name} is an old or password-protected spreadsheet",
            advice="Save it as XLSX without a password, or as CSV.",
        )
    for magic, what in _NOT_TABLES.items():
        if start.startswith(magic):
            raise BadInput(
                f"{path.name} is {what}", advice="Export the customers as CSV, XLSX or JSON Lines."
            )
    found = probe(path, options.encoding)
    if found.start.lstrip().startswith(("{", "[")) and not options.delimiter:
        return jsonl.open_lines(path, found, options)
    return delimited.open_delimited(path, found, options)
