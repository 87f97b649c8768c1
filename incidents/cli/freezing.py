"""``notifier incidents freeze``, ``audiences``, ``facts`` and ``announce``: from the list to a draft."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from incidents import announce as announcing
from incidents import freeze as freezing
from incidents import store, told
from incidents.cli import plans
from incidents.cli.printing import Code, Who, utc
from incidents.corrections import texts
from notifier import audiences
from notifier.announcements import announcement as find_announcement
from notifier.audiences import Audience
from notifier.cli import application, out, run
from notifier.cli.identity import identify
from notifier.clock import from_instant
from notifier.errors import BadInput
from notifier.release import revise
from notifier.usual import read_steps
from notifier.words import amount, persons

app = typer.Typer()
_LABELS = {
    "state": "people",
    "reason": "why not",
    "variant": "notices",
    "channel": "reached by",
    "country": "country",
    "locale": "language",
    "open_duplicates": "open duplicates",
}
_WORDS = {
    "due": "to be told",
    "needs-channel": "need another channel",
    "person": "to the person",
    "account": "for an account",
    "guardian": "to a guardian",
    "next-of-kin": "to the next of kin",
}
"""What the codes of an audience's counts mean to those who read them."""


@app.command("freeze")
def freeze(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    replace: Annotated[
        str,
        typer.Option(metavar="AUDIENCE", help="An earlier audience, not announced, that this one replaces."),
    ] = "",
    ask_again: Annotated[
        bool,
        typer.Option(
            "--ask-again", help="Use addresses that refused a notice: where the refusal was about us."
        ),
    ] = False,
) -> None:
    """Freeze who is affected now. After the first time, only who is new or has more exposed data."""
    app = application(context)

    async def act() -> tuple[Audience, list[Audience]]:
        keys = app.load_keys()
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                incident = await store.find(tx, code)
                made = await freezing.freeze(
                    tx, keys, incident, replace=replace, ask_again=ask_again, actor=actor
                )
                waiting = await told.unannounced(tx, await audiences.about(tx, incident.code))
        return made, [one for one in waiting if one.id != made.id]

    made, waiting = run(act())

    def human() -> None:
        _print(made)
        for one in waiting:
            people = persons(one.counts["state"]["due"])
            out.print(
                f"[bold yellow]Not told yet, and not in this audience:[/] {people} of {one.code},"
                " which nobody has announced. Tell them first."
            )
        for one in [*waiting, made]:
            out.print(f"Next: {_next(one)}", markup=False)

    app.show({**_plain(made), "unannounced": [one.code for one in waiting]}, human)


@app.command("audiences")
def list_audiences(context: typer.Context, code: Code) -> None:
    """Show the frozen audiences of an incident and their counts."""
    app = application(context)

    async def act() -> tuple[list[Audience], set[str], dict[str, dict[str, str]]]:
        async with app.store() as opened, opened.read() as tx:
            found = await audiences.about(tx, (await store.find(tx, code)).code)
            return found, told.replaced(found), await told.announcements(tx, found)

    found, out_of_use, announced = run(act())

    def human() -> None:
        for one in found:
            _print(one)
            for name, state in announced[one.code].items():
                out.print(f"  announced by {escape(name)}: {state}")
            if one.code in out_of_use:
                out.print("  replaced by a newer one")
            elif not announced[one.code]:
                out.print(f"  not announced yet: {_next(one)}", markup=False)
        if not found:
            out.print("No audience has been frozen yet.")

    value = [
        {**_plain(one), "replaced": one.code in out_of_use, "announcements": announced[one.code]}
        for one in found
    ]
    app.show(value, human)


