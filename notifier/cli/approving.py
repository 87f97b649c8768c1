"""``notifier announcements``: approve the languages, approve, release and stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from notifier.announcements import announcement
from notifier.approvals import approval, due_people
from notifier.cli import Application, application, out, run
from notifier.cli.announcements import Code, Who, print_announcement
from notifier.cli.identity import ask_count, identify
from notifier.cli.later import print_later
from notifier.cli.printing import when
from notifier.engine import untold
from notifier.errors import BadInput, Refused
from notifier.preflight import report
from notifier.preflight.digests import used_locales
from notifier.preflight.later_texts import later_texts
from notifier.preflight.rules import rules_for
from notifier.preflight.samples import Sample, random_samples
from notifier.release import start_countdown, stop_countdown
from notifier.store import Store
from notifier.words import persons

app = typer.Typer()
SAMPLES = 3


@app.command("approve-locale")
def approve_locale(
    context: typer.Context,
    code: Code,
    operator: Who,
    locales: Annotated[list[str] | None, typer.Argument(help="Languages, such as de fr.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All languages at once; in a drill only.")
    ] = False,
) -> None:
    """Give your word that the texts in a language may go out as they are now."""
    app = application(context)

    async def act() -> list[str]:
        async with app.store() as store:
            handle = await identify(app, store, operator)
            async with store.begin() as tx:
                now = await announcement(tx, code)
                used = await used_locales(tx, now.id)
                if everything and not now.drill:
                    raise Refused(
                        "outside a drill each language is named by whoever read it",
                        advice=f"Name them: {' '.join(used)}.",
                    )
                named = used if everything else list(locales or ())
                unknown = sorted(set(named) - set(used))
                if unknown or not named:
                    raise BadInput(
                        f"no notice is written in {', '.join(unknown)}"
                        if unknown
                        else "no language is named",
                        advice=f"Notices are written in: {', '.join(used) or 'none yet; run the preflight'}.",
                    )
                await rules_for(app.settings).approve_locales(tx, now, named, operator=handle)
                return await rules_for(app.settings).locales_waiting(tx, now)

    waiting = run(act())
    rest = f"Still waiting: {', '.join(waiting)}." if waiting else "Every language in use is approved."
    app.show({"code": code, "waiting": waiting}, lambda: out.print(rest, markup=False))


@app.command()
def approve(
    context: typer.Context,
    code: Code,
    operator: Who,
    alone: Annotated[
        str, typer.Option(metavar="REASON", help="Approve your own announcement, where that is allowed.")
    ] = "",
) -> None:
    """See exactly what will go out, then sign it by typing the number of people."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store:
            handle = await identify(app, store, operator, fresh=True)
            due = await _show_what_goes_out(app, store, code, handle, alone)
            people = ask_count(f"Type the number of people who will be written to ({code}): ")
            if people is None:
                raise BadInput(
                    f"what was typed is not a number; due a notice: {persons(due)}; nothing was approved",
                    advice="Approve again and type the number alone.",
                )
            async with store.begin() as tx:
                now = await announcement(tx, code, lock=True)
                given = await rules_for(app.settings).approve(
                    tx, now.id, operator=handle, people=people, alone_reason=alone
                )
        app.show(
            {"code": code, **asdict(given)},
            lambda: out.print(
                f"{code} is approved for {persons(given.people)} until {when(given.expires_at)}.\n"
                f"Next: notifier announcements release {code} --operator HANDLE",
                markup=False,
            ),
        )

    run(act())


async def _show_what_goes_out(app: Application, store: Store, code: str, handle: str, alone: str) -> int:
    """Show it to whoever may approve it; what cannot be approved is refused before a name is seen."""
    keys = app.load_keys()
    async with store.begin() as tx:
        now = await announcement(tx, code)
        await rules_for(app.settings).signable(tx, now, operator=handle, alone_reason=alone)
        counts = await report(tx, now)
        given = await approval(tx, now.id)
        due = await due_people(tx, now.id)
        used = await used_locales(tx, now.id)
        samples = await random_samples(tx, keys, now, used, most=SAMPLES, operator=handle)
        later = await later_texts(tx, now, app.settings, keys)
    if not app.as_json:
        print_announcement(now, counts, given)
        for sample in samples:
            _print_sample(sample)
        print_later(now, later, full=False)
        print_prepared(now.facts, used)
    return due


def print_prepared(facts: Mapping[str, Any], locales: Sequence[str]) -> None:
    """Show the correction that is ready should this be wrong: who approves signs it with the facts."""
    missing = []
    for locale in locales:
        if draft := facts["texts"][locale].get("correction_draft"):
            out.rule(f"what a correction would say first ({locale})")
            out.print("\n\n".join(draft), markup=False, highlight=False)
        else:
            missing.append(locale)
    if missing:
        out.print(
            f"No correction is ready in {', '.join(missing)}: should this be wrong, one has to be"
            " written in a hurry. The record takes it: texts.<language>.correction.",
            markup=False,
        )


def _print_sample(sample: Sample) -> None:
    out.rule(f"a real notice, drawn at random ({sample.locale})")
    out.print(
        f"To: {sample.recipient}\nSubject: {sample.subject}\n\n{sample.text}", markup=False, highlight=False
    )


@app.command()
def release(context: typer.Context, code: Code, operator: Who) -> None:
    """Start the countdown at whose end it becomes real; it can be stopped until then."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store:
            handle = await identify(app, store, operator, fresh=True)
            async with store.begin() as tx:
                now = await announcement(tx, code, lock=True)
                release_at = await start_countdown(tx, rules_for(app.settings), now.id, operator=handle)
                due = await due_people(tx, now.id)
                missed = await untold.count(tx, now.id)
                advice = missed.advice(await untold.subject(tx, now.id), released=False)
        note = f"{missed.sentence()}\n{advice}\n" if missed.ahead else ""
        app.show(
            {"code": code, "people": due, "release_at": release_at, "untold": asdict(missed)},
            lambda: out.print(
                f"{persons(due - missed.ahead)} will be written to from {when(release_at)} on, by"
                f" `notifier serve`.\n{note}"
                f"Until then: notifier announcements stop {code} --operator HANDLE",
                markup=False,
            ),
        )

    run(act())


@app.command()
def stop(
    context: typer.Context,
    code: Code,
    operator: Who,
    to_draft: Annotated[
        bool, typer.Option("--to-draft", help="Void the approval too, so that it can be changed.")
    ] = False,
) -> None:
    """Stop the countdown: nothing goes out."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store:
            handle = await identify(app, store, operator, fresh=True)
            async with store.begin() as tx:
                now = await announcement(tx, code, lock=True)
                await stop_countdown(tx, now.id, operator=handle, to_draft=to_draft)
        state = "draft" if to_draft else "approved"
        app.show(
            {"code": code, "state": state},
            lambda: out.print(
                f"{code} is stopped; nobody was written to. It is {state} again.", markup=False
            ),
        )

    run(act())
