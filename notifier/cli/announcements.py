"""``notifier announcements``: from a draft to what can be approved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from notifier import notices
from notifier.announcements import Announcement, announcement
from notifier.approvals import Given, approval, next_step
from notifier.cli import PARTIAL, Application, application, err, out, run
from notifier.cli.identity import identify
from notifier.cli.later import beginning, print_later
from notifier.cli.printing import when
from notifier.cli.sending import forecast_line
from notifier.engine import forecasting, untold
from notifier.errors import BadInput, Refused
from notifier.forecasts import ASSUMED_RATE, Outlook, allowed_rate, outlook
from notifier.preflight import Preflight, PreflightReport, report
from notifier.preflight.later_texts import later_texts
from notifier.preflight.rules import rules_for
from notifier.preflight.samples import read
from notifier.store import Transaction
from notifier.words import amount, persons

app = typer.Typer()
Code = Annotated[str, typer.Argument(metavar="CODE", help="The announcement's code.")]
Who = Annotated[str, typer.Option(help="Your handle.")]


@app.command("list")
def show_all(context: typer.Context) -> None:
    """List all announcements, the newest first."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store, store.read() as tx:
            rows = await tx.rows(
                "SELECT a.code, a.state, a.drill, a.author, a.created_at, u.people, EXISTS (SELECT 1"
                " FROM approval p WHERE p.announcement_id = a.id AND p.voided_at IS NULL"
                " AND p.expires_at <= :now AND a.state = 'approved') AS expired FROM announcement a"
                " JOIN audience u ON u.id = a.audience_id ORDER BY a.id DESC",
                now=tx.now_us(),
            )
        found = [{**row._asdict(), "drill": bool(row.drill), "expired": bool(row.expired)} for row in rows]

        def human() -> None:
            table = Table("code", "state", "people", "author", "drafted", header_style="bold")
            for one in found:
                code = f"{one['code']} (drill)" if one["drill"] else one["code"]
                state = "approved, expired" if one["expired"] else one["state"]
                table.add_row(
                    escape(code), state, f"{one['people']:,}", one["author"], when(one["created_at"])
                )
            out.print(table)

        app.show(found, human)

    run(act())


