"""``notifier audit``: verify the trail, show it, and give it to others to check."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from notifier.audit.export import Exported, export
from notifier.audit.high_water import HighWater
from notifier.audit.listing import Placed, listing
from notifier.audit.log_key import LogKey
from notifier.audit.note import Checkpoint, Verifier
from notifier.audit.published import published
from notifier.audit.report import Report
from notifier.audit.sequencer import Sequencer
from notifier.audit.verify import verify as verify_trail
from notifier.cli import Application, application, err, out, run
from notifier.errors import AuditError, BadInput, NotFound
from notifier.references import read_reference
from notifier.store import Store
from notifier.words import amount

app = typer.Typer()
SEEN = "audit-seen"
Key = Annotated[
    str, typer.Option("--key", metavar="VKEY", help="Public key to verify with; else that of keys/log.key.")
]


def log_key(app: Application) -> LogKey:
    """Return the key that signs this installation's log."""
    return LogKey.load(app.settings.keys_folder, app.settings.audit.origin)


def sequencer(app: Application, store: Store) -> Sequencer:
    """Return the sequencer of this installation's log."""
    key = log_key(app)
    return Sequencer(store, key, HighWater(app.settings.high_water_file, key.verifier))


def _verifier(app: Application, vkey: str) -> Verifier:
    if not vkey:
        return log_key(app).verifier
    try:
        return Verifier.parse(vkey)
    except AuditError as error:
        raise BadInput(f"--key: {error}", advice="Give it as `notifier audit key` prints it.") from None


@app.command("verify")
def verify(
    context: typer.Context,
    key: Key = "",
    memory: Annotated[
        Path | None,
        typer.Option(help="File with the latest checkpoint you saw; else one in the state folder."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Do not give waiting entries their place first.")
    ] = False,
) -> None:
    """Recompute the whole trail from its stored bytes and name whatever does not fit."""
    app = application(context)

    async def act() -> tuple[Report, bool]:
        verifier = _verifier(app, key)
        seen = HighWater(memory or app.settings.state_folder / SEEN, verifier)
        with suppress(AuditError):  # A false one is a finding; one that cannot be read ends it here.
            seen.read()
        if memory:
            seen.prepare()
        async with app.store() as store:
            refusal = "" if read_only or key else await _drain(app, store)
            async with store.read() as tx:
                total = await tx.scalar("SELECT count(*) FROM log_leaf")
            with _progress(app) as progress:
                task = progress.add_task("Recomputing", total=total)
                report = await verify_trail(
                    store,
                    verifier,
                    high_water=HighWater(app.settings.high_water_file, verifier),
                    memory=seen,
                    also=app.checks(),
                    watch=lambda count: progress.advance(task, count),
                )
        if refusal:
            report.add("not-extended", refusal)
        return report, store.has_keys

    report, has_keys = run(act())
    app.show(
        {**report.as_json(), "reasons_compared": has_keys}, lambda: _print(report, reasons_compared=has_keys)
    )
    if not report.verified:
        raise typer.Exit(1)


def _progress(app: Application) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, transient=True, disable=app.as_json or not err.is_terminal)


async def _drain(app: Application, store: Store) -> str:
    """Give waiting entries their place; returns why that was refused, empty if it was not."""
    try:
        await sequencer(app, store).drain()
    except AuditError as error:
        return str(error)
    return ""


def _print(report: Report, *, reasons_compared: bool) -> None:
    if report.verified:
        out.print("audit trail: [bold green]verified[/]")
    else:
        out.print("audit trail: [bold red]not verified[/]")
        table = Table("finding", "number", "detail")
        shown = set()
        for one in report.findings:
            number = "" if one.code in shown else str(report.counts[one.code])
            shown.add(one.code)
            table.add_row(one.code, number, escape(one.detail))
        out.print(table)
    out.print(f"log: {report.origin}", markup=False)
    out.print(f"size: {report.size}")
    out.print(f"root: {report.root}")
    out.print(
        f"entries: {report.entries}, checkpoints: {report.checkpoints}, attempts: {report.attempts}, "
        f"receipts: {report.receipts}, "
        f"waiting: {report.pending}"
    )
    if not reasons_compared:
        out.print("The reasons given were not compared: that needs the installation's keys.")


