"""``notifier incidents accounts``: everyone accounted for, and the list of those nobody has reached."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from incidents import accounting, store
from incidents.accounting import Accounts
from incidents.actions import IncidentAction
from incidents.cli.printing import Code
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.cli import Application, application, out, run
from notifier.cli.identity import identify
from notifier.customers.lookup import open_profiles
from notifier.customers.report import create_private, neutralised
from notifier.errors import BadInput
from notifier.store import Store, Transaction
from notifier.words import persons

app = typer.Typer()
_COLUMNS = ("number", "name", "street", "postal_code", "city", "region", "country", "locale", "reason")
_WORDS = {
    accounting.NOTIFIED: "notified",
    accounting.PENDING: "pending",
    accounting.UNREACHABLE: "not reached",
    accounting.SET_ASIDE: "set aside, to be repaired",
    accounting.EXCLUDED: "excluded",
    accounting.NOT_AFFECTED: "not affected after all",
}


@app.command("accounts")
def show(
    context: typer.Context,
    code: Code,
    *,
    export: Annotated[
        Path | None,
        typer.Option(help="Write those who are not reached to this CSV file, with name and postal address."),
    ] = None,
    operator: Annotated[str, typer.Option(help="Your handle; needed with --export.")] = "",
) -> None:
    """Count every affected person once: notified, pending, not reached, set aside or excluded, and why."""
    app_ = application(context)

    async def act() -> tuple[Accounts, int]:
        async with app_.store() as opened:
            hours = app_.settings.sending.settled_hours
            written = 0
            if export is not None:
                if not operator:
                    raise BadInput("--operator is missing", advice="Who takes names and addresses out?")
                actor = await identify(app_, opened, operator, fresh=True)
                written = await _export(app_, opened, code, export, actor)
            async with opened.read() as tx:
                found = await accounting.accounts(tx, await store.find(tx, code), settled_hours=hours)
        return found, written

    found, written = run(act())
    value: dict[str, Any] = {"people": found.people, **found.parts, "unaccounted": found.unaccounted}
    if export is not None:
        value["exported"] = written

    def human() -> None:
        print_accounts(found)
        if export is not None:
            out.print(
                f"Written to {export}: {persons(written)}. The file holds names and addresses.", markup=False
            )

    app_.show(value, human)


def print_accounts(found: Accounts) -> None:
    """Print where everybody affected stands, and that nobody is missing."""
    table = Table(box=None, show_header=False)
    for group, words in _WORDS.items():
        if found.total(group):
            table.add_row(f"[bold]{words}[/]", f"[bold]{found.total(group):,}[/]")
            for what, count in found.parts[group].items():
                table.add_row(f"  {what}", f"{count:,}")
    out.print(f"{persons(found.people)} affected")
    out.print(table)
    out.print(f"unaccounted: {found.unaccounted}")


async def _export(app_: Application, opened: Store, code: str, path: Path, actor: str) -> int:
    keys, written = app_.load_keys(), 0
    async with opened.begin() as tx:
        incident = await store.find(tx, code)
        with create_private(path) as file:
            table = csv.writer(file)
            table.writerow(_COLUMNS)
            async for part in accounting.unreached(
                tx, incident, settled_hours=app_.settings.sending.settled_hours
            ):
                profiles = await open_profiles(tx, keys, [customer for customer, _ in part])
                for customer, reason in part:
                    if (person := profiles.get(customer)) is None:
                        continue  # Erased: there is nobody to write to any more.
                    address = person.address
                    where = (
                        (address.street, address.postal_code, address.city, address.region, address.country)
                        if address
                        else ("",) * 5
                    )
                    cells = (person.number, person.name, *where, person.locale, reason)
                    table.writerow([neutralised(cell) for cell in cells])
                    written += 1
        await _record(tx, incident, written, actor)
    return written


async def _record(tx: Transaction, incident: Incident, people: int, actor: str) -> None:
    tx.record(
        Event(
            IncidentAction.UNREACHED_EXPORTED,
            {"incident": incident.code, "people": people, "actor": f"operator:{actor}"},
        )
    )