@app.command("show")
def show(
    context: typer.Context,
    code: Code,
    locale: Annotated[str, typer.Option(help="Show the text in this language only.")] = "",
    full: Annotated[bool, typer.Option("--full", help="Show whole texts, not only their beginning.")] = False,
) -> None:
    """Show what it says, to how many, when, and the digests that an approval signs."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store, store.read() as tx:
            now = await announcement(tx, code)
            counts = await report(tx, now)
            given = await approval(tx, now.id)
            problem = await rules_for(app.settings).fault(tx, now)
            texts = await _texts(tx, now, locale)
            later = [
                one
                for one in await later_texts(tx, now, app.settings, app.load_keys())
                if locale in ("", one.locale)
            ]
            missed = await untold.count(tx, now.id)
            advice = missed.advice(await untold.subject(tx, now.id), released=now.released_at is not None)
        value = {
            "code": now.code,
            "state": now.state,
            "drill": now.drill,
            "author": now.author,
            "editors": sorted(now.editors),
            "plan": now.plan.as_json(),
            "digests": asdict(now.digests),
            "names_meant": list(now.facts.get("names_meant", ())),
            "counts": {**asdict(counts), "unaccounted": counts.unaccounted},
            "approval": asdict(given) if given else None,
            "approval_problem": problem,
            "release_at": now.release_at,
            "untold": asdict(missed),
            "texts": texts,
            "later": [asdict(one) for one in later],
        }

        def human() -> None:
            print_announcement(now, counts, given, problem)
            if step := next_step(now, problem):
                out.print(f"Next: {step}", markup=False)
            if said := missed.sentence():
                out.print(f"{said}\n{advice}", markup=False)
            for one in texts:
                out.rule(f"{one['locale']}, {one['variant']}")
                body = one["text"] if full else beginning(one["text"])
                out.print(f"Subject: {one['subject']}\n\n{body}", markup=False)
            print_later(now, later, full=full)

        app.show(value, human)

    run(act())


@app.command("preflight")
def preflight(context: typer.Context, code: Code, operator: Who) -> None:
    """Make and check every notice; nothing is sent. Leaves with 3 if people are set aside."""
    _make(application(context), code, operator, again=False)


@app.command("repair")
def repair(context: typer.Context, code: Code, operator: Who) -> None:
    """Make the notices of those set aside once more, after their data was corrected."""
    _make(application(context), code, operator, again=True)


def _make(app: Application, code: str, operator: str, *, again: bool) -> None:
    async def act() -> PreflightReport:
        async with app.store() as store:
            await identify(app, store, operator)
            async with store.read() as tx:
                now = await announcement(tx, code)
            checks = Preflight(store, app.load_keys(), app.settings)
            with progress_bar("making notices") as move:
                return await (checks.repair if again else checks.run)(now.id, move)

    counts = run(act())

    def human() -> None:
        print_counts(counts)
        for warning in counts.warnings:
            out.print(f"could be better: {warning}", markup=False)
        if counts.needs_repair:
            out.print(f"What to do for the {counts.needs_repair:,}: notifier announcements set-aside {code}")
        out.print(
            f"Next: read it with `notifier announcements show {code}`, then approve-locale, and approve "
            "by a second operator.",
            markup=False,
        )

    app.show({**asdict(counts), "unaccounted": counts.unaccounted}, human)
    if counts.needs_repair:
        raise typer.Exit(PARTIAL)


@app.command("set-aside")
def set_aside(context: typer.Context, code: Code) -> None:
    """List the people whose notice could not be made, and why."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store, store.read() as tx:
            now = await announcement(tx, code)
            rows = await tx.rows(
                "SELECT c.number AS customer, s.finding, s.detail FROM set_aside s"
                " JOIN audience_member m ON m.id = s.member_id JOIN customer c ON c.id = m.customer_id"
                " WHERE s.announcement_id = :id AND NOT s.repaired ORDER BY s.finding, c.number",
                id=now.id,
            )
        found = [row._asdict() for row in rows]

        def human() -> None:
            table = Table("customer", "finding", "what is wrong", header_style="bold")
            for one in found:
                table.add_row(*(escape(str(one[name])) for name in ("customer", "finding", "detail")))
            out.print(table if found else "Nobody is set aside.")
            if found:
                out.print(
                    "Correct their data with `notifier customers import`, then:"
                    f" notifier announcements repair {code}",
                    markup=False,
                )

        app.show(found, human)

    run(act())


@app.command("forecast")
def forecast(
    context: typer.Context,
    code: Code,
    per_second: Annotated[
        float | None,
        typer.Option(help="Hand-overs a second; by default what the first relay's limit allows.", min=0.01),
    ] = None,
) -> None:
    """Say when everybody would be written to if it were released now; once it is, when the rest will be."""
    app = application(context)
    allowed = allowed_rate(app.settings.email.relays)
    rate = per_second or allowed or ASSUMED_RATE

    async def act() -> None:
        async with app.store() as store, store.read() as tx:
            now = await announcement(tx, code)
            if now.released_at is not None:
                if per_second:
                    raise BadInput(
                        f"{code} is released: the forecast goes by the rate of its own sending",
                        advice="Leave --per-second away.",
                    )
                left = await forecasting.forecast(tx, now.id, limit=0 if app.settings.drill else allowed)
                app.show({**asdict(left), "late": left.late}, lambda: out.print(forecast_line(left)))
                return
            if now.state == "cancelled":
                raise Refused(f"{code} is cancelled: nobody will be written to")
            ahead = await forecast_of(tx, now, rate)
        app.show(
            {**asdict(ahead), "late": ahead.late, "per_second": rate}, lambda: print_outlook(ahead, rate)
        )

    run(act())


async def forecast_of(tx: Transaction, now: Announcement, rate: float) -> Outlook:
    """Estimate when an announcement would be done if it were released now."""
    rows = await tx.rows(
        "SELECT time_zone, count(*) AS people FROM audience_member WHERE audience_id = :id AND state = 'due'"
        " GROUP BY time_zone",
        id=now.audience_id,
    )
    return outlook(now.plan, {row.time_zone: row.people for row in rows}, now=tx.now_us(), per_second=rate)


