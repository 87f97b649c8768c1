"""A store that fails on purpose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

from sqlalchemy.exc import OperationalError

from notifier.store import Store, Transaction

Failure = Literal["", "unkept", "kept"]


class FaultyStore(Store):
    """Asks ``plan`` with the running number of each commit whether it fails, and how.

    ``unkept``: the commit fails and nothing of it is kept. ``kept``: everything is kept, but the caller is
    told that it failed, as when the connection breaks before the answer.
    """

    plan: Callable[[int], Failure] | None = None
    commits = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction whose commit may fail as planned."""
        failure: Failure = ""
        async with super().begin() as transaction:
            yield transaction
            self.commits += 1
            failure = self.plan(self.commits) if self.plan else ""
            if failure == "unkept":
                raise OperationalError("COMMIT", {}, OSError(failure))
        if failure == "kept":
            raise OperationalError("COMMIT", {}, OSError(failure))
