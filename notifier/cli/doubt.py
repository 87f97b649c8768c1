"""``notifier announcements held`` and ``decide``: those whose answer was lost and who wait for a person."""

from __future__ import annotations

from typing import Annotated

import typer

from notifier.cli import Application, application, out, run
from notifier.cli.identity import ask_count, identify
from notifier.cli.printing import records_table, when
from notifier.engine import control, doubt, kind
from notifier.engine.doubt import Decision
from notifier.errors import BadInput
from notifier.notices import grouped
from notifier.words import persons

app = typer.Typer()
Code = Annotated[str, typer.Argument(help="The announcement's code.")]


@app.command()
def held(context: typer.Context, code: Code) -> None:
    """List the deliveries that are held, by reference: look for them in the relay's log."""
    app = application(context)

    async def act() -> None:
        async with app.store() as store, store.read() as tx:
            rows = await doubt.held(tx, (await control.find(tx, code)).id)
        value = [
            {
                "reference": row.reference,
                "attempts": row.attempts,
                "last_attempt": when(row.opened_at),
                "held_since": when(row.changed_at),
                "decided": not row.undecided,
            }
            for row in rows
        ]

        def human() -> None:
            if not value:
                out.print(f"Nobody of {code} is held.", markup=False)
                return
            shown = [
                {
                    **entry,
                    "reference": grouped(str(entry["reference"])),
                    "decided": "left so" if entry["decided"] else "waits",
                }
                for entry in value
            ]
            out.print(records_table(shown))

        app.show(value, human)

    run(act())


@app.command()
def decide(
    context: typer.Context,
    code: Code,
    decision: Annotated[
        Decision,
        typer.Argument(help="Hand all of them over once more, or leave all as they are, in doubt for good."),
    ],
    operator: Annotated[str, typer.Option(help="Your handle.")],
    reason: Annotated[str, typer.Option(help="Why; it goes on record.")],
) -> None:
    """Decide about everybody who is held, by typing how many they are."""
    app = application(context)
    waited = run(_decide(app, code, decision, operator, reason))
    value = {"code": code, "decision": str(decision), "people": waited}
    text = (
        f"{persons(waited)} will be handed the notice once more."
        if decision is Decision.SEND_AGAIN
        else f"{persons(waited)} stay on record as held: their notice may have arrived, or not."
    )
    app.show(value, lambda: out.print(text, markup=False))


async def _decide(app: Application, code: str, decision: Decision, operator: str, reason: str) -> int:
    async with app.store() as store:
        async with store.read() as tx:
            announcement = await control.find(tx, code)
            if decision is Decision.SEND_AGAIN:
                await kind.require(tx, drill=app.settings.drill)
        handle = await identify(app, store, operator, fresh=True)
        people = ask_count(f"Type the number of people who wait for a decision ({code}): ")
        if people is None:
            raise BadInput(
                "what was typed is not a number; nothing was decided",
                advice=f"`notifier announcements held {code}` lists them; then type their number alone.",
            )
        async with store.begin() as tx:
            announcement = await control.find(tx, code)
            return await doubt.decide(
                tx,
                announcement,
                decision,
                people=people,
                reason=reason,
                operator=handle,
                dispatcher=app.dispatcher,
            )
