"""Import small files in tests: one call from text to the import's result."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from notifier.customers.importing import CustomerImport, Imported
from notifier.customers.mapping import map_columns
from notifier.customers.normalise.rows import Rules
from notifier.customers.reading import Options, Table, open_table
from notifier.keys import Keys
from notifier.store import Store

TODAY = date(2026, 1, 15)


def table_of(folder: Path, content: str | bytes, name: str = "customers.csv", **options: str) -> Table:
    """Return the table read from a file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_table(path, Options(**options))


def rules_for(table: Table, **options: Any) -> Rules:
    """Return the rules for a table whose columns are guessed; ``selectable`` names attributes."""
    columns = map_columns(
        table.headers, given=options.pop("given", {}), selectable=options.pop("selectable", ())
    )
    return Rules(columns, TODAY, **options)


async def import_text(
    store: Store, keys: Keys, folder: Path, content: str | bytes, *, workers: int = 0, **options: Any
) -> Imported:
    """Import a file with this content."""
    problems = options.pop("problems_file", None)
    table = table_of(folder, content)
    return await CustomerImport(
        store, keys, table, rules_for(table, **options), workers=workers, problems_file=problems
    ).run()


def counts(done: Imported) -> tuple[int, int, int, int]:
    """Return how many rows were added, changed, unchanged and refused."""
    progress = done.progress
    return progress.added, progress.changed, progress.unchanged, done.report.refused
