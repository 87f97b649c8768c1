"""Printing the letters that wait: from leased batches to one archive for a mail house.

The order is that of every hand-over: attempts are opened durably, the pages set and the archive published in
one step, the attempts closed. What ends before the archive is there leaves nothing but attempts on record.
Killed in between, what was open is in doubt, whether the archive is there or not: the mail house's file says,
or else they are in the next batch, with that attempt on record.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from notifier.announcements import Announcement
from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.channels.letter.batch import Batch, NothingPrinted, SetAside, require_new, write_batch
from notifier.channels.letter.renderer import LetterRenderer
from notifier.channels.letter.values import Letter, Sender
from notifier.clock import from_instant, to_instant
from notifier.engine import batches
from notifier.engine.attempts import Settled
from notifier.engine.batches import Lease
from notifier.engine.dispatch import Dispatcher
from notifier.engine.loading import Loader, Policy
from notifier.engine.sending import required_steps
from notifier.errors import BadInput, LostLease, NotifierError, Refused
from notifier.keys import Keys
from notifier.letters import waiting
from notifier.letters.content import Kept
from notifier.letters.leases import Leases
from notifier.letters.outcomes import INCOMPLETE, Opened, Outcomes
from notifier.receipts.taking import settle_pending
from notifier.settings import SendingSettings
from notifier.store import Store

FOR_MANY = 300
"""Letters from which processes of their own are worth their start."""
MOST = 500_000
"""What one archive holds."""
_TOGETHER = 500
_ASK_EVERY = 2.0
"""Seconds after which somebody who sets pages looks whether they are still wanted."""


class AsItStands:
    """Finishes letters: what is kept of one is the same at every attempt, and has no return path."""

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Return it as it was made."""
        del date
        return message, kept

    def return_path(self, reference: str, attempt: int) -> str:
        """Return none."""
        del reference, attempt
        return ""


@dataclass(frozen=True, slots=True)
class Run:
    """What became of the letters that waited."""

    batch: Batch | None
    """The archive; ``None`` where no letter could be printed."""
    set_aside: tuple[SetAside, ...]
    """Letters that could not be printed, with their findings."""
    ended: int
    """Letters that are not printed any more: acknowledged meanwhile, erased, the address suppressed."""
    waiting: waiting.Waiting
    """Those that still wait."""


