"""``notifier letters batch`` and ``returns``: what goes to the mail house, and what it sends back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from notifier.announcements import announcement as find_announcement
from notifier.channels.letter import LetterRenderer
from notifier.channels.letter.returns import Returned, read_returns
from notifier.cli import PARTIAL, application, out, run
from notifier.cli.identity import identify
from notifier.cli.printing import records_table
from notifier.engine import kind
from notifier.errors import BadInput
from notifier.letters.printing import MOST, PrintRun, Run
from notifier.letters.returning import Told, take_returns
from notifier.letters.senders import sender
from notifier.notices import grouped
from notifier.preflight.recipe import own_templates, require_as_approved
from notifier.rendering.moments import read_zone
from notifier.words import amount

app = typer.Typer()
_SHOWN = 20
Operator = Annotated[str, typer.Option(help="Your handle.")]


@app.command()
def batch(
    context: typer.Context,
    announcement: Annotated[str, typer.Argument(help="The announcement's code.")],
    *,
    to: Annotated[Path, typer.Option("--out", help="Write the archive (a ZIP) here; it must not exist.")],
    operator: Operator,
    most: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many letters.")] = MOST,
    workers: Annotated[
        int | None, typer.Option(min=0, max=64, help="Processes that set pages; 0 for this one alone.")
    ] = None,
) -> None:
    """Print the letters of an announcement that wait, into one archive for the mail house.

    In a drill every letter bears your own address.
    """
    app_ = application(context)

    async def act() -> tuple[str, Run]:
        settings = app_.settings
        writes = sender(settings.letter)
        async with app_.store() as store:
            async with store.read() as tx:
                await kind.require(tx, drill=settings.drill)
                found = await find_announcement(tx, announcement)
            require_as_approved(found, settings)
            handle = await identify(app_, store, operator)
            name = f"{found.code.replace('/', '-')}-{app_.clock.now():%Y%m%dT%H%M%SZ}"
            printing = PrintRun(
                store,
                app_.load_keys(),
                settings.sending,
                found,
                LetterRenderer(writes, own_templates(settings)),
                dispatcher=app_.dispatcher,
                name=name,
                operator=handle,
                divert=writes if settings.drill else None,
            )
            return name, await printing.run(to, most=most, processes=workers)

    name, made = run(act())
    app_.show(_batch_json(name, made), lambda: _say_batch(name, made))
    if made.set_aside:
        raise typer.Exit(PARTIAL)


def _batch_json(name: str, made: Run) -> dict[str, Any]:
    archive = made.batch
    return {
        "batch": name,
        "file": str(archive.path) if archive else "",
        "sha256": archive.sha256 if archive else "",
        "totals": archive.totals.as_json() if archive else {},
        "set_aside": [
            {"reference": grouped(one.reference), "findings": [found.code for found in one.findings]}
            for one in made.set_aside
        ],
        "ended": made.ended,
        "waiting": made.waiting.all,
    }


def _say_batch(name: str, made: Run) -> None:
    if made.batch:
        totals = made.batch.totals
        said = f"{amount(totals.letters, 'letter')}, {amount(totals.pages, 'page')}"
        out.print(
            f"{made.batch.path}: {said}, {amount(totals.sheets, 'sheet')} (batch {name}).", markup=False
        )
        out.print(f"SHA-256 {made.batch.sha256}")
    else:
        out.print("No letter could be printed; there is no archive.")
    if made.ended:
        out.print(f"{amount(made.ended, 'letter')} ended instead: acknowledged, erased, or not to be used.")
    why = Counter(found.code for one in made.set_aside for found in one.findings[:1])
    for code, count in sorted(why.items()):
        out.print(f"not printed, {code}: {amount(count, 'letter')}", markup=False)
    for one in made.set_aside[:_SHOWN]:
        said = "; ".join(found.detail for found in one.findings)
        out.print(f"  {grouped(one.reference)}: {said}", markup=False)
    left = made.waiting
    if left.all:
        out.print(f"{amount(left.all, 'letter')} wait, {left.ready:,} of them can be printed now.")


@app.command()
def returns(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The mail house's file: CSV, XLSX or JSON by lines.")],
    *,
    operator: Operator,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN: reference, status, date, reason or carrier_id."),
    ] = None,
    statuses: Annotated[
        list[str] | None, typer.Option("--status", help="WORD=STATUS: the house's own word for a status.")
    ] = None,
    dates: Annotated[
        Literal["", "dmy", "mdy"], typer.Option(help="What stands first where a day reads two ways.")
    ] = "",
    zone: Annotated[str, typer.Option(help="Time zone of days; else the organisation's.")] = "",
) -> None:
    """Take in which letters were printed, posted, delivered, or came back. Twice does no harm."""
    app_ = application(context)

    async def act() -> tuple[Returned, Told]:
        read = read_returns(
            file,
            columns=_pairs(columns, "--map FIELD=COLUMN"),
            statuses=_pairs(statuses, "--status WORD=STATUS"),
            dates=dates,
            zone=read_zone(zone or app_.settings.organisation.time_zone),
        )
        async with app_.store() as store:
            handle = await identify(app_, store, operator)
            return read, await take_returns(store, app_.load_keys(), read.receipts, operator=handle)

    read, told = run(act())
    faults = [
        {"line": one.line, "column": one.column, "code": one.code, "reason": one.reason, "remedy": one.remedy}
        for one in read.faults
    ]
    value: dict[str, Any] = {
        "rows": read.rows,
        "statuses": dict(read.statuses),
        "taken": told.taken,
        "repeated": told.repeated + read.repeated,
        "parked": told.parked,
        "moved": told.moved,
        "not_letters": [grouped(one) for one in told.not_letters],
        "faults": faults,
    }

    def human() -> None:
        said = ", ".join(f"{name} {count:,}" for name, count in sorted(read.statuses.items()))
        out.print(f"{amount(read.rows, 'row')} read{': ' if said else ''}{said}.", markup=False)
        out.print(f"{told.taken:,} new, {value['repeated']:,} known before; {told.moved:,} changed a state.")
        if told.parked:
            out.print(f"{told.parked:,} name no letter we know: see notifier receipts parked", markup=False)
        for one in value["not_letters"]:
            out.print(f"{one} is no letter's: its row was not used.", markup=False)
        if faults:
            out.print(records_table(faults))

    app_.show(value, human)
    if told.not_letters or any(not one.used for one in read.faults):
        raise typer.Exit(PARTIAL)


def _pairs(given: list[str] | None, form: str) -> dict[str, str]:
    """Read options of the form NAME=VALUE."""
    pairs = {}
    for one in given or ():
        name, between, value = one.partition("=")
        if not (name.strip() and between and value.strip()):
            raise BadInput(f"{one!r} is not {form}", advice="Write both, with an equals sign between them.")
        pairs[name.strip()] = value.strip()
    return pairs
