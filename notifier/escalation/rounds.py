"""Rounds over the released announcements: for each step of their plans, everybody for whom it is due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from notifier.announcements import Announcement, announcement
from notifier.engine.dispatch import Dispatcher
from notifier.engine.holds import STEPS, ask_author, end_holds
from notifier.errors import Refused
from notifier.escalation import candidates
from notifier.escalation.candidates import Asked, Compromised, Matter, Step
from notifier.escalation.making import Workbench
from notifier.escalation.resend import Resend
from notifier.escalation.taking import Taken, take
from notifier.keys import Keys
from notifier.plans import When
from notifier.settings import Settings
from notifier.store import Store, Transaction

CHUNK = 500
IDLE_SHARE = 10
"""A look that took a second is followed by ten in which nobody looks: looking is for nothing mostly."""


async def _nothing(_tx: Transaction, _announcement: Announcement) -> Compromised:
    return Compromised()


class Escalation:
    """Goes with people through the channel plans. One process at a time does so: the worker."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        settings: Settings,
        dispatcher: Dispatcher,
        matter: Matter = _nothing,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings
        self._dispatcher = dispatcher
        self._matter = matter
        self._monotonic = monotonic
        self._benches: dict[int, Workbench] = {}
        self._not_before: dict[int, float] = {}

    async def round(self, *, stop: Callable[[], bool] = lambda: False) -> int:
        """Go with everybody for whom a step is due, one step after the other; returns how many steps were
        taken or skipped. ``stop`` is asked between chunks.
        """
        async with self._store.read() as tx:
            rows = await tx.rows(
                "SELECT id FROM announcement WHERE state = 'released' AND control = 'run' AND steps > 0"
                " ORDER BY id"
            )
        ids = [row.id for row in rows]
        self._benches = {one: bench for one, bench in self._benches.items() if one in ids}
        done = 0
        trouble: Exception | None = None
        for one in ids:
            began = self._monotonic()
            if began < self._not_before.get(one, 0):
                continue
            gone, error = await self._through(one, stop)
            trouble = trouble or error
            done += gone
            took = self._monotonic() - began
            self._not_before[one] = 0 if gone else self._monotonic() + IDLE_SHARE * took
        if trouble is not None:
            raise trouble
        return done

    async def _through(self, announcement_id: int, stop: Callable[[], bool]) -> tuple[int, Exception | None]:
        """Go through the steps of one plan, again and again until nothing more is due.

        A step that fails keeps none of the others waiting; the first error is returned.
        """
        done = 0
        while not stop():
            before, trouble = done, None
            async with self._store.read() as tx:
                about = await announcement(tx, announcement_id)
            try:
                bench = await self._bench(about)
            except Refused as no:
                await self._ask(about, str(no))
                break
            for number in range(1, len(about.plan.steps) + 1):
                try:
                    done += await self._step(bench, about, number, stop)
                except Refused as no:  # Changed since the bench was made: it is made anew once put back.
                    self._benches.pop(announcement_id, None)
                    await self._ask(about, str(no))
                except Exception as error:  # noqa: BLE001 - whatever is wrong with one step, the others go on
                    trouble = trouble or error
            if done == before:
                return done, trouble
        return done, None

    async def _step(
        self, bench: Workbench, about: Announcement, number: int, stop: Callable[[], bool]
    ) -> int:
        planned = about.plan.steps[number - 1]
        async with self._store.read() as tx:
            now = tx.now_us()
            compromised = await self._matter(tx, about)
        start = max(about.released_at or now, about.plan.start)
        if start + (planned.after if planned.when is When.ALWAYS else 0) > now:
            return 0
        gone = await self._go(bench, Step(about, number, compromised, now - planned.after), stop)
        return gone.taken + gone.skipped

    async def _go(self, bench: Workbench, step: Asked, stop: Callable[[], bool]) -> Taken:
        """Go with everybody for whom something is due."""
        after, gone = 0, Taken()
        while not stop():
            async with self._store.read() as tx:
                people = await candidates.due(tx, step, after=after, most=CHUNK)
            if not people:
                break
            after = people[-1].id
            await bench.prepare(self._store, step, people)
            made = await asyncio.to_thread(bench.make, step, people)
            async with self._store.begin() as tx:
                one = await take(tx, step, made, self._dispatcher, self._matter)
            gone = Taken(gone.taken + one.taken, gone.skipped + one.skipped)
            if len(people) < CHUNK:
                break
        return gone

    async def resend(self, announcement_id: int, channel: str, occasion: str) -> int:
        """Send once more to whoever is unreached and has a new contact point; returns how many those are."""
        async with self._store.read() as tx:
            about = await announcement(tx, announcement_id)
            compromised = await self._matter(tx, about)
        bench = await self._bench(about)
        asked = Resend.of(about, channel, occasion, compromised)
        return (await self._go(bench, asked, lambda: False)).taken

    async def _bench(self, about: Announcement) -> Workbench:
        """Return what the announcement's notices are made on; ``Refused`` where that is not as approved."""
        if about.id not in self._benches:
            self._benches[about.id] = await Workbench.of(self._store, about, self._settings, self._keys)
            async with self._store.begin() as tx:
                await end_holds(tx, about.id, kinds=(STEPS,), actor="system")
        return self._benches[about.id]

    async def _ask(self, about: Announcement, reason: str) -> None:
        async with self._store.begin() as tx:
            await ask_author(tx, about.id, kind=STEPS, reason=reason)
