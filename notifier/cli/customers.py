"""``notifier customers``: bring customers in, count and list them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column as Header
from rich.table import Table

from notifier.categories import CODES
from notifier.cli import PARTIAL, Application, application, duplicates, out, run
from notifier.cli.identity import identify
from notifier.cli.import_words import (
    progress_bar,
    show_attributes,
    show_guess,
    show_mapping,
    show_problems,
    supposed,
)
from notifier.customers.counting import count_customers, list_customers
from notifier.customers.faults import Faulty
from notifier.customers.mapping import map_columns, parse_given
from notifier.customers.normalise.dates import DateOrder
from notifier.customers.normalise.places import country as read_country
from notifier.customers.normalise.rows import Rules
from notifier.customers.reading import Options, open_table
from notifier.customers.reading import Table as FileTable
from notifier.customers.rehearsing import rehearse
from notifier.customers.report import Report, check_apart
from notifier.customers.sample import write_sample
from notifier.customers.selectable import selectable_attributes
from notifier.errors import BadInput, Refused
from notifier.words import amount

if TYPE_CHECKING:
    from notifier.customers.importing import Imported

app = typer.Typer()
app.add_typer(duplicates.app, name="duplicates")

_STAGES = {
    "rows": "Importing",
    "guardians": "Linking guardians",
    "indexes": "Building indexes",
    "duplicates": "Searching duplicates",
    "done": "Done",
}


@app.command("import", epilog=f"Data categories: {', '.join(CODES)}.")
def import_file(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX or JSON Lines.")],
    mapped: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help='Such as --map email="E-Mail".')
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row and change nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask whether the columns are right.")
    ] = False,
    delimiter: Annotated[str, typer.Option(help="What stands between cells; 'tab' for a tab.")] = "",
    encoding: Annotated[str, typer.Option(help="The text's encoding, such as cp1252.")] = "",
    sheet: Annotated[str, typer.Option(help="The workbook's sheet.")] = "",
    default_country: Annotated[str, typer.Option(help="Country of rows that name none.")] = "",
    date_order: Annotated[str, typer.Option(help="dmy or mdy, where dates can be read both ways.")] = "",
    selectable: Annotated[
        str,
        typer.Option(metavar="COLUMNS", help="Attributes that criteria may select on: kept in the clear."),
    ] = "",
    seal: Annotated[
        str,
        typer.Option(
            metavar="COLUMNS", help="Attributes to encrypt that an earlier import kept in the clear."
        ),
    ] = "",
    ignore: Annotated[str, typer.Option(metavar="COLUMNS", help="Columns to leave out.")] = "",
    problems: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write rows with problems here, as CSV.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, max=64, help="Worker processes; 0 for none.")] = None,
    operator: Annotated[str, typer.Option(help="The operator who does this, for the audit trail.")] = "",
) -> None:
    """Bring customers in from a file, or up to date: who is known by their number is changed, not added.

    A bad row never blocks good ones. Importing the same file again changes nothing. Exit code 3: some rows
    or cells could not be used.
    """
    from notifier.customers.importing import CustomerImport  # noqa: PLC0415 - the others start without it

    app_ = application(context)

    async def act() -> None:
        table = open_table(file, Options(delimiter, encoding, sheet))
        async with app_.store() as store, store.read() as tx:
            before = await selectable_attributes(tx)
        columns = map_columns(
            table.headers,
            given=parse_given(mapped or ()),
            selectable=_names(selectable),
            sealed=_names(seal),
            ignored=_names(ignore),
            selectable_before=before,
        )
        rules = Rules(columns, app_.clock.now().date(), _country(default_country), _order(date_order))
        if problems:
            check_apart(problems, "--problems", [file])
        show_mapping(app_, table, columns)
        show_attributes(columns, before)
        if dry_run:
            _rehearse(app_, table, rules, problems)
            return
        if sys.stdin.isatty() and not yes and not typer.confirm("Import with these columns?", err=True):
            raise Refused("nothing was imported", advice="Name the columns with --map FIELD=COLUMN.")
        async with app_.store() as store:
            actor = f"operator:{await identify(app_, store, operator)}" if operator else "system"
            with progress_bar() as bar:
                task = bar.add_task("Importing", total=1.0, rows="")
                done = await CustomerImport(
                    store,
                    app_.load_keys(),
                    table,
                    rules,
                    problems_file=problems,
                    on_progress=lambda p: bar.update(
                        task, completed=p.share, description=_STAGES[p.stage], rows=amount(p.rows, "row")
                    ),
                    workers=workers,
                    actor=actor,
                ).run()
        _show_done(app_, table, done, problems)

    run(act())


@app.command("list")
def list_all(
    context: typer.Context,
    country: Annotated[str, typer.Option(help="Of this country only.")] = "",
    locale: Annotated[str, typer.Option(help="Of this locale or language only.")] = "",
    after: Annotated[int, typer.Option(help="Begin behind this row: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 50,
) -> None:
    """List customers by number; names and addresses stay sealed."""
    app_ = application(context)

    async def act() -> None:
        async with app_.store() as store, store.read() as tx:
            found = await list_customers(tx, after, limit, country=_country(country), locale=locale)

        def human() -> None:
            table = Table(
                "row",
                Header("number", no_wrap=True),
                "country",
                "locale",
                "channels",
                "data held",
                "marks",
                "account",
                "from",
            )
            for each in found:
                table.add_row(
                    *(
                        escape(str(value))
                        for value in (
                            each.id,
                            each.number,
                            each.country,
                            each.locale,
                            each.channels,
                            each.data_held,
                            each.marks,
                            each.account,
                            each.origin,
                        )
                    )
                )
            out.print(table)
            if len(found) == limit:
                out.print(f"More: --after {found[-1].id}")

        app_.show([asdict(each) for each in found], human)

    run(act())


@app.command("count")
def count(context: typer.Context) -> None:
    """Count customers by country, locale, mark and channel."""
    app_ = application(context)

    async def act() -> None:
        async with app_.store() as store, store.read() as tx:
            counts = await count_customers(tx)

        def human() -> None:
            table = Table("", "", "customers")
            table.add_row("all", "", f"{counts.customers:,}")
            for title, group in (
                ("country", counts.by_country),
                ("locale", counts.by_locale),
                ("mark", counts.by_mark),
                ("reachable by", counts.by_channel),
            ):
                for place, (label, number) in enumerate(group.items()):
                    table.add_row("" if place else title, label or "unknown", f"{number:,}")
            table.add_row("reachable by nothing", "", f"{counts.without_channel:,}")
            table.add_row("open duplicates", "", f"{counts.open_duplicates:,}")
            out.print(table)

        app_.show(asdict(counts), human)

    run(act())


@app.command("sample")
def sample(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file to write.")],
    count_: Annotated[int, typer.Option("--count", min=1, max=10_000_000, help="How many.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same file.")] = 1,
    clean: Annotated[bool, typer.Option("--clean", help="Without the mess that real files have.")] = False,
) -> None:
    """Write invented customers in six locales, for trying things out."""
    app_ = application(context)

    async def act() -> None:
        write_sample(file, count_, seed, messy=not clean)
        app_.show(
            {"file": str(file), "customers": count_},
            lambda: out.print(f"{amount(count_, 'customer')}: {file}", markup=False),
        )

    run(act())


def _rehearse(app_: Application, table: FileTable, rules: Rules, problems: Path | None) -> None:
    report = Report(table.headers, problems)
    with progress_bar() as bar:
        task = bar.add_task("Checking", total=1.0, rows="")
        usable = rehearse(
            table,
            rules,
            report,
            lambda share, rows: bar.update(task, completed=share, rows=amount(rows, "row")),
        )
    value = {
        "dry_run": True,
        "usable": usable,
        "refused": report.refused,
        "with_warnings": report.with_warnings,
        "problems": report.as_json(),
        **supposed(table),
    }

    def human() -> None:
        out.print(f"{amount(usable, 'row')} can be used, {report.refused:,} cannot. Nothing was changed.")
        show_problems(report, problems)
        show_guess(table)

    app_.show(value, human)
    if report.bad_rows or table.doubtful:
        raise typer.Exit(PARTIAL)


def _show_done(app_: Application, table: FileTable, done: Imported, problems: Path | None) -> None:
    counts, report = done.progress, done.report
    value = {
        "file": done.file,
        "rows": counts.rows,
        "broken_at_line": done.broken,
        "added": counts.added,
        "changed": counts.changed,
        "unchanged": counts.unchanged,
        "refused": report.refused,
        "with_warnings": report.with_warnings,
        "duplicates_found": done.duplicates.found,
        "duplicates_open": done.duplicates.open,
        "problems": report.as_json(),
        **supposed(table),
    }

    def human() -> None:
        out.print(
            f"{amount(counts.rows, 'row')}: {counts.added:,} added, {counts.changed:,} changed, "
            f"{counts.unchanged:,} unchanged, {report.refused:,} refused."
        )
        if done.broken:
            out.print(
                f"[bold red]The file broke off at line {done.broken}:[/] what stands before is in, nothing "
                "behind. Mend the file and import it again."
            )
        show_problems(report, problems)
        if done.duplicates.open:
            out.print(
                f"Waiting for review: {amount(done.duplicates.open, 'possible duplicate')}; see "
                "notifier customers duplicates list"
            )
        show_guess(table)

    app_.show(value, human)
    if report.bad_rows or table.doubtful:
        raise typer.Exit(PARTIAL)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _country(text: str) -> str:
    try:
        return read_country(text) if text else ""
    except Faulty:
        raise BadInput(f"there is no country {text!r}", advice="Give its two letters, such as DE.") from None


def _order(text: str) -> DateOrder:
    if text == "dmy":
        return "dmy"
    if text == "mdy":
        return "mdy"
    if text:
        raise BadInput(
            f"--date-order is dmy or mdy, not {text!r}",
            advice="dmy reads 01/02/2026 as the first of February.",
        )
    return ""
