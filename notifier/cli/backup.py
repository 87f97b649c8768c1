"""``notifier backup``: a copy of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from notifier.backup import Copy, back_up
from notifier.cli import application, out, run

app = typer.Typer()


@app.command()
def backup(
    context: typer.Context,
    to: Annotated[Path, typer.Option(help="The file to write; it must not exist.")],
) -> None:
    """Copy the store into one file while sending goes on. The keys folder is not part of it."""
    app = application(context)

    async def act() -> Copy:
        async with app.store() as store:
            return await back_up(store, to.absolute())

    made = run(act())

    def human() -> None:
        out.print(f"[bold green]Copied:[/] {escape(str(made.path))}, {made.size:,} bytes")
        out.print(f"SHA-256 {made.digest} (also in the audit trail)")
        out.print(
            "[bold]Guard it like the keys and delete it soon:[/] it holds every person's key; with the "
            "keys folder all of it can be read."
        )
        out.print("The keys folder is not in it: keep a copy of that elsewhere, made once.")

    app.show({"file": str(made.path), "bytes": made.size, "sha256": made.digest}, human)
