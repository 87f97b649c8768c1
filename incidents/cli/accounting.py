"""``notifier incidents accounts``: everyone accounted for, and the list of those nobody has reached."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.markup import escape
from rich.table import Table

from incidents import accounting, store
from incidents.accounting import Accounts, Unreached
from incidents.actions import IncidentAction
from incidents.cli.printing import Code
from incidents.store import Incident
from notifier.audit.entry import Event
from notifier.cli import Application, application, out, run
from notifier.cli.identity import identify
from notifier.customers.lookup import Profile, open_profiles
from notifier.customers.report import create_private, neutralised
from notifier.errors import BadInput, StoreError
from notifier.keys import Keys
from notifier.store import Store, Transaction
from notifier.words import persons

app = typer.Typer()
_COLUMNS = (
    *("number", "name", "street", "postal_code", "city", "region", "country", "locale", "reason"),
    "in_place_of",
)
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

    app_.show(value, lambda: _say(found, export, written))


def _say(found: Accounts, export: Path | None, written: int) -> None:
    print_accounts(found)
    if export is not None:
        out.print(
            f"Written to {export}: {persons(written)}. The file holds names and addresses.", markup=False
        )
        if (missing := found.total(accounting.UNREACHABLE) - written) > 0:
            out.print(f"Not in it: {persons(missing)} whose data was erased or cannot be read.")


def print_accounts(found: Accounts) -> None:
    """Print where everybody affected stands, and that nobody is missing."""
    table = Table(box=None, show_header=False)
    for group, words in _WORDS.items():
        if found.total(group):
            table.add_row(f"[bold]{words}[/]", f"[bold]{found.total(group):,}[/]")
            for what, count in found.parts[group].items():
                table.add_row(f"  {escape(what)}", f"{count:,}")
    out.print(f"{persons(found.people)} affected")
    out.print(table)
    out.print(f"unaccounted: {found.unaccounted}")


async def _export(app_: Application, opened: Store, code: str, path: Path, actor: str) -> int:
    """Write the file, then put on record that it was; what goes wrong leaves none behind.

    Nothing is held meanwhile: notices go out.
    """
    keys, written = app_.load_keys(), 0
    async with opened.read() as tx:
        incident = await store.find(tx, code)
    with _whole(path) as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        async with opened.read() as tx:
            async for part in accounting.unreached(
                tx, incident, settled_hours=app_.settings.sending.settled_hours
            ):
                rows = await _rows(tx, keys, part)
                table.writerows([neutralised(cell) for cell in row] for row in rows)
                written += len(rows)
        file.flush()
        async with opened.begin() as tx:
            await _record(tx, incident, written, actor)
    return written


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """Give a file that only its owner can read, which goes again where it does not get whole."""
    made = create_private(path)
    try:
        with made as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _rows(tx: Transaction, keys: Keys, part: Sequence[Unreached]) -> list[tuple[str, ...]]:
    """Return the rows of some people; whose data was erased, or is damaged, has none."""
    profiles = await _readable(tx, keys, {one.customer_id for one in part})
    others = {one.writes_to for one in part if one.writes_to is not None} - profiles.keys()
    holders = profiles | await _readable(tx, keys, others)
    return [
        _row(
            profiles[one.customer_id],
            None if one.writes_to is None else holders.get(one.writes_to),
            one.reason,
        )
        for one in part
        if one.customer_id in profiles
    ]


async def _readable(tx: Transaction, keys: Keys, ids: Collection[int]) -> dict[int, Profile]:
    try:
        return await open_profiles(tx, keys, list(ids))
    except StoreError:
        if len(ids) == 1:
            return {}
    found: dict[int, Profile] = {}
    for one in ids:  # One that is damaged keeps none of the others from being written to.
        found |= await _readable(tx, keys, [one])
    return found


def _row(person: Profile, holder: Profile | None, reason: str) -> tuple[str, ...]:
    address = holder.address if holder else None
    where = (
        (address.street, address.postal_code, address.city, address.region, address.country)
        if address
        else ("",) * 5
    )
    name = holder.name if holder else ""
    instead = person.name if holder is None or holder.id != person.id else ""
    return (person.number, name, *where, person.locale, reason, instead)


async def _record(tx: Transaction, incident: Incident, people: int, actor: str) -> None:
    tx.record(
        Event(
            IncidentAction.UNREACHED_EXPORTED,
            {"incident": incident.code, "people": people, "actor": f"operator:{actor}"},
        )
    )
