"""``notifier announcements`` once it is being sent: status, pause, resume, cancel, holds, close."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from notifier.cli import Application, application, out, run
from notifier.cli.acts import Decided, carry_out
from notifier.cli.printing import records_table, when
from notifier.engine import closing, control, untold
from notifier.engine.forecasting import Forecast, forecast
from notifier.engine.holds import open_holds, stopped_channels, take_hold
from notifier.engine.reckoning import Account, reckon
from notifier.escalation import resend as resending
from notifier.forecasts import allowed_rate
from notifier.store import Transaction
from notifier.words import amount, persons

app = typer.Typer()
Code = Annotated[str, typer.Argument(help="The announcement's code.")]
Operator = Annotated[str, typer.Option(help="Your handle.")]
Reason = Annotated[str, typer.Option(help="Why; it goes on record.")]


@app.command()
def status(context: typer.Context, code: Code) -> None:
    """Show where everybody of an announcement stands, and when it will be done."""
    app = application(context)
    run(_status(app, code))


async def _status(app: Application, code: str) -> None:
    async with app.store() as store, store.read() as tx:
        announcement = await control.find(tx, code)
        account = await reckon(tx, announcement.id)
        limit = 0 if app.settings.drill else allowed_rate(app.settings.email.relays)
        ahead = await forecast(tx, announcement.id, limit=limit)
        waves = await tx.rows(
            "SELECT number, people, state, start_at FROM wave WHERE announcement_id = :id AND step = 0"
            " ORDER BY number",
            id=announcement.id,
        )
        waiting = [row for row in await open_holds(tx) if row.code == code]
        standing = await stopped_channels(tx, announcement.id)
        missed = await untold.count(tx, announcement.id)
        again = await resending.offered(tx, announcement.id)
        subject = await untold.subject(tx, announcement.id)
    value = {
        "code": code,
        "state": announcement.state,
        "control": announcement.control,
        "stopped_channels": standing,
        "people": account.people,
        "deliveries": dict(account.deliveries),
        "needs_channel": account.needs_channel,
        "needs_repair": account.needs_repair,
        "excluded": account.excluded,
        "not_released": account.not_released,
        "steps_ahead": account.steps_ahead,
        "offered": account.offered,
        "acknowledged": account.acknowledged,
        "unaccounted": account.unaccounted,
        "untold": asdict(missed),
        "resend_offered": again,
        "remaining": ahead.remaining,
        "undecided": ahead.undecided,
        "rate_per_second": ahead.rate_per_second,
        "finish_at": when(ahead.finish_at),
        "stopped": ahead.stopped,
        "finish_if_resumed": when(ahead.finish_if_resumed),
        "go_on_by": when(ahead.go_on_by),
        "late": ahead.late,
        "deadline": when(ahead.deadline),
        "waves": [{"number": row.number, "people": row.people, "state": row.state} for row in waves],
        "holds": [{"id": row.id, "kind": row.kind, "reason": row.reason} for row in waiting],
    }

    def human() -> None:
        stopped = "" if announcement.control == "run" else f", {announcement.control}"
        for channel in standing:
            stopped += f", [bold red]{channel} stands still[/], resume ends that"
        out.print(f"[bold]{escape(code)}[/]  {announcement.state}{stopped}")
        out.print(account_table(account))
        out.print(f"unaccounted: {account.unaccounted}")
        for row in waves:
            name = "canary" if row.number == 0 else f"wave {row.number}"
            out.print(f"{name}: {persons(row.people)}, {_STARTED.get(row.state, row.state)}")
        for row in waiting:
            out.print(
                f"hold {row.id}, {row.kind}: {row.reason} (see: notifier announcements holds)", markup=False
            )
        if said := missed.sentence():
            advice = missed.advice(subject, released=announcement.released_at is not None)
            out.print(f"{said}\n{advice}", markup=False)
        for channel, people in again.items():
            out.print(
                f"Not reached, with a new contact point on file since: {persons(people)} ({channel}). Send it"
                f" again: notifier announcements resend {code} --channel {channel} --operator HANDLE"
                " --reason …",
                markup=False,
            )
        if account.not_released:
            out.print(f"Not released yet; see: notifier announcements show {code}", markup=False)
        else:
            out.print(forecast_line(ahead))

    app.show(value, human)


_STARTED = {"ready": "started"}


def account_table(account: Account) -> Table:
    """Return the table in which everybody of the audience stands exactly once."""
    table = Table(show_header=True, header_style="bold")
    table.add_column("Where they stand")
    table.add_column("People", justify="right")
    for state, count in sorted(account.deliveries.items(), key=lambda item: -item[1]):
        table.add_row(state, f"{count:,}")
    for label, count in (
        ("next step of the plan to come", account.steps_ahead),
        ("banner waits for a sign-in", account.offered),
        ("confirmed having read it, though it came back", account.acknowledged),
        ("needs another channel", account.needs_channel),
        ("needs repair", account.needs_repair),
        ("excluded", account.excluded),
        ("not released yet", account.not_released),
    ):
        if count:
            table.add_row(label, f"{count:,}")
    table.add_section()
    table.add_row("everyone", f"{account.people:,}")
    return table


def forecast_line(ahead: Forecast) -> str:
    """Say in one line when the sending will be done."""
    if ahead.remaining == 0:
        return "Nothing is waiting to be handed over."
    done = ahead.finish_if_resumed if ahead.stopped else ahead.finish_at
    line = f"{ahead.remaining:,} are waiting"
    line += f", {ahead.undecided:,} of them for a decision; " if ahead.undecided else "; "
    line += "held: if it goes on now, " if ahead.stopped else ""
    line += f"done by about {when(done)}" if done else "not done within 60 days"
    if ahead.deadline:
        verdict = "[bold red]after[/]" if ahead.late else "before"
        line += f", {verdict} the deadline {when(ahead.deadline)}"
    if ahead.go_on_by:
        line += f"; it must go on by {when(ahead.go_on_by)}"
    return line + "."


@app.command()
def pause(context: typer.Context, code: Code, operator: Operator, reason: Reason) -> None:
    """Stop handing over, within two seconds."""

    async def act(tx: Transaction, handle: str) -> Decided:
        await control.pause(tx, code, operator=handle, reason=reason)
        text = f"{code} is paused. Go on with: notifier announcements resume {code}"
        return {"code": code, "control": "pause"}, text

    carry_out(context, operator, act)


@app.command()
def resume(context: typer.Context, code: Code, operator: Operator) -> None:
    """Go on after a pause or with a channel that stands still, or let the waves follow the canary."""

    async def act(tx: Transaction, handle: str) -> Decided:
        waves = await control.resume(tx, code, operator=handle, dispatcher=application(context).dispatcher)
        remaining = (await forecast(tx, (await control.find(tx, code)).id)).remaining
        value = {"code": code, "control": "run", "waves": waves, "remaining": remaining}
        return value, f"{code} goes on: still to be told are {persons(remaining)}."

    carry_out(context, operator, act, fresh=True, sends=True)


@app.command("next-wave")
def next_wave(context: typer.Context, code: Code, operator: Operator) -> None:
    """Start the next wave now instead of at its time."""

    async def act(tx: Transaction, handle: str) -> Decided:
        started = await control.next_wave(
            tx, code, operator=handle, dispatcher=application(context).dispatcher
        )
        return {"code": code, "people": started}, f"The next wave starts now: {persons(started)}."

    carry_out(context, operator, act, fresh=True, sends=True)


@app.command()
def cancel(context: typer.Context, code: Code, operator: Operator, reason: Reason) -> None:
    """End an announcement; what has been handed over cannot be taken back."""

    async def act(tx: Transaction, handle: str) -> Decided:
        cancelled = await control.cancel(tx, code, operator=handle, reason=reason)
        reached = (await reckon(tx, (await control.find(tx, code)).id)).notified
        rest = f"; not handed over any more: {amount(cancelled, 'message')}" if cancelled else ""
        before = f" It had gone out to {persons(reached)}." if reached else ""
        return (
            {"code": code, "cancelled": cancelled, "reached": reached},
            f"{code} is cancelled{rest}.{before}",
        )

    carry_out(context, operator, act, fresh=True)


@app.command()
def close(
    context: typer.Context,
    code: Code,
    operator: Operator,
    early: Annotated[
        str,
        typer.Option(metavar="REASON", help="Do not wait for what was accepted lately and may come back."),
    ] = "",
) -> None:
    """Close an announcement in which nothing is open any more, and commit to its outcomes."""
    settled = application(context).settings.sending.settled_hours

    async def act(tx: Transaction, handle: str) -> Decided:
        counts = await closing.close(tx, code, operator=handle, settled_hours=settled, early=early)
        parts = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        announcement = await control.find(tx, code)
        missed = await untold.count(tx, announcement.id)
        text = f"{code} is closed: {parts}."
        if said := missed.sentence():
            text += f"\n{said}\n{missed.advice(await untold.subject(tx, announcement.id))}"
        return {"code": code, "counts": counts, "untold": asdict(missed)}, text

    carry_out(context, operator, act)


@app.command()
def holds(context: typer.Context) -> None:
    """List everything that waits for a person."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store, store.read() as tx:
            rows = await open_holds(tx)
        value = [
            {
                "id": row.id,
                "announcement": row.code,
                "kind": row.kind,
                "reason": row.reason,
                "owner": row.owner,
                "since": when(row.opened_at),
                "taken_by": row.taken_by,
            }
            for row in rows
        ]

        def human() -> None:
            if not value:
                out.print("Nothing waits for a person.")
                return
            out.print(records_table(value))

        app.show(value, human)

    run(act())


@app.command()
def take(
    context: typer.Context,
    hold: Annotated[int, typer.Argument(metavar="HOLD", help="The hold's number.")],
    operator: Operator,
) -> None:
    """Look after a hold: its alerts stop."""

    async def act(tx: Transaction, handle: str) -> Decided:
        await take_hold(tx, hold, operator=handle)
        text = f"Hold {hold} is yours, {handle}; it alerts nobody any more."
        return {"hold": hold, "taken_by": handle}, text

    carry_out(context, operator, act)


@app.command("send-again")
def send_again(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="The held delivery's reference.")],
    operator: Operator,
) -> None:
    """Hand over a held delivery once more, with the same Message-ID."""
    plain_reference = reference.replace("-", "").upper()

    async def act(tx: Transaction, handle: str) -> Decided:
        dispatcher = application(context).dispatcher
        await control.send_again(tx, plain_reference, operator=handle, dispatcher=dispatcher)
        value = {"reference": plain_reference, "state": "planned"}
        return value, "It will be handed over once more."

    carry_out(context, operator, act, fresh=True, sends=True)
