"""``notifier init``, ``upgrade`` and ``settings``: make an installation, keep it current, look at it."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from incidents.migrations import upgrade
from incidents.revision import NEEDED, found
from notifier.cli import application, out, run
from notifier.configuration import commented, effective
from notifier.engine.ownership import Ownership
from notifier.errors import BadInput, Conflict
from notifier.installation import CONFIGURATION, Installed, install
from notifier.settings import DRILL_ORIGIN, Settings, in_file
from notifier.store import Store

app = typer.Typer()

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)
_DRIVERS = ("postgresql+psycopg", "sqlite+aiosqlite")


@app.command()
def init(
    context: typer.Context,
    brand: Annotated[str, typer.Option(help="The name customers know you by.")] = "",
    domain: Annotated[
        str, typer.Option(help="Your domain: sender, links and check page are derived from it.")
    ] = "",
    store_url: Annotated[
        str, typer.Option(help="SQLAlchemy URL of a PostgreSQL database; SQLite if not given.")
    ] = "",
    drill: Annotated[
        bool, typer.Option("--drill", help="Make a drill installation: it cannot reach a customer.")
    ] = False,
) -> None:
    """Make a new installation: configuration, keys, tables. Nothing that exists is overwritten."""
    app = application(context)
    home = app.settings.home

    async def act() -> Installed:
        return await install(home, commented(_values(brand, domain, store_url, drill)), _make_store)

    made = run(act())
    facts = {"home": str(home), "log": made.vkey, "drill": made.settings.drill}
    app.show(facts, lambda: _next_steps(home, made))


@app.command("upgrade")
def bring_up_to_date(context: typer.Context) -> None:
    """Bring the store's tables to the form this version needs. Stop the service and back up first."""
    app = application(context)

    async def act() -> tuple[str, str]:
        store = Store.open(app.settings.store_url, origin=app.settings.audit.origin)
        try:
            before = await found(store.engine)
            if before is None:
                raise Conflict("there is no store to upgrade", advice="Run `notifier init` first.")
            # Tables must not change under a worker; the lock says whether one is at it.
            async with Ownership(store, app.settings.state_folder, "upgrade"):
                await upgrade(store.engine)
        finally:
            await store.close()
        return before, NEEDED

    before, after = run(act())
    said = "The tables are current." if before == after else f"The tables went from {before} to {after}."
    app.show({"before": before, "after": after}, lambda: out.print(said))


@app.command("settings")
def show_settings(context: typer.Context) -> None:
    """Show the settings in force and where each comes from; secrets are masked."""
    app = application(context)
    written = in_file(app.settings.home)
    rows = [
        {
            "setting": ".".join(part for part in (item.table, item.name) if part),
            "value": value,
            "from": _source(written, item.table, item.name, item.variable),
        }
        for item, value in effective(app.settings)
    ]

    def human() -> None:
        table = Table("Setting", "Value", "From", box=None, header_style="bold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row.values()))
        out.print(table)

    app.show(rows, human)


async def _make_store(settings: Settings) -> None:
    store = Store.open(settings.store_url, origin=settings.audit.origin)
    try:
        if await found(store.engine) is not None:
            raise Conflict(
                "that database already holds a store",
                advice="Use the home it was made with: its data can be read only with the keys there.",
            )
        await upgrade(store.engine)
    finally:
        await store.close()


def _values(brand: str, domain: str, store_url: str, drill: bool) -> dict[str, Any]:
    """Return what the new configuration sets, by dotted name."""
    values: dict[str, Any] = {"drill": True} if drill else {}
    if brand:
        values |= {"organisation.brand": brand, "email.from_name": brand}
    if store_url:
        values["store.url"] = _checked_url(store_url)
    if domain:
        if not _DOMAIN.fullmatch(domain):
            raise BadInput(
                f"{domain!r} is no domain name", advice="Give it as example.com, without https://."
            )
        values |= {
            "organisation.verify_address": f"notices.{domain}/check",
            "organisation.allowed_hosts": [domain],
            "email.from_address": f"security@{domain}",
            "email.message_id_domain": domain,
            "email.bounce_domain": f"bounces.{domain}",
        }
    if domain or drill:
        # A drill's log is another log: what it proves must never pass for the real one.
        values["audit.origin"] = f"{DRILL_ORIGIN if drill else 'notices.'}{domain or 'example.com'}/audit"
    return values


def _checked_url(store_url: str) -> str:
    try:
        driver = make_url(store_url).drivername
    except ArgumentError:
        driver = ""
    if driver not in _DRIVERS:
        raise BadInput(
            "--store-url names no database this program works with",
            advice="Give it as postgresql+psycopg://user@host/database, or leave it out for SQLite.",
        )
    return store_url


def _source(written: dict[str, Any], table: str, name: str, variable: str) -> str:
    """Say where a value comes from: the environment, the file or the default."""
    if variable and variable in os.environ:
        return "environment"
    if "[" in table:
        return "file"
    return "file" if name in (written.get(table, {}) if table else written) else "default"


def _next_steps(home: Path, made: Installed) -> None:
    kind = "drill installation" if made.settings.drill else "installation"
    out.print(f"[bold green]Made:[/] a new {kind} in {escape(str(home))}")
    out.print(f"  {CONFIGURATION}  every setting with its meaning: read it and set what is yours")
    out.print("  keys/          keep a copy apart from the store's backups: without it nothing can be read")
    out.print("  state/         the store, unless it is on PostgreSQL")
    publish = "" if made.settings.drill else " (publish it now)"
    out.print(f"\nThe log's public key, for whoever is to check the audit trail{publish}:")
    out.print(f"  {escape(made.vkey)}")
    where = "" if home == Path.cwd() else f"--home {shlex.quote(str(home))} "
    out.print("\nNext:")
    for command, what in (
        ("operators add HANDLE --email ADDRESS", "enrol the first two people"),
        ("customers import FILE", "bring in the customers"),
        ("serve", "start the worker and the check page"),
    ):
        out.print(f"  notifier {where}{command:<38}{what}", markup=False)
