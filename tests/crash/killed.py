"""``notifier``, killed by itself at a named moment: ``python -m tests.crash.killed MOMENT … -- words``.

``commit:N:before`` and ``commit:N:after`` kill around the Nth commit of the process; the others name a
step of a hand-over. The program itself knows nothing of this.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from incidents import building
from incidents.app import main
from notifier.audit.high_water import HighWater
from notifier.channels.letter import batch as archive
from notifier.engine import batches, schedule, sending
from notifier.engine.spill import Spill
from notifier.store import Store, Transaction


def die() -> None:
    """End as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


def around_commit(number: int, when: str) -> None:
    """Die just before, or just after, the commit with this number."""
    real = Store.begin
    seen = 0

    @asynccontextmanager
    async def begin(store: Store) -> AsyncIterator[Transaction]:
        nonlocal seen
        async with real(store) as transaction:
            yield transaction
            seen += 1
            if seen == number and when == "before":
                die()
        if seen == number and when == "after":
            die()

    Store.begin = begin  # type: ignore[method-assign]


def _after(owner: Any, name: str) -> None:
    real = getattr(owner, name)

    async def act(*arguments: Any, **options: Any) -> Any:
        result = await real(*arguments, **options)
        die()
        return result

    setattr(owner, name, act)


def _before(owner: Any, name: str) -> None:
    def act(*_arguments: Any, **_options: Any) -> None:
        die()

    setattr(owner, name, act)


def _after_opening() -> None:
    real = batches.flush

    async def flush(*arguments: Any, **options: Any) -> Any:
        flushed = await real(*arguments, **options)
        if flushed.opened:
            die()
        return flushed

    batches.flush = flush


def _before_closing() -> None:
    real = batches.flush

    async def flush(store: Any, lease: Any, settled: Any, *rest: Any) -> Any:
        if settled:
            die()
        return await real(store, lease, settled, *rest)

    batches.flush = flush


MOMENTS = {
    "after-claim": lambda: _after(batches, "claim"),
    "after-opening": _after_opening,
    "answered-not-spilled": lambda: _before(Spill, "note"),
    "spilled-not-closed": _before_closing,
    "before-giving-back": lambda: _before(batches, "give_back"),
    "after-giving-back": lambda: _after(batches, "give_back"),
    "sequenced-not-published": lambda: _before(HighWater, "raise_to"),
}


RELEASE_MOMENTS = {
    "planned-not-committed": lambda: _after(building, "plan"),
    "released-not-dispatched": lambda: _after(schedule, "fire_due"),
}


LETTER_MOMENTS = {
    "after-claim": lambda: _after(batches, "claim"),
    "after-opening": _after_opening,
    "pages-set-not-published": lambda: _before(archive._Draft, "publish"),
    "published-not-closed": _before_closing,
    "before-giving-back": lambda: _before(batches, "give_back"),
    "after-giving-back": lambda: _after(batches, "give_back"),
}
"""Steps of printing letters."""


def arrange(moment: str) -> None:
    """Arrange the death at ``moment``."""
    if moment.startswith("commit:"):
        _, number, when = moment.split(":")
        around_commit(int(number), when)
    else:
        (MOMENTS | RELEASE_MOMENTS | LETTER_MOMENTS)[moment]()


if __name__ == "__main__":
    assert sending
    arrange(sys.argv.pop(1))
    main()