def print_announcement(
    now: Announcement, counts: PreflightReport, given: Given | None, problem: str = ""
) -> None:
    """Print what an approval is about; ``problem`` is why there is none that counts."""
    drill = "  [bold yellow]DRILL[/]" if now.drill else ""
    out.print(f"[bold]{escape(now.code)}[/]  {now.state}, by {now.author}{drill}")
    print_counts(counts)
    out.print(f"plan: {_plan(now)}", markup=False)
    if meant := now.facts.get("names_meant"):
        out.print(f"named on purpose, though customers may bear the name: {', '.join(meant)}", markup=False)
    for name, digest in asdict(now.digests).items():
        out.print(f"{name} {digest or '(not yet)'}", markup=False)
    if given:
        alone = ", alone" if given.alone else ""
        out.print(
            f"approved by {given.operator}{alone} for {persons(given.people)} until {when(given.expires_at)}"
        )
    if problem:
        out.print(f"[bold red]no approval that counts[/]: {escape(problem)}")
    if now.state == "countdown" and now.release_at:
        out.print(f"release at {when(now.release_at)}")


def print_counts(counts: PreflightReport) -> None:
    """Print the groups of the audience, which sum to it."""
    table = Table(header_style="bold")
    table.add_column("Group")
    table.add_column("People", justify="right")
    table.add_row("ready", f"{counts.ready:,}")
    for name, people in counts.locales.items():
        table.add_row(f"  in {escape(name)}", f"{people:,}")
    table.add_row("needs repair", f"{counts.needs_repair:,}")
    for name, people in counts.findings.items():
        table.add_row(f"  {escape(name)}", f"{people:,}")
    table.add_row("needs another channel", f"{counts.needs_channel:,}")
    table.add_row("excluded", f"{counts.excluded:,}")
    if counts.unaccounted:
        table.add_row("not checked yet", f"{counts.unaccounted:,}")
    table.add_section()
    table.add_row("everyone", f"{counts.people:,}")
    out.print(table)
    if counts.countries:
        named = ", ".join(f"{name or 'unknown'} {people:,}" for name, people in counts.countries.items())
        out.print(f"by country: {named}", markup=False)
    if counts.fallback:
        out.print(f"In another language than theirs: {persons(counts.fallback)}.")


def print_outlook(ahead: Outlook, rate: float) -> None:
    """Print the waves and the finish."""
    for wave in ahead.waves:
        name = "canary" if wave.number == 0 else f"wave {wave.number}"
        out.print(f"{name}: {persons(wave.people)} from {when(wave.start_at)}")
    done = f"done by about {when(ahead.finish_at)}" if ahead.finish_at else "not done within 60 days"
    line = f"At {rate:g} a second: {done}"
    if ahead.deadline:
        line += f", {'[bold red]after[/]' if ahead.late else 'before'} the deadline {when(ahead.deadline)}"
    out.print(f"{line}.")


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while something long goes on."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


async def _texts(tx: Transaction, now: Announcement, locale: str) -> list[dict[str, Any]]:
    """Return the text for an invented reader of each language and variant."""
    rows = await tx.rows(
        "SELECT locale, variant, content FROM notice_dictionary WHERE announcement_id = :id"
        " AND channel = 'email' ORDER BY locale, variant",
        id=now.id,
    )
    made = []
    for row in rows:
        if locale in ("", row.locale):
            subject, text = read(notices.sample(row.content))
            made.append({"locale": row.locale, "variant": row.variant, "subject": subject, "text": text})
    return made


def _plan(now: Announcement) -> str:
    plan = now.plan
    said = [f"starts {when(plan.start)}" if plan.start else "starts at release"]
    if plan.canary:
        then = (
            amount(plan.canary_hold_minutes, "minute")
            if plan.canary_hold_minutes
            else "until somebody resumes"
        )
        said.append(f"canary of {plan.canary:,}, then a pause, {then}")
    said.append(
        f"{plan.waves} waves, one every {amount(plan.wave_every_minutes, 'minute')}"
        if plan.waves > 1
        else "one wave"
    )
    if plan.window:
        said.append(f"between {plan.window.opens:%H:%M} and {plan.window.closes:%H:%M} where the reader is")
    if plan.deadline:
        said.append(f"done by {when(plan.deadline)}")
    if plan.steps:
        said.append(f"then {', '.join(step.written() for step in plan.steps)}")
    if plan.sms_any_time:
        said.append(f"texts at any hour, because: {plan.sms_any_time}")
    return "; ".join(said)
