"""The application, put together from settings: the only place that knows all the parts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from incidents.building import build_worker
from incidents.cli import demo as demo_cli
from incidents.cli import installation, serving
from incidents.cli import room as incidents_cli
from incidents.migrations import require_current
from notifier import __version__
from notifier.cli import Application, approving, fail, sending
from notifier.cli import announcements as announcements_cli
from notifier.cli import audit as audit_cli
from notifier.cli import backup as backup_cli
from notifier.cli import customers as customers_cli
from notifier.cli import email as email_cli
from notifier.cli import notices as notices_cli
from notifier.cli import operators as operators_cli
from notifier.cli import story as story_cli
from notifier.errors import NotifierError
from notifier.keys import Keys
from notifier.settings import HOME_VARIABLE, load
from notifier.store import Store

app = typer.Typer(
    name="notifier",
    help="Tell every affected customer, and prove it.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

app.add_typer(installation.app)
serving.add_serve(
    app, lambda installed, store: build_worker(installed.settings, installed.load_keys(), store)
)
app.add_typer(backup_cli.app)
app.add_typer(demo_cli.app)
app.add_typer(operators_cli.app, name="operators")
story_cli.register(customers_cli.app)
app.add_typer(customers_cli.app, name="customers")
approving.register(announcements_cli.app)
sending.register(announcements_cli.app)
app.add_typer(announcements_cli.app, name="announcements")
app.add_typer(audit_cli.app, name="audit")
app.add_typer(email_cli.app, name="email")
app.add_typer(notices_cli.app, name="notices")
app.add_typer(incidents_cli.app, name="incidents")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"breach-notifier {__version__}")
        raise typer.Exit


@app.callback()
def prepare(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar=HOME_VARIABLE, help="Folder of the configuration, keys and state.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Read the settings once, before any command."""
    try:
        settings = load(home.absolute())
    except NotifierError as error:
        fail(error)
    keys = settings.keys_folder

    async def open_store() -> Store:
        store = Store.open(settings.store_url, origin=settings.audit.origin)
        await require_current(store.engine)
        return store

    context.obj = Application(
        settings=settings, open_store=open_store, load_keys=lambda: Keys.load(keys), as_json=as_json
    )


def main() -> None:
    """Run the command line."""
    os.umask(0o077)  # Nothing this program writes is for others to read.
    app()
