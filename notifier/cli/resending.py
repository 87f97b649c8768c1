"""``notifier announcements resend``: once more, to contact points that came to light since."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from notifier.cli import application, out, run
from notifier.cli.identity import identify
from notifier.engine import kind
from notifier.escalation import resend as resending
from notifier.words import persons

app = typer.Typer()


@app.command()
def resend(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="The announcement's code.")],
    *,
    channel: Annotated[str, typer.Option(help="email, sms or letter.")] = "email",
    operator: Annotated[str, typer.Option(help="Your handle.")],
    reason: Annotated[str, typer.Option(help="Why; it goes on record.")],
) -> None:
    """Send it again to whoever it did not reach, at contact points that were corrected since."""
    app_ = application(context)

    async def act() -> dict[str, Any]:
        async with app_.store() as store:
            async with store.read() as tx:
                await kind.require(tx, drill=app_.settings.drill)
            handle = await identify(app_, store, operator, fresh=True)
            async with store.begin() as tx:
                number, occasion = await resending.decide(tx, code, channel, operator=handle, reason=reason)
            sent = await app_.escalation(store).resend(number, channel, occasion)
        return {"code": code, "channel": channel, "occasion": occasion, "people": sent}

    done = run(act())
    app_.show(
        done,
        lambda: out.print(f"{code} goes out again by {channel}: {persons(done['people'])}.", markup=False),
    )