@app.command("sequence")
def sequence(context: typer.Context) -> None:
    """Give waiting entries their place now, where no `notifier serve` runs to do it."""
    app = application(context)

    async def act() -> int:
        async with app.store() as store:
            return await sequencer(app, store).drain()

    count = run(act())
    app.show(
        {"entries": count},
        lambda: out.print(f"{amount(count, 'entry')} given a place in the log."),
    )


@app.command("checkpoint")
def checkpoint(context: typer.Context) -> None:
    """Print the latest signed checkpoint, to be kept where nobody can change it."""
    app = application(context)

    async def act() -> bytes:
        async with app.store() as store, store.read() as tx:
            note = await published(tx)
        if note is None:
            raise NotFound("the log has no checkpoint yet", advice="Run `notifier audit sequence`.")
        return note

    note = run(act()).decode()
    app.show({"note": note}, lambda: typer.echo(note, nl=False))


@app.command("key")
def key(context: typer.Context) -> None:
    """Print the public key that checkpoints are verified with."""
    app = application(context)

    async def act() -> str:
        return log_key(app).vkey

    vkey = run(act())
    app.show({"vkey": vkey}, lambda: typer.echo(vkey))


@app.command("entries")
def entries(
    context: typer.Context,
    *,
    delivery: Annotated[str, typer.Option(help="Only those about the delivery with this reference.")] = "",
    announcement: Annotated[str, typer.Option(help="Only those about this announcement.")] = "",
    action: Annotated[str, typer.Option(help="Only this action, such as audience:frozen.")] = "",
    after: Annotated[str, typer.Option(metavar="ID", help="Begin after this entry.")] = "",
    most: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 50,
) -> None:
    """List entries of the trail with their places, in the order of their making."""
    app = application(context)

    async def act() -> list[Placed]:
        async with app.store() as store, store.read() as tx:
            return await listing(
                tx,
                delivery=known_reference(delivery) if delivery else "",
                announcement=announcement,
                action=action,
                after=after,
                most=most,
            )

    found = run(act())
    value = [
        {"id": one.event_id, "index": one.leaf_index, "checkpoint": one.checkpoint, "entry": one.content}
        for one in found
    ]
    app.show(value, lambda: _print_entries(found, most))


def known_reference(typed: str) -> str:
    """Return a reference as the store has it; what cannot be one is ``BadInput``."""
    reference = read_reference(typed)
    if reference is None:
        raise BadInput(
            "this is no reference of a notice", advice="It has 16 digits and letters, as 3F9A-02BC-77D1-E04B."
        )
    return reference


def _print_entries(found: list[Placed], most: int) -> None:
    table = Table("place", "time (UTC)", "action", "facts")
    for one in found:
        facts: dict[str, Any] = one.content.get("data", {})
        told = " ".join(f"{name}={value}" for name, value in facts.items() if not name.startswith("_"))
        place = "waits" if one.leaf_index is None else str(one.leaf_index)
        table.add_row(place, str(one.content.get("time")), str(one.content.get("type")), escape(told))
    out.print(table)
    if len(found) == most:
        out.print(f"More: add --after {found[-1].event_id}")


@app.command("export")
def export_log(
    context: typer.Context,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that does not exist yet.")],
    key: Key = "",
) -> None:
    """Write checkpoint, tiles and entries as files that anybody's tlog-tiles checker reads."""
    app = application(context)

    async def act() -> Exported:
        verifier = _verifier(app, key)
        async with app.store() as store:
            return await export(store, verifier, to)

    made = run(act())
    value = {
        "folder": str(to),
        "size": made.checkpoint.size,
        "root": made.checkpoint.root.hex(),
        "files": made.files,
    }
    app.show(value, lambda: _print_exported(to, made.checkpoint))


def _print_exported(folder: Path, checkpoint: Checkpoint) -> None:
    out.print(
        f"{amount(checkpoint.size, 'entry')} of {checkpoint.origin} exported to {folder}.",
        markup=False,
    )
    out.print("They name no person, but their number tells the size of an incident: give them to auditors.")
