"""A desk of an installation that has told somebody."""

from __future__ import annotations

import asyncio
from pathlib import Path

from notifier.audit.log_key import LogKey
from notifier.testing import ScriptedChannel
from tests import world
from tests.desk import Desk
from tests.integration.test_sending import run_next, start


def told(url: str, folder: Path, people: int, channel: ScriptedChannel | None = None) -> Desk:
    """Return the desk once ``people`` have been handed their notice; its home is in ``folder``."""
    desk = Desk(folder / "home", url)
    LogKey.generate("notices.example.com/audit").save(desk.home / "keys")

    async def send() -> None:
        async with desk.store() as store:
            await world.released(store, desk.keys, people)
            await start(store)
            await run_next(store, desk.keys, channel or ScriptedChannel(), folder)

    asyncio.run(send())
    return desk
