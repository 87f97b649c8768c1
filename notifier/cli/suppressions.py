"""``notifier suppressions``: addresses that are not used, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from notifier.cli import application, fail, out, run
from notifier.cli.acts import Decided, carry_out
from notifier.cli.printing import records_table, when
from notifier.clock import to_instant
from notifier.customers.lookup import contact_points, holders
from notifier.errors import BadInput, Conflict, NotFound
from notifier.keys import Keys
from notifier.store import Transaction
from notifier.suppressions import Reason, Standing, lift, listing, stopped_by_owner, suppress
from notifier.words import amount

app = typer.Typer(no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="An e-mail address or a telephone number.")]
Operator = Annotated[str, typer.Option(help="Your handle.")]
Because = Annotated[str, typer.Option(help="What shows it; it goes on record. No personal data.")]
Why = Annotated[Reason, typer.Option(help="The reason.")]


@app.command("list")
def show_all(
    context: typer.Context,
    reason: Annotated[Reason | None, typer.Option(help="Only these.")] = None,
    lifted: Annotated[bool, typer.Option("--lifted", help="Those that ended, instead.")] = False,
    after: Annotated[int, typer.Option(help="Begin behind this one: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many to show.")] = 50,
) -> None:
    """List what stands, with the customers who have the address."""
    app_ = application(context)

    async def act() -> None:
        async with app_.store() as store, store.read() as tx:
            rows = await listing(tx, reason, lifted=lifted, after=after, limit=limit)
            value = [
                {
                    "id": row.id,
                    "channel": row.channel,
                    "reason": row.reason,
                    "because": row.because,
                    "since": when(row.since),
                    "until": when(row.until),
                    "ended": when(row.lifted_at),
                    "customers": " ".join(await holders(tx, row.channel, row.value_index, row.folded_index)),
                }
                for row in rows
            ]

        def human() -> None:
            if not value:
                out.print("No address is suppressed." if not lifted else "No suppression has ended.")
                return
            out.print(records_table(value))
            if len(rows) == limit:
                out.print(f"More: --after {rows[-1].id}")

        app_.show(value, human)

    run(act())


@app.command()
def add(
    context: typer.Context,
    address: Address,
    *,
    reason: Why,
    operator: Operator,
    because: Because,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day on which it ends by itself.")
    ] = None,
) -> None:
    """Suppress an address, for whoever has it."""
    _require(because)
    keys = application(context).load_keys

    async def act(tx: Transaction, handle: str) -> Decided:
        points = await _points(tx, keys(), address)
        ends = to_instant(until.replace(tzinfo=UTC)) if until else None
        if ends is not None and ends <= tx.now_us():
            raise BadInput("the day on which it ends is over", advice="Name a later one, or none.")
        added = await suppress(tx, points, reason, Standing("operator", because, handle), until=ends)
        said = f"The address is suppressed: {reason}." if added else "It was suppressed for that already."
        return {"reason": str(reason), "added": added}, said

    carry_out(context, operator, act)


@app.command("lift")
def end(context: typer.Context, address: Address, reason: Why, operator: Operator, because: Because) -> None:
    """Use an address again."""
    _require(because)
    keys = application(context).load_keys

    async def act(tx: Transaction, handle: str) -> Decided:
        points = await _points(tx, keys(), address)
        if reason is Reason.STOPPED and await stopped_by_owner(tx, points):
            raise Conflict(
                "the owner of this number has sent STOP, and nobody else takes that back",
                advice="It ends when they send START to the number that wrote to them.",
            )
        lifted = await lift(tx, points, [reason], because=because, by=handle)
        said = f"{amount(lifted, 'suppression')} lifted." if lifted else f"It is not suppressed as {reason}."
        return {"reason": str(reason), "lifted": lifted}, said

    carry_out(context, operator, act)


def _require(because: str) -> None:
    if not because.strip():
        fail(BadInput("the reason is missing", advice="Say in a few words what shows it, with --because."))


async def _points(tx: Transaction, keys: Keys, address: str) -> list[int]:
    points = await contact_points(tx, keys, address)
    if not points:
        raise NotFound(
            "nobody has this address",
            advice="An e-mail address, or a telephone number with its country: +49 30 …",
        )
    return points
