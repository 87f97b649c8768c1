"""``notifier incidents example``, ``schema`` and ``check``: what a record looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from incidents import examples as ready
from incidents import records
from incidents.cli.printing import print_open, read_record
from incidents.records import checks
from notifier.cli import application, out, run

app = typer.Typer()


@app.command("examples")
def list_examples(context: typer.Context) -> None:
    """List the ready records that ship with the product."""
    app = application(context)

    def human() -> None:
        for name, title in ready.TITLES.items():
            out.print(f"[bold]{name}[/]  {title}")
        out.print("Print one with `notifier incidents example NAME > record.yaml`.")

    app.show([{"name": name, "title": title} for name, title in ready.TITLES.items()], human)


@app.command("example")
def example(name: Annotated[str, typer.Argument(metavar="NAME", help="One of `examples`.")]) -> None:
    """Print a ready record, to be changed and declared."""

    async def act() -> str:
        return ready.text(name)

    typer.echo(run(act()), nl=False)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of incident records."""
    typer.echo(json.dumps(records.schema(), indent=2, ensure_ascii=False))


@app.command("check")
def check(
    context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A record.")]
) -> None:
    """Check a record's file without putting anything on record."""
    app = application(context)

    async def act() -> dict[str, Any]:
        record = read_record(file)
        return {"unknown": checks.unknown(record), "warnings": checks.warnings(record, app.clock.now())}

    found = run(act())

    def human() -> None:
        out.print("The record can be read.")
        print_open(found)

    app.show(found, human)
