"""``notifier receipts``: what carriers and servers report afterwards, and what is about nobody we know."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from notifier.channels.email.inbound import Reader
from notifier.channels.email.inbound.mailboxes import messages_in
from notifier.channels.email.return_path import ReturnPaths
from notifier.cli import application, out, run
from notifier.cli.acts import Decided, carry_out
from notifier.cli.audit import known_reference
from notifier.cli.identity import identify
from notifier.cli.printing import printable, records_table
from notifier.customers.masking import masked
from notifier.notices import grouped
from notifier.receipts import matching, parking
from notifier.receipts.intake import Intake
from notifier.receipts.parking import Parked
from notifier.receipts.reports import Reports
from notifier.store import Transaction
from notifier.words import amount

app = typer.Typer(no_args_is_help=True)
_AT_ONCE = 200
Number = Annotated[int, typer.Argument(metavar="ID", help="The receipt, as `parked` numbers it.")]
Operator = Annotated[str, typer.Option(help="Your handle.")]


@app.command()
def read(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Files (.eml, mbox), folders of them, or Maildirs.")
    ],
) -> None:
    """Take the bounces and complaints among exported messages. Reading them twice does no harm."""
    app_ = application(context)

    async def act() -> tuple[Counter[str], Counter[str]]:
        keys = app_.load_keys()
        kinds: Counter[str] = Counter()
        receipts: Counter[str] = Counter()
        async with app_.store() as store:
            reader = Reader(ReturnPaths(keys, app_.settings.email.bounce_domain))
            reports = Reports(reader, Intake(store, keys).take)
            for part in _parts(paths):
                # Together, so that many are put on record at once.
                for reading in await asyncio.gather(*(reports.read(message) for message in part)):
                    kinds[reading.kind if reading.understood else "not understood"] += 1
                    receipts.update(
                        f"{one.kind}{'' if one.reference else ', unproven'}" for one in reading.receipts
                    )
        return kinds, receipts

    kinds, receipts = run(act())

    def human() -> None:
        out.print(f"{amount(kinds.total(), 'message')} read.")
        for count in (kinds, receipts):
            for what, number in sorted(count.items()):
                out.print(f"  {what}: {number:,}")
        if receipts.total():
            out.print("What names no notice of ours is parked: notifier receipts parked", markup=False)

    app_.show({"messages": dict(kinds), "receipts": dict(receipts)}, human)


@app.command()
def parked(
    context: typer.Context,
    after: Annotated[int, typer.Option(help="Begin behind this receipt: the next page.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many to show.")] = 50,
) -> None:
    """List reports that name no hand-over of ours, their addresses masked. They have changed nothing."""
    app_ = application(context)

    async def act() -> None:
        async with app_.store() as store, store.read() as tx:
            found = await parking.waiting(tx, app_.load_keys(), after=after, limit=limit)
        value = [_shown(one) for one in found]

        def human() -> None:
            if not value:
                out.print("No receipt is parked.")
                return
            out.print(records_table(value))
            if len(found) == limit:
                out.print(f"More: --after {found[-1].id}")
            out.print("Look at one: notifier receipts show ID --operator HANDLE", markup=False)

        app_.show(value, human)

    run(act())


@app.command()
def show(context: typer.Context, receipt: Number, operator: Operator) -> None:
    """Open a parked report, and list what was handed over to the address that it names."""
    app_ = application(context)

    async def act() -> None:
        async with app_.store() as store:
            handle = await identify(app_, store, operator)
            async with store.begin() as tx:
                opened = await matching.look(tx, app_.load_keys(), receipt, operator=handle)
        one = opened.parked.receipt
        value = {
            **_shown(opened.parked),
            "about": one.address,
            "text": one.text,
            "candidates": [
                {"reference": grouped(row.reference), "announcement": row.code, "state": row.state}
                for row in opened.candidates
            ],
        }

        def human() -> None:
            for name in ("source", "received", "kind", "about", "status", "reason", "text"):
                if value[name]:
                    out.print(printable(f"{name}: {value[name]}"), markup=False)
            if value["candidates"]:
                out.print("Handed over to that address:")
                out.print(records_table(value["candidates"]))
                out.print("Match it: notifier receipts match ID REFERENCE --operator HANDLE", markup=False)
            else:
                out.print("Nothing was handed over to that address.")

        app_.show(value, human)

    run(act())


@app.command()
def match(
    context: typer.Context,
    receipt: Number,
    reference: Annotated[str, typer.Argument(help="The notice's reference.")],
    operator: Operator,
) -> None:
    """Say which notice a parked report is about; it then counts as if it had said so itself."""
    keys = application(context).load_keys

    async def act(tx: Transaction, handle: str) -> Decided:
        await matching.match(tx, keys(), receipt, known_reference(reference), operator=handle)
        return {"receipt": receipt, "matched": True}, f"Receipt {receipt} is matched, and counts."

    carry_out(context, operator, act)


@app.command("set-aside")
def set_aside(
    context: typer.Context,
    receipt: Number,
    operator: Operator,
    reason: Annotated[str, typer.Option(help="Why; it goes on record.")],
) -> None:
    """Say that a parked report is about nobody we wrote to."""
    keys = application(context).load_keys

    async def act(tx: Transaction, handle: str) -> Decided:
        await matching.set_aside(tx, keys(), receipt, reason=reason, operator=handle)
        return {"receipt": receipt}, f"Receipt {receipt} is set aside."

    carry_out(context, operator, act)


def _parts(paths: Iterable[Path]) -> Iterator[list[bytes]]:
    messages = (message for path in paths for message in messages_in(path))
    while part := list(islice(messages, _AT_ONCE)):
        yield part


def _shown(one: Parked) -> dict[str, Any]:
    receipt = one.receipt
    return {
        "id": one.id,
        "source": one.source,
        "received": f"{one.received_at:%Y-%m-%d %H:%M} UTC",
        "kind": str(receipt.kind),
        "about": masked("email", receipt.address) if receipt.address else "",
        "status": " ".join(str(part) for part in (receipt.code or "", receipt.enhanced) if part),
        "reason": receipt.reason,
    }
