"""What an operator decides, carried out in one transaction and told once it is on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import typer

from notifier.cli import application, out, run
from notifier.cli.identity import identify
from notifier.engine import kind
from notifier.store import Transaction

Decided = tuple[dict[str, Any], str]
"""What a decision did, as plain data and in a sentence."""


def carry_out(
    context: typer.Context,
    operator: str,
    act: Callable[[Transaction, str], Awaitable[Decided]],
    *,
    fresh: bool = False,
    sends: bool = False,
) -> None:
    """Carry out what an operator decides, in one transaction, and say so once it is on record. What sets
    sending going (``sends``) is refused in an installation of the other kind.
    """
    app = application(context)

    async def whole() -> Decided:
        async with app.store() as store:
            if sends:
                async with store.read() as tx:
                    await kind.require(tx, drill=app.settings.drill)
            handle = await identify(app, store, operator, fresh=fresh)
            async with store.begin() as tx:
                return await act(tx, handle)

    value, text = run(whole())
    app.show(value, lambda: out.print(text, markup=False))
