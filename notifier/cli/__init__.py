"""What all commands share: the application they act on, their console and their exit codes.

Exit codes: 0 done, 1 refused, 2 wrong usage or input, 3 done in part.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from notifier.audit.report import Check
from notifier.clock import Clock, SystemClock
from notifier.engine.dispatch import Dispatcher, InlineDispatcher
from notifier.errors import NotifierError, StoreError
from notifier.keys import Keys
from notifier.settings import Settings
from notifier.store import Store

if TYPE_CHECKING:
    from notifier.escalation.rounds import Escalation

T = TypeVar("T")

PARTIAL = 3
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def _no_escalation(_store: Store) -> Escalation:
    raise NotifierError("this installation has no announcements")


@dataclass(frozen=True)
class Application:
    """What a command works with. ``open_store`` and ``load_keys`` come from the composition root."""

    settings: Settings
    open_store: Callable[[], Coroutine[Any, Any, Store]]
    load_keys: Callable[[], Keys]
    clock: Clock = field(default_factory=SystemClock)
    as_json: bool = False
    dispatcher: Dispatcher = field(default_factory=lambda: InlineDispatcher(workers=0))
    """Tells whoever works the batches that some are ready."""
    checks: Callable[[], Sequence[Check]] = tuple
    """What the packages built on the engine hold against the audit trail."""
    escalation: Callable[[Store], Escalation] = _no_escalation
    """Goes with people through later steps of announcements, in a store."""

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Open the store, check that its tables are current, and close it afterwards."""
        store = await self.open_store()
        try:
            yield store
        finally:
            await store.close()

    def show(self, value: Any, human: Callable[[], None]) -> None:
        """Print ``value`` as JSON where ``--json`` was given, else let ``human`` print it."""
        if self.as_json:
            typer.echo(json.dumps(value, ensure_ascii=False, default=str))
        else:
            human()


def application(context: typer.Context) -> Application:
    """Return the application the composition root put into the context."""
    return cast("Application", context.obj)


def run(act: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; an error of ours, or the database's, becomes one clear sentence and its exit
    code.
    """
    try:
        return asyncio.run(act)
    except NotifierError as error:
        fail(error)
    except DBAPIError as error:
        # Its own words hold the statement's values.
        fail(
            StoreError(
                f"the database failed in the middle ({type(error).__name__})",
                advice="What was not finished is undone. Run it again once the database answers.",
            )
        )


def fail(error: NotifierError) -> NoReturn:
    """Print what went wrong and what to do, and leave with the error's exit code."""
    err.print(f"[bold red]{'Refused' if error.exit_code == 1 else 'Wrong input'}:[/] {escape(str(error))}")
    if advice := error.advice():
        err.print(advice, markup=False)
    raise typer.Exit(error.exit_code)
