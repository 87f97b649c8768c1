"""``notifier incidents affect``: put people on the list of those affected."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from incidents import store
from incidents.affected import view
from incidents.affected.accounts import ROLES
from incidents.affected.listing import PeopleList
from incidents.affected.lists import KEPT, PARTLY_USED, SHORTENED
from incidents.affected.request import Done, Request, carry_out
from incidents.cli.printing import Code, Who, print_marked
from incidents.cli.problems import SHOWN, Report, Where, print_problems, write_problems
from incidents.selection import Selection
from notifier.cli import PARTIAL, Application, application, out, run
from notifier.cli.identity import identify
from notifier.customers.faults import Faulty
from notifier.customers.normalise import places
from notifier.customers.reading import Options
from notifier.customers.report import check_apart
from notifier.errors import BadInput
from notifier.words import amount, persons

app = typer.Typer()


@app.command("affect")
def affect(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    basis: Annotated[str, typer.Option(help="How it is known that they are affected.")],
    where: Where = "",
    list_file: Annotated[
        Path | None,
        typer.Option("--list", help="A list: customer numbers, e-mail addresses or phone numbers."),
    ] = None,
    person: Annotated[
        list[str] | None, typer.Option(help='One person: "name,email[,locale][,category…]"; repeatable.')
    ] = None,
    for_account: Annotated[
        list[str] | None,
        typer.Option(help="Tell this account's contacts instead of its people; repeatable, or `all`."),
    ] = None,
    exposed: Annotated[
        str, typer.Option(help="Data categories exposed, with commas; or `held`. Else those of the record.")
    ] = "",
    as_given: Annotated[
        bool,
        typer.Option("--as-given", help="Not only those data categories that are held about the person."),
    ] = False,
    compromised: Annotated[
        list[str] | None,
        typer.Option(help="A channel of theirs that must not be used: email, sms; repeatable."),
    ] = None,
    compromised_list: Annotated[
        Path | None, typer.Option(help="A list of addresses that must not be used.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="With --for-account: whom to tell, in this order; repeatable.")
    ] = None,
    add_unknown: Annotated[
        bool, typer.Option("--add-unknown", help="With --list: bring in people who are no customers.")
    ] = False,
    all_matches: Annotated[
        bool, typer.Option("--all-matches", help="With --list: use rows that name several customers for all.")
    ] = False,
    country: Annotated[str, typer.Option(help="Country of phone numbers written without one.")] = "",
    delimiter: Annotated[
        str, typer.Option(help="With --list: the delimiter, if it is guessed wrongly.")
    ] = "",
    encoding: Annotated[str, typer.Option(help="With --list: the encoding, if it is guessed wrongly.")] = "",
    report: Report = None,
) -> None:
    """Put people on the list of those affected: who, which of their data, and how it is known."""
    app = application(context)

    async def act() -> tuple[Done, dict[str, Any]]:
        if report:
            check_apart(report, "--report", [list_file, compromised_list])
        listed = PeopleList(list_file, Options(delimiter=delimiter, encoding=encoding)) if list_file else None
        request = Request(
            basis=basis,
            selection=Selection.read(where) if where else None,
            listed=listed,
            typed=tuple(person or ()),
            accounts=tuple(for_account or ()),
            roles=tuple(role or ROLES),
            exposed=exposed,
            as_given=as_given,
            channels=tuple(compromised or ()),
            addresses=PeopleList(compromised_list) if compromised_list else None,
            add_unknown=add_unknown,
            all_matches=all_matches,
            country=_country(country),
        )
        done, people = await _carry_out(app, code, request, operator)
        if listed and done.rows and report:
            write_problems(report, listed.headers, done.rows.doubtful)
        ignored = list(listed.ignored) if listed else []
        return done, {"people": people, "ignored_columns": ignored}

    done, more = run(act())
    app.show({**_plain(done), **more}, lambda: _print(code, done, more, report))
    if done.doubtful or (done.told and done.told.without_contact):
        raise typer.Exit(PARTIAL)


async def _carry_out(app: Application, code: str, request: Request, operator: str) -> tuple[Done, int]:
    keys = app.load_keys()
    async with app.store() as opened:
        actor = await identify(app, opened, operator)
        async with opened.begin() as tx:
            incident = await store.find(tx, code)
            done = await carry_out(tx, keys, incident, request, actor=actor)
            people = (await view.counts(tx, incident))["people"]
    return done, people


def _country(text: str) -> str:
    try:
        return places.country(text) if text else ""
    except Faulty:
        raise BadInput("--country is no country", advice="Write its two letters, such as DE.") from None


def _plain(done: Done) -> dict[str, Any]:
    made: dict[str, Any] = asdict(done.counted)
    if done.compromised:
        made["compromised"] = done.compromised.counts()
    if done.rows:
        made |= {
            "rows": done.rows.rows,
            "brought_in": done.rows.brought_in,
            "other_spelling": done.rows.respelled,
            "unknown_categories": sum(one.problem == PARTLY_USED for one in done.rows.partly),
            "shortened": sum(one.problem == SHORTENED for one in done.rows.partly),
            "not_used": [{"line": one.line, "problem": one.problem} for one in done.rows.problems],
            "partly_used": [
                {"line": one.line, "problem": one.problem, "columns": one.columns} for one in done.rows.partly
            ],
            "not_kept": done.rows.not_kept,
        }
    if done.told:
        made |= {
            "accounts": done.told.accounts,
            "records": done.told.records,
            "without_contact": list(done.told.without_contact),
        }
    return made


def _print(code: str, done: Done, more: dict[str, Any], report: Path | None) -> None:
    counted, plain = done.counted, _plain(done)
    out.print(
        f"{persons(counted.matched)} named: {counted.added:,} added, "
        f"{counted.grown:,} with more exposed data, {counted.unchanged:,} as before."
    )
    if counted.holding_none:
        out.print(f"{persons(counted.holding_none)} left out: none of this data is held.")
    for name in ("accounts", "records", "brought_in", "unknown_categories", "shortened"):
        if plain.get(name):
            out.print(f"{name.replace('_', ' ')}: {plain[name]:,}")
    if done.rows and (lines := done.rows.respelled):
        some = f"{', '.join(map(str, lines[:SHOWN]))}{' …' if len(lines) > SHOWN else ''}"
        out.print(
            f"{amount(len(lines), 'row')} matched a customer who spells the same mailbox otherwise: {some}."
        )
    if more["ignored_columns"]:
        out.print(f"Columns not used: {escape(', '.join(more['ignored_columns']))}.")
    if done.told and done.told.without_contact:
        out.print(f"Accounts with nobody to tell: {escape(', '.join(done.told.without_contact))}.")
    print_problems(done.rows.doubtful if done.rows else [], report)
    if done.rows and done.rows.not_kept:
        out.print(f"Of the rows not used, {done.rows.not_kept:,} are not kept: the first {KEPT:,} are.")
    if done.compromised:
        print_marked(done.compromised.counts())
        print_problems(done.compromised.problems, None)
    out.print(f"{escape(code.upper())} has {persons(more['people'])} affected now.")
