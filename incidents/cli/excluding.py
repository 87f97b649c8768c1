"""``notifier incidents exclude``, ``compromise`` and ``affected``: who is told, and on which addresses."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from incidents import store
from incidents.affected import compromise as compromising
from incidents.affected import view
from incidents.affected.exclusion import Excluded
from incidents.affected.exclusion import exclude as exclude_people
from incidents.affected.listing import PeopleList
from incidents.affected.lists import ProblemRow
from incidents.affected.settling import settle_accounts
from incidents.cli.printing import Code, Who, print_marked
from incidents.cli.problems import Report, Where, print_problems, write_problems
from incidents.selection import Selection
from notifier.cli import PARTIAL, application, out, run
from notifier.cli.identity import identify
from notifier.customers.report import check_apart
from notifier.errors import BadInput
from notifier.words import amount, persons

app = typer.Typer()


@app.command("exclude")
def exclude(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    because: Annotated[str, typer.Option(help="Why they get no notice; or why they do after all.")],
    number: Annotated[list[str] | None, typer.Option(help="A customer number; repeatable.")] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(help="An account with nobody to tell that is told otherwise; repeatable."),
    ] = None,
    where: Where = "",
    readmit: Annotated[bool, typer.Option("--readmit", help="Undo an exclusion.")] = False,
) -> None:
    """Exclude affected people with a reason. They stay on the list and are counted."""
    app = application(context)

    async def act() -> Excluded | int:
        selection = Selection.read(where) if where else None
        if account and (number or selection):
            raise BadInput("--account stands alone", advice="Exclude people by --number or --where.")
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                incident = await store.find(tx, code)
                if account:
                    return await settle_accounts(
                        tx, incident, account, reason=because, again=readmit, actor=actor
                    )
                return await exclude_people(
                    tx,
                    app.load_keys(),
                    incident,
                    numbers=number or (),
                    selection=selection,
                    reason=because,
                    readmit=readmit,
                    actor=actor,
                )

    done = run(act())
    if isinstance(done, int):
        how = "waiting for somebody to tell" if readmit else "told otherwise"
        app.show({"accounts": done}, lambda: out.print(f"{amount(done, 'account')}: {how}."))
        return
    word = "readmitted" if readmit else "excluded"

    def human() -> None:
        out.print(f"{persons(done.people)} {word}.")
        for one in done.moved:
            instead = (
                f"its {one.role} contact" if one.people == 1 else f"its {one.people} {one.role} contacts"
            )
            out.print(f"Account {escape(one.account)}: {instead} will be told instead.")
        if done.without_contact:
            out.print(f"Accounts with nobody to tell: {escape(', '.join(done.without_contact))}.")
            out.print("Import a contact for them: the next freeze tells them.")

    moved = [asdict(one) for one in done.moved]
    app.show({word: done.people, "moved": moved, "without_contact": list(done.without_contact)}, human)
    if done.without_contact:
        raise typer.Exit(PARTIAL)


@app.command("compromise")
def compromise(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    because: Annotated[str, typer.Option(help="How it is known.")],
    channel: Annotated[
        list[str] | None, typer.Option(help="All their contact points on this channel; repeatable.")
    ] = None,
    where: Where = "",
    exposed: Annotated[
        str, typer.Option(help="Only of people whose data of this category was exposed.")
    ] = "",
    list_file: Annotated[Path | None, typer.Option("--list", help="A list of single addresses.")] = None,
    report: Report = None,
) -> None:
    """Mark contact points that the incident compromised. They are never used for it."""
    app = application(context)

    async def act() -> tuple[dict[str, int], list[ProblemRow]]:
        if bool(channel) == bool(list_file):
            raise BadInput("name a channel, or a list of addresses", advice="Use --channel or --list.")
        if list_file and (where or exposed):
            raise BadInput("--where and --exposed go with --channel", advice="A list names single addresses.")
        if report:
            check_apart(report, "--report", [list_file])
        listed = PeopleList(list_file) if list_file else None
        selection = Selection.read(where) if where else None
        problems: list[ProblemRow] = []
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                incident = await store.find(tx, code)
                if listed:
                    result = await compromising.compromise_addresses(
                        tx, app.load_keys(), incident, listed, reason=because, actor=actor
                    )
                    made, problems = result.counts(), result.problems
                else:
                    people = await compromising.compromise_channels(
                        tx,
                        incident,
                        channel or (),
                        selection=selection,
                        exposed=exposed,
                        reason=because,
                        actor=actor,
                    )
                    made = {"people": people}
        if report and listed:
            write_problems(report, listed.headers, problems)
        return made, problems

    made, problems = run(act())

    def human() -> None:
        if channel:
            out.print(f"{persons(made['people'])} marked as compromised; so is whoever is added and fits.")
        else:
            print_marked(made)
        print_problems(problems, report)

    app.show({**made, "not_used": [{"line": one.line, "problem": one.problem} for one in problems]}, human)
    if problems:
        raise typer.Exit(PARTIAL)


@app.command("affected")
def affected(
    context: typer.Context,
    code: Code,
    people: Annotated[int, typer.Option(min=0, max=1000, help="How many people to list, masked.")] = 10,
    after: Annotated[str, typer.Option(help="List those after this customer number.")] = "",
) -> None:
    """Show how many people are affected, by what, and how that is known; and some of them, masked."""
    app = application(context)

    async def act() -> dict[str, Any]:
        async with app.store() as opened, opened.read() as tx:
            incident = await store.find(tx, code)
            found = await view.counts(tx, incident)
            shown = (
                await view.masked(tx, app.load_keys(), incident, most=people, after=after) if people else []
            )
        return {"counts": found, "people": shown}

    found = run(act())

    def human() -> None:
        for name, value in found["counts"].items():
            if isinstance(value, dict):
                for word, count in value.items():
                    out.print(f"  {name} {escape(str(word))}: {count}")
            else:
                out.print(f"{name}: [bold]{value}[/]")
        if found["people"]:
            table = Table(*found["people"][0])
            for one in found["people"]:
                table.add_row(*(escape(str(value)) for value in one.values()))
            out.print(table)

    app.show(found, human)
