"""``notifier incidents declare`` and ``revise``: put a record, or a newer one, into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from incidents import records, store
from incidents.cli.printing import Code, Who, described, print_changes, print_open, read_record
from incidents.history import changes
from incidents.lifecycle import Step
from incidents.records import checks
from notifier.cli import application, out, run
from notifier.cli.identity import identify
from notifier.errors import BadInput

app = typer.Typer()
Lines = Annotated[list[str] | None, typer.Option(help="For customers, one sentence each; repeatable.")]


@app.command("declare")
def declare(
    context: typer.Context,
    *,
    operator: Who,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A record in YAML or JSON; or use the options.")
    ] = None,
    title: Annotated[str, typer.Option(help="What it is called inside the company.")] = "",
    category: Annotated[list[str] | None, typer.Option(help="A data category; repeatable.")] = None,
    occurred_from: Annotated[str, typer.Option(help="When it began, with its zone.")] = "",
    occurred_to: Annotated[str, typer.Option(help="When it ended, with its zone.")] = "",
    detected: Annotated[str, typer.Option(help="When it was detected, with its zone.")] = "",
    told: Annotated[str, typer.Option(help="When a third party told us, or nobody.")] = "",
    cause: Annotated[str, typer.Option(help="Why it happened.")] = "",
    contact_name: Annotated[str, typer.Option(help="Who answers customers' questions.")] = "",
    contact_email: Annotated[str, typer.Option(help="Their e-mail address.")] = "",
    contact_phone: Annotated[str, typer.Option(help="Their phone number.")] = "",
    next_update: Annotated[str, typer.Option(help="The date of the next update.")] = "",
    locale: Annotated[str, typer.Option(help="The language of the texts below.")] = "",
    summary: Annotated[str, typer.Option(help="For customers: the first sentence.")] = "",
    what_happened: Lines = None,
    measure: Lines = None,
    consequence: Lines = None,
    advice: Lines = None,
    not_known: Lines = None,
    suspected: Annotated[
        bool, typer.Option("--suspected", help="Only put it on record as suspected; assess it later.")
    ] = False,
) -> None:
    """Put an incident on record and declare it. Whatever is not given is unknown yet."""
    app = application(context)
    texts = {
        "summary": summary,
        "what_happened": what_happened,
        "measures": measure,
        "unknowns": not_known,
        "consequences": {"*": consequence} if consequence else None,
        "advice": {"*": advice} if advice else None,
    }
    given = {
        "title": title,
        "data_categories": category,
        "occurred": _given({"from": occurred_from, "to": occurred_to}),
        "detected": detected,
        "told_by_third_party": told,
        "cause": cause,
        "contact": _given({"name": contact_name, "email": contact_email, "phone": contact_phone}),
        "next_update": next_update,
        "texts": {locale or app.settings.organisation.default_locale: _given(texts)}
        if _given(texts)
        else None,
    }

    async def act() -> dict[str, Any]:
        record = _record(file, _given(given))
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                code = await store.declare(tx, record, actor=actor, drill=app.settings.drill)
                for step in () if suspected else (Step.ASSESS, Step.DECLARE):
                    await store.take_step(tx, code, step, actor=actor, reason="declared at once")
            async with opened.read() as tx:
                incident = await store.find(tx, code)
        return {
            "code": code,
            "state": str(incident.state),
            "unknown": checks.unknown(record),
            "warnings": checks.warnings(record, app.clock.now()),
        }

    made = run(act())

    def human() -> None:
        out.print(f"[bold]{made['code']}[/] is on record: {made['state']}.")
        print_open(made)

    app.show(made, human)


@app.command("revise")
def revise(
    context: typer.Context,
    code: Code,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The whole record as it is now.")],
    operator: Who,
    reason: Annotated[str, typer.Option(help="Why it changes.")] = "",
) -> None:
    """Add a revision of the record. Earlier ones stay as they are."""
    app = application(context)

    async def act() -> dict[str, Any]:
        record = read_record(file)
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                before = records.plain((await store.find(tx, code)).record)
                number = await store.revise(tx, code, record, actor=actor, reason=reason)
        return {
            "code": code.upper(),
            "revision": number,
            "changes": [described(change) for change in changes(before, records.plain(record))],
            "unknown": checks.unknown(record),
            "warnings": checks.warnings(record, app.clock.now()),
        }

    made = run(act())

    def human() -> None:
        out.print(f"[bold]{escape(made['code'])}[/] has revision {made['revision']}.")
        print_changes(made["changes"])
        print_open(made)

    app.show(made, human)


def _record(file: Path | None, given: dict[str, Any]) -> records.IncidentRecord:
    if file is not None and given:
        raise BadInput("a FILE and options were given", advice="Use one of the two.")
    if file is not None:
        return read_record(file)
    if not given:
        raise BadInput("nothing was given", advice="Name a FILE, or use options such as --title.")
    return records.validated(given)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