@app.command("facts")
def facts(
    context: typer.Context,
    code: Code,
    announcement: Annotated[
        str, typer.Option(help="Bring this unreleased announcement up to the record as it is now.")
    ] = "",
    operator: Annotated[
        str, typer.Option(help="The operator who does this; needed with --announcement.")
    ] = "",
) -> None:
    """Show what notices say, as JSON: the customers' part of the record, and nothing internal."""
    app = application(context)

    async def act() -> dict[str, Any]:
        async with app.store() as opened:
            actor = await identify(app, opened, operator) if announcement else ""
            async with opened.begin() if announcement else opened.read() as tx:
                incident = await store.find(tx, code)
                now = await find_announcement(tx, announcement, lock=True) if announcement else None
                said = announcing.facts(
                    incident.record,
                    code=incident.code,
                    organisation=app.settings.organisation,
                    drill=incident.drill,
                    kind=str(now.facts.get("kind", "first")) if now else "first",
                )
                if now:
                    if now.facts.get("code") != incident.code:
                        raise BadInput("this announcement is about something else")
                    wrote = await announcing.writers(tx, incident, app.settings.organisation)
                    said = texts.carried(now.facts, said)
                    await revise(tx, now.id, actor=actor, facts=said, writers=wrote)
        return said

    typer.echo(json.dumps(run(act()), indent=2, ensure_ascii=False))


@app.command("announce")
def announce(
    context: typer.Context,
    code: Code,
    *,
    operator: Who,
    audience: Annotated[str, typer.Option(help="The frozen audience, such as INC-2026-001/1.")],
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
    """Draft an announcement to a frozen audience. Preflight and approval come next."""
    app = application(context)

    async def act() -> dict[str, Any]:
        plan = plans.Options(
            start=start,
            canary=canary,
            canary_hold=canary_hold,
            waves=waves,
            every=every,
            window=window,
            deadline=deadline,
            sms_hours=sms_hours,
            sms_any_time=sms_any_time,
        ).read()
        plan["steps"] = [step.model_dump(mode="json") for step in read_steps(then, app.settings)]
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                incident = await store.find(tx, code)
                made = await announcing.announce(
                    tx,
                    incident,
                    await audiences.find(tx, audience.upper()),
                    plan,
                    organisation=app.settings.organisation,
                    author=actor,
                )
                waiting = announcing.unwritten(incident.record)
        return {"announcement": made, "audience": audience.upper(), "plan": plan, "unwritten": waiting}

    made = run(act())

    def human() -> None:
        out.print(f"[bold]{escape(made['announcement'])}[/] is drafted. Nobody has been told anything yet.")
        if made["unwritten"]:
            out.print(
                f"Not written yet in {', '.join(made['unwritten'])}: these readers get another language."
            )
        out.print(
            f"Next: notifier announcements preflight {made['announcement']} --operator HANDLE", markup=False
        )

    app.show(made, human)


def _next(audience: Audience) -> str:
    return f"notifier incidents announce {audience.subject} --audience {audience.code} --operator HANDLE"


def _plain(audience: Audience) -> dict[str, Any]:
    return {
        **asdict(audience),
        "frozen_at": utc(from_instant(audience.frozen_at)),
        "accounts_with_nobody_to_tell": _silent(audience),
    }


def _silent(audience: Audience) -> int:
    """Return how many accounts with affected records had nobody to tell when it was frozen."""
    return int(audience.selection.get("silent_accounts", 0))


_COUNTED = {"state": "stands", "reason": "why not due", "channel": "reachable by"}


def _print(audience: Audience) -> None:
    out.print(
        f"[bold]{audience.code}[/] ({audience.kind}): {persons(audience.people)},"
        f" frozen by {escape(audience.frozen_by)} on {utc(from_instant(audience.frozen_at))}"
    )
    table = Table(box=None, show_header=False)
    for name, label in _LABELS.items():
        counted = audience.counts.get(name)
        if isinstance(counted, dict):
            parts = sorted(counted.items(), key=lambda pair: -pair[1])
            counted = ", ".join(f"{_WORDS.get(word, word)} {count:,}" for word, count in parts[:12])
        if counted:
            table.add_row(label, escape(str(counted)))
    table.add_row("root", audience.root)
    out.print(table)
    if silent := _silent(audience):
        out.print(f"  [bold yellow]with nobody to tell, and not in it:[/] {amount(silent, 'account')}")
