"""``notifier incidents correct``, ``update`` and ``unaffect``: telling exactly those again who were told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from incidents import store, told
from incidents.cli import plans
from incidents.cli.printing import Code, Who, read_file
from incidents.cli.problems import Where
from incidents.corrections import acts, texts
from incidents.corrections.acts import Drafted, Order
from incidents.corrections.recipients import Cohort
from incidents.corrections.unaffect import TakenOff
from incidents.corrections.unaffect import unaffect as take_off
from incidents.selection import Selection
from notifier.cli import Application, application, out, run
from notifier.cli.identity import identify
from notifier.errors import BadInput
from notifier.usual import read_steps
from notifier.words import persons

app = typer.Typer()
_TEXTS = "A YAML or JSON file with `language: [sentences]`."
Numbers = Annotated[list[str] | None, typer.Option("--number", help="Only this customer; repeatable.")]


@app.command("correct")
def correct(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="ANNOUNCEMENT",
            help="The announcement that was wrong, such as INC-2026-001/1/A1; with --not-affected the"
            " incident, for all that was said about it.",
        ),
    ],
    *,
    operator: Who,
    what_was_wrong: Annotated[
        Path | None,
        typer.Option(help=f"{_TEXTS} Else what the record, or the announcement, has ready."),
    ] = None,
    not_affected: Annotated[
        bool,
        typer.Option("--not-affected", help="Tell those who were told, and are not affected after all."),
    ] = False,
    number: Numbers = None,
    where: Where = "",
    start: plans.Start = "",
    canary: plans.Canary = 0,
    canary_hold: plans.CanaryHold = 0,
    waves: plans.Waves = 1,
    every: plans.Every = 0,
    window: plans.Window = "",
    deadline: plans.Deadline = "",
    then: plans.Then = None,
    sms_hours: plans.SmsHours = plans.SMS_HOURS,
    sms_any_time: plans.SmsAnyTime = "",
) -> None:
    """Draft a correction to exactly those who got the wrong version, on the channels where they got it."""
    options = plans.Options(
        start=start,
        canary=canary,
        canary_hold=canary_hold,
        waves=waves,
        every=every,
        window=window,
        deadline=deadline,
        sms_hours=sms_hours,
        sms_any_time=sms_any_time,
    )
    kind = told.NOT_AFFECTED if not_affected else told.CORRECTION
    _tell(
        application(context),
        operator,
        kind=kind,
        about=what,
        file=what_was_wrong,
        number=number,
        where=where,
        options=options,
        then=then,
    )


@app.command("update")
def update(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    what_is_new: Annotated[Path, typer.Option(help=_TEXTS)],
    number: Numbers = None,
    where: Where = "",
    start: plans.Start = "",
    canary: plans.Canary = 0,
    canary_hold: plans.CanaryHold = 0,
    waves: plans.Waves = 1,
    every: plans.Every = 0,
    window: plans.Window = "",
    deadline: plans.Deadline = "",
    then: plans.Then = None,
    sms_hours: plans.SmsHours = plans.SMS_HOURS,
    sms_any_time: plans.SmsAnyTime = "",
) -> None:
    """Draft an update to everybody who was told about an incident: more is known about it now."""
    options = plans.Options(
        start=start,
        canary=canary,
        canary_hold=canary_hold,
        waves=waves,
        every=every,
        window=window,
        deadline=deadline,
        sms_hours=sms_hours,
        sms_any_time=sms_any_time,
    )
    _tell(
        application(context),
        operator,
        kind=told.UPDATE,
        about=code,
        file=what_is_new,
        number=number,
        where=where,
        options=options,
        then=then,
    )


@app.command("unaffect")
def unaffect(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    because: Annotated[str, typer.Option(help="How it is known that they are not affected.")],
    number: Annotated[list[str] | None, typer.Option(help="A customer number; repeatable.")] = None,
    where: Where = "",
) -> None:
    """Take people off who are not affected after all. They stay on the list, counted apart."""
    app = application(context)

    async def act() -> TakenOff:
        selection = Selection.read(where) if where else None
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                return await take_off(
                    tx,
                    app.load_keys(),
                    await store.find(tx, code),
                    numbers=number or (),
                    selection=selection,
                    reason=because,
                    actor=actor,
                )

    done = run(act())

    def human() -> None:
        out.print(
            f"{persons(done.people)} taken off: not affected after all. What waits for them is not sent."
        )
        if done.told:
            out.print(
                f"Told before that they are affected: {persons(done.told)}. Tell them that they are not."
            )
            out.print(
                f"Next: notifier incidents correct {code} --not-affected --operator HANDLE", markup=False
            )

    app.show(asdict(done), human)


def _cohort(numbers: Sequence[str] | None, where: str) -> Cohort:
    if numbers and where:
        raise BadInput("name customers, or describe them", advice="Use --number or --where, one of the two.")
    return Cohort(tuple(numbers or ()), Selection.read(where) if where else None)


def _tell(
    app: Application,
    operator: str,
    *,
    kind: str,
    about: str,
    file: Path | None,
    number: Sequence[str] | None,
    where: str,
    options: plans.Options,
    then: list[str] | None,
) -> None:
    """Draft it and say what comes next."""

    async def act() -> Drafted:
        cohort, plan = _cohort(number, where), options.read()
        said = texts.read(read_file(file)) if file else {}
        if then:
            plan["steps"] = [step.model_dump(mode="json") for step in read_steps(then, app.settings)]
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                return await acts.again(
                    tx,
                    app.load_keys(),
                    Order(kind, about, said, cohort, plan),
                    organisation=app.settings.organisation,
                    author=actor,
                )

    made = run(act())
    states = made.audience.counts.get("state", {})
    by_email, otherwise = states.get("due", 0), states.get("needs-channel", 0)

    def human() -> None:
        out.print(f"[bold]{escape(made.announcement)}[/] is drafted. Nobody has been told anything yet.")
        out.print(f"{persons(made.audience.people)}: by e-mail {by_email:,}, otherwise {otherwise:,}.")
        if made.excluded:
            out.print(f"Excluded, and told nothing: {persons(made.excluded)}.")
        steps = " ".join(f"{step['channel']}:{step['when']}" for step in made.plan["steps"])
        out.print(f"After the e-mails: {steps or 'nothing'}.", markup=False)
        out.print(
            f"Next: notifier announcements preflight {made.announcement} --operator HANDLE", markup=False
        )

    value = {
        "announcement": made.announcement,
        "audience": made.audience.code,
        "kind": kind,
        "people": made.audience.people,
        "by_email": by_email,
        "otherwise": otherwise,
        "excluded": made.excluded,
        "plan": made.plan,
    }
    app.show(value, human)
