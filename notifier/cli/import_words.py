"""What an import says before and after it: its columns, what is supposed of the file, what was wrong."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from notifier.cli import Application, err, out
from notifier.customers.faults import FAULTS
from notifier.customers.mapping import Column
from notifier.customers.reading import Table as FileTable
from notifier.customers.report import Report
from notifier.words import amount

_SHOWN = {"given": "as told", "guessed": "guessed", "attribute": "attribute, sealed",
          "selectable": "attribute, in the clear", "kept": "attribute, in the clear as before",
          "ignored": "left out"}  # fmt: skip


def show_mapping(app_: Application, table: FileTable, columns: tuple[Column, ...]) -> None:
    """Show what each column is taken for, and the encoding where it is a guess."""
    if table.guessed_encoding:
        err.print(
            f"The file is not UTF-8; it is read as {table.guessed_encoding}, which is a guess.",
            markup=False,
        )
    if app_.as_json:
        return
    shown = Table("column", "means", "because", title=escape(table.form), title_justify="left")
    for column in columns:
        shown.add_row(escape(column.header), escape(column.field), _SHOWN[column.how])
    err.print(shown)


def show_attributes(columns: tuple[Column, ...], before: Collection[str]) -> None:
    """Say which attributes stay in the clear without being named, and which ones no longer do."""
    if kept := [column.field for column in columns if column.how == "kept"]:
        err.print(
            f"Kept in the clear, as imported before: {', '.join(kept)}. "
            "With --seal they are encrypted, and criteria can no longer select on them.",
            markup=False,
        )
    if closed := [column.field for column in columns if column.how == "attribute" and column.field in before]:
        err.print(
            f"Encrypted from now on: {', '.join(closed)}. Criteria can no longer select on them.",
            markup=False,
        )


def supposed(table: FileTable) -> dict[str, object]:
    """Return what is only supposed of the file."""
    return {"guessed_encoding": table.guessed_encoding, "looks_damaged": table.doubtful}


def show_guess(table: FileTable) -> None:
    """Say that the encoding was guessed, and what to do if names look wrong."""
    if not table.guessed_encoding:
        return
    looks = "and words look damaged in it" if table.doubtful else "so look at some names"
    out.print(
        f"[bold yellow]The file's encoding was guessed:[/] {table.guessed_encoding}, {looks}. "
        "If it is another, import again and name it, such as --encoding cp1250."
    )


def show_problems(report: Report, problems: Path | None) -> None:
    """Show what was wrong and where: kinds and places, never a value."""
    if not report.counts:
        return
    for (column, code), number in report.counts.most_common():
        fault, lines = FAULTS[code], report.lines[column, code]
        more = ", …" if len(lines) < number else ""
        if not column:
            out.print(f"[bold]{number}[/] {fault.value_class}. {fault.reason} {fault.remedy}")
            continue
        out.print(
            f"[bold]{amount(number, 'row')}[/], column [bold]{escape(column)}[/]: "
            f"{fault.value_class}. {fault.reason} {fault.remedy} "
            f"[dim]Line {', '.join(str(line) for line in lines)}{more}[/]"
        )
    if problems:
        out.print(f"The rows are in {problems}; it holds personal data.", markup=False)
    else:
        out.print("To have the rows, import again with --problems FILE.csv.")


def progress_bar() -> Progress:
    """Return the bar of an import, on the error stream."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeElapsedColumn(),
        console=err,
    )
