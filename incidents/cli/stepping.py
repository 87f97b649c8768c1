"""``notifier incidents step``: move an incident along its life cycle."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from incidents import store
from incidents.cli.printing import Code, Who
from incidents.closing import require_nobody_new
from incidents.lifecycle import Order, Step
from incidents.records.moments import EXAMPLES, Moment
from notifier.cli import application, out, run
from notifier.cli.identity import identify
from notifier.clock import to_instant
from notifier.errors import BadInput

app = typer.Typer()


@app.command("step")
def step(
    context: typer.Context,
    *,
    code: Code,
    step: Annotated[Step, typer.Argument(help="What happens to it.")],
    operator: Who,
    reason: Annotated[str, typer.Option(help="Why; some steps need it.")] = "",
    order: Annotated[str, typer.Option(help="For a hold: the reference of the written order.")] = "",
    expires: Annotated[str, typer.Option(help="For a hold: until when, with its zone.")] = "",
) -> None:
    """Take a step of the life cycle: who, when and why go on record."""
    app = application(context)

    async def act() -> dict[str, Any]:
        asked = Order(order, to_instant(_moment(expires))) if order or expires else None
        async with app.store() as opened:
            actor = await identify(app, opened, operator)
            async with opened.begin() as tx:
                if step is Step.CLOSE:
                    incident = await store.find(tx, code)
                    await require_nobody_new(tx, app.load_keys(), incident, actor=actor)
                state = await store.take_step(tx, code, step, actor=actor, reason=reason, order=asked)
        return {"code": code.upper(), "step": str(step), "state": str(state)}

    made = run(act())
    app.show(made, lambda: out.print(f"[bold]{escape(made['code'])}[/] is {made['state']}."))


def _moment(written: str) -> datetime:
    try:
        return Moment.read(written).at
    except ValueError as error:
        raise BadInput(f"--expires {error}", advice=f"Write it like {EXAMPLES}.") from None
