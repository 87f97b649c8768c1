"""All commands of ``notifier incidents``, from the files that hold them."""

from __future__ import annotations

import typer

from incidents.cli import affecting, declaring, excluding, forms, freezing, showing, stepping

app = typer.Typer(help="Incidents: what happened, who is affected, what they are told.", no_args_is_help=True)
for part in (declaring, stepping, showing, forms, affecting, excluding, freezing):
    app.add_typer(part.app)
