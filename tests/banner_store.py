"""The banner's desk over a real store, for tests: a released announcement, and what its readers do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from notifier.banners import StoreBanners
from notifier.channels.banner.notices import BannerEvent, BannerNotice
from notifier.channels.banner.repository import Facts
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.audiences import Someone
from tests.journeys import Journey, journey

ANNA = Someone("Anna Albrecht", "anna@mail.test", phone="+4915155500001", street="Weg 1")
BRUNO = Someone("Bruno Castellano", "bruno@mail.test", phone="+4915155500002", street="Weg 2")
CARLA = Someone("Carla Dupontel", "carla@mail.test", state="needs-channel", reason="none")


@dataclass
class Shown:
    """A released announcement with a banner, and the desk that shows it."""

    journey: Journey
    banners: StoreBanners
    numbers: count[int] = field(default_factory=count)

    def sub(self, one: Someone) -> str:
        """Return the customer number of one of the audience."""
        return f"C{self.journey.audience.subjects[one.email]}"

    async def notices(self, one: Someone) -> list[BannerNotice]:
        """Return what somebody is shown."""
        return list(await self.banners.notices(self.sub(one), "en"))

    async def does(self, one: Someone, event: str, *, key: str = "", **facts: Any) -> bool:
        """Report what somebody did with their newest notice."""
        (notice, *_) = await self.notices(one)
        return await self.report(one, event, notice.reference, notice.revision, key=key, **facts)

    async def report(
        self, one: Someone, event: str, reference: str, revision: int = 1, *, key: str = "", **facts: Any
    ) -> bool:
        """Report something about any notice."""
        given = {"form": "element", "key_id": "ed-1", "locale": "en", "token_id": "session 17"} | facts
        said = Facts(revision=revision, event_id=key or f"r-{next(self.numbers)}", **given)
        at: datetime = self.journey.clock.now()
        return await self.banners.report(self.sub(one), reference, BannerEvent(event), at, said)

    async def states(self, one: Someone) -> list[str]:
        """Return where somebody's deliveries stand: channel, occasion, state."""
        return (await self.journey.deliveries())[one.email]

    async def code(self) -> str:
        """Return the announcement's code."""
        async with self.journey.store.read() as tx:
            return str(await tx.scalar("SELECT code FROM announcement"))

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        async with self.journey.store.read() as tx:
            return int(await tx.scalar(f"SELECT count(*) FROM {table}"))


async def shown(
    store: Store, keys: Keys, clock: FakeClock, home: Path, *steps: str, people: tuple[Someone, ...] = ()
) -> Shown:
    """Release an announcement with these later steps, a banner if none is named; all have theirs by now."""
    made = await journey(
        store, keys, clock, home, people or (ANNA, BRUNO, CARLA), *(steps or ("banner:always",))
    )
    await made.send()
    await made.escalation.round()
    return Shown(made, StoreBanners(store, keys))