class PrintRun:
    """One print batch of an announcement. Make one for each."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        settings: SendingSettings,
        about: Announcement,
        renderer: LetterRenderer,
        *,
        dispatcher: Dispatcher,
        name: str,
        operator: str,
        divert: Sender | None = None,
    ) -> None:
        """``name`` is the batch's. With ``divert`` all letters bear that address: a drill's reach nobody."""
        self._store = store
        self._keys = keys
        self._settings = settings
        self._about = about
        self._renderer = renderer
        self._dispatcher = dispatcher
        self._name = name
        self._operator = operator
        self._divert = divert
        policy = Policy(settings.unknown_policy == "hold", settings.unknown_most)
        self._loader = Loader(store, keys, AsItStands(), policy)
        self._leases = Leases(store, about.id, settings, drill=about.drill, worker=f"letters-{name}"[:64])
        self._opened: list[Opened] = []
        self._ended = 0
        self._outcomes = Outcomes(name)
        self._publishing = False
        self._asked = 0.0

    async def run(self, path: Path, *, most: int = MOST, processes: int | None = None) -> Run:
        """Print up to ``most`` letters into ``path``; on return all is on record, what waits is given back.

        ``processes`` set the pages, 0 for this one alone; ``None`` chooses. Raises ``Refused`` where nothing
        waits, the archive cannot be written, or the announcement is stopped before it is there (then nothing
        of it is left, and every letter waits as before, or is cancelled with the announcement);
        ``LostLease`` where the right to these letters was lost.
        """
        require_new(path)
        self._loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        keeper = asyncio.create_task(self._leases.renewing(stop))
        batch: Batch | None = None
        aside: tuple[SetAside, ...] = ()
        try:
            await self._open(most)
            if self._opened:
                await self._begin()
                batch, aside = await self._print(path, processes)
        finally:
            try:
                await self._close()
            finally:
                stop.set()
                await keeper
                await self._leases.give_back(self._dispatcher)
        return await self._finish(batch, aside)

    async def _open(self, most: int) -> None:
        """Lease what is ready and open the attempts: from here on it may be printed."""
        while len(self._opened) < most and (lease := await self._leases.claim()) is not None:
            await self._hear()
            ids = await self._loader.due(lease, self._now())
            wanted = ids[: most - len(self._opened)]
            for start in range(0, len(wanted), _TOGETHER):
                if not await self._open_some(lease, wanted[start : start + _TOGETHER]):
                    return
        if not (self._opened or self._ended):
            async with self._store.read() as tx:
                left = await waiting.waiting(tx, self._about.id)
                control = await tx.scalar(
                    "SELECT control FROM announcement WHERE id = :id", id=self._about.id
                )
            raise Refused(
                f"no letter of {self._about.code} can be printed now", advice=_why_none(left, str(control))
            )

    async def _hear(self) -> None:
        """Let what the mail house said of letters that were still open count: those are not printed again."""
        async with self._store.begin() as tx:
            while await settle_pending(tx, self._keys):
                pass

    async def _open_some(self, lease: Lease, ids: Sequence[int]) -> bool:
        """Open the attempts of some letters; false once the announcement is paused or cancelled."""
        part = await self._loader.prepare(ids, self._now(), required=required_steps(lease.plan))
        if part.later:
            async with self._store.begin() as tx:
                await batches.postpone(tx, part.later)
        self._leases.require()
        openings = [one.opening() for one in part.prepared]
        flushed = await batches.flush(self._store, lease, [], openings, part.endings)
        self._ended += len(part.endings)
        now = self._now()
        self._opened += [
            Opened(lease, one, now) for one in part.prepared if one.delivery_id in flushed.opened
        ]
        return flushed.control == "run"

    async def _begin(self) -> None:
        async with self._store.begin() as tx:
            tx.record(Event(AuditAction.LETTERS_BEGUN, {**self._head(), "letters": len(self._opened)}))

    async def _print(self, path: Path, processes: int | None) -> tuple[Batch | None, tuple[SetAside, ...]]:
        """Set the pages and publish the archive, in a thread: the leases are renewed meanwhile."""
        many = len(self._opened) >= FOR_MANY
        work = asyncio.ensure_future(
            asyncio.to_thread(
                write_batch,
                path,
                self._letters(),
                self._renderer,
                name=self._name,
                processes=_processes(many) if processes is None else processes,
                before=self._before,
            )
        )
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            self._leases.give_up("it was interrupted")
            await asyncio.wait([work])
            if work.exception() is None:
                self._outcomes.note(work.result().printed, work.result().set_aside)
            raise
        try:
            batch = work.result()
        except NothingPrinted as nothing:
            self._outcomes.note((), nothing.set_aside)
            if not self._outcomes:
                raise
            return None, nothing.set_aside
        except NotifierError:
            raise  # It leaves nothing behind.
        except BaseException:
            if self._publishing:
                self._outcomes.doubt()
            raise
        self._outcomes.note(batch.printed, batch.set_aside)
        return batch, batch.set_aside

    def _before(self) -> None:
        self._leases.require()
        self._require_wanted()
        self._publishing = True

    def _require_wanted(self) -> None:
        """Raise where the announcement was paused or cancelled: what is not printed yet no longer is."""
        self._asked = time.monotonic()
        asked = asyncio.run_coroutine_threadsafe(self._control(), self._loop)
        if (control := asked.result(self._settings.lease_seconds)) != "run":
            raise Refused(
                f"no letter was printed: {self._about.code} was stopped meanwhile",
                advice="The letters are cancelled with it."
                if control == "cancel"
                else "They wait: `notifier announcements resume` lets it go on, then run it again.",
            )

    async def _control(self) -> str:
        async with self._store.read() as tx:
            return await batches.control_of(tx, self._opened[0].lease)

    def _letters(self) -> Iterator[Letter]:
        for opened in self._opened:
            self._leases.require()
            if time.monotonic() - self._asked > _ASK_EVERY:
                self._require_wanted()
            one = opened.one
            try:
                letter = Kept.read(one.content).letter(
                    self._about, one.reference, from_instant(one.message_date)
                )
            except BadInput:
                self._outcomes.reject(one.reference, INCOMPLETE)
                continue
            yield replace(letter, address=self._divert.address) if self._divert else letter

    async def _close(self) -> None:
        """Close every attempt that was opened, as long as the leases are ours."""
        by_lease: defaultdict[int, list[Opened]] = defaultdict(list)
        for opened in self._opened:
            by_lease[opened.lease.batch_id].append(opened)
        for several in by_lease.values():
            for start in range(0, len(several), _TOGETHER):
                now, chunk = self._now(), several[start : start + _TOGETHER]
                quarantine = self._settings.quarantine_seconds
                closed = [self._outcomes.settled(one, now, quarantine) for one in chunk]
                await self._commit(chunk[0].lease, closed)

    async def _commit(self, lease: Lease, settled: list[Settled]) -> None:
        pause = 0.1
        while True:
            try:
                await batches.flush(self._store, lease, settled, [], [])
            except (SQLAlchemyError, OSError):
                if self._leases.over:
                    raise LostLease(
                        "the store did not answer until the leases ran out: what was printed is in doubt",
                        advice="Keep the archive if it is there: the mail house's file settles it.",
                    ) from None
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            else:
                return

    async def _finish(self, batch: Batch | None, aside: tuple[SetAside, ...]) -> Run:
        async with self._store.begin() as tx:
            if batch is not None:
                facts: dict[str, Json] = {
                    **self._head(),
                    "letters": batch.totals.letters,
                    "pages": batch.totals.pages,
                    "sheets": batch.totals.sheets,
                    "set_aside": len(aside),
                    "archive": tx.commitment("archive", batch.sha256),
                }
                tx.record(Event(AuditAction.LETTERS_PRINTED, facts))
            await waiting.asked_enough(tx, self._about.id, actor=f"operator:{self._operator}")
            return Run(batch, aside, self._ended, await waiting.waiting(tx, self._about.id))

    def _head(self) -> dict[str, Json]:
        return {
            "announcement": self._about.code,
            "batch": self._name,
            "actor": f"operator:{self._operator}",
        }

    def _now(self) -> int:
        return to_instant(self._store.clock.now())


def _processes(many: bool) -> int:
    return (os.cpu_count() or 1) if many else 0


def _why_none(left: waiting.Waiting, control: str) -> str:
    """Say why nothing can be printed, and what to do."""
    if not left.all:
        return "None waits. A letter waits once its step of the channel plan is due for somebody."
    if control != "run":
        return "The announcement is stopped: `notifier announcements resume` lets it go on."
    if left.printing:
        return "Letters are being printed, or were when it was stopped: wait a minute, then run it again."
    return (
        "Those that wait are in doubt, or follow an earlier notice: wait until their time, then run it again."
    )
