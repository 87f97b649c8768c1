"""The worker: the one process part that plans, sends, sequences the audit trail and raises alerts."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.exc import SQLAlchemyError

from notifier.clock import from_instant
from notifier.engine import batches, control, holds, kind, recovery, schedule
from notifier.engine.batches import Lease
from notifier.engine.breaker import Breaker
from notifier.engine.carriers import Carrier, Lane
from notifier.engine.dispatch import Dispatcher
from notifier.engine.failing import Failing
from notifier.engine.loading import Policy
from notifier.engine.ownership import Ownership
from notifier.engine.rounds import Rounds, where
from notifier.engine.schedule import Release
from notifier.engine.sending import BatchResult, BatchRun
from notifier.engine.spill import Spill
from notifier.engine.trail import Trail
from notifier.engine.windows import SECOND
from notifier.errors import Conflict, NotifierError, TaskEnded
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store

log = structlog.get_logger()

_DUE_EVERY = 15
_LEASES_EVERY = 5
_HYGIENE_EVERY = 60
_TIMERS_LATE = 60
"""Seconds by which a timer may be off; beyond that the timers have died, or the clock was set back."""
_WITHHELD = "What goes that way is tried again now and then: set it right with the provider."
_RESTORED = "the store is an older copy: find out who was told since, then resume or cancel"


@dataclass(frozen=True)
class Parts:
    """What the composition root gives the worker."""

    store: Store
    keys: Keys
    carriers: Mapping[str, Carrier]
    """How notices leave, by channel; batches of channels that are not named here are left alone."""
    drill: bool
    """Whether the channels are a drill's: they are given nothing else then, and any others no drill."""
    dispatcher: Dispatcher
    settings: SendingSettings
    state_folder: Path
    release: Release
    """Enqueues an announcement at the end of its countdown."""
    refused: Release
    """Notes that a release could not be carried out."""
    sequence: Callable[[asyncio.Event], Coroutine[Any, Any, None]]
    """Runs the audit trail's sequencer until told to stop."""
    settle_receipts: Callable[[], Awaitable[object]]
    """Lets receipts count that came before the answers to their hand-overs."""
    escalate: Callable[[Callable[[], bool]], Awaitable[object]]
    """Goes with people through the later steps of their plans, until done or told to stop."""
    raise_alerts: Callable[[], Awaitable[int]]
    rolled_back: Callable[[], Awaitable[bool]]
    """Says whether the store is older than what has been published of its log: a restored backup."""
    chores: Mapping[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    """What else is looked after once a minute, by name; cut off when the worker stops."""


class Worker:
    """Runs until told to stop; then what is being handed over is finished and nothing new is begun."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._ownership = Ownership(parts.store, parts.state_folder, self._name)
        policy = Policy(parts.settings.unknown_policy == "hold", parts.settings.unknown_most)
        self._lanes = {
            name: Lane.of(carrier, parts.store, parts.keys, policy, parts.settings)
            for name, carrier in parts.carriers.items()
        }
        self._spills = parts.state_folder / "spill"
        self._channels = AsyncExitStack()
        self._stop = asyncio.Event()
        # A timer that comes late, or while its job runs, is not lost: the job looks at all that is due.
        self._timers = AsyncIOScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None}
        )
        self._looking = asyncio.Lock()
        self._tidying = asyncio.Lock()
        self._escalating = asyncio.Lock()
        self._busy = asyncio.Lock()
        self._failure: NotifierError | None = None
        self._running: set[int] = set()
        self._rounds = Rounds(time.monotonic)
        self._failing = Failing()
        self._breaker = Breaker(parts.settings, time.monotonic)
        self._trail = Trail(parts.store, time.monotonic)
        self._trail_stands = False
        self._restored = False
        self._waits_for = ""
        """The task without which nothing may be sent, while it is in trouble."""
        self.alive = False
        """Whether the worker has started and not yet stopped: for the health page."""

    @property
    def trouble(self) -> str:
        """Return the name of a task that keeps failing; empty while all is well."""
        return self._waits_for or self._rounds.troubled() or ("sending" if self._failing.troubled else "")

    async def run(self, stop: asyncio.Event, started: asyncio.Event | None = None) -> None:
        """Be the worker until ``stop``; ``started`` is set once it is. Raises ``Refused`` at once if the
        store holds what this kind of installation must not send, ``Conflict`` if another worker is at it,
        and later if another one has taken this one's place; ``TaskEnded`` if a part of it ended by itself:
        going on without it would look alive and not be.
        """
        parts = self._parts
        async with self._ownership, self._channels:
            await self._lanes["email"].open(self._channels)
            async with parts.store.read() as tx:
                await kind.require(tx, drill=parts.drill)
                await kind.require_keys(tx, parts.keys)
            await self._recover()
            sequencing = self._part("sequencer", parts.sequence(self._stop))
            self._start_timers()
            watching = self._part("timers", self._watch_timers())
            self.alive = True
            if started is not None:
                started.set()
            sending = self._part("dispatcher", parts.dispatcher.run(self._run_batch, self._stop))
            stopping = asyncio.create_task(stop.wait())
            try:
                # Each part ends when it is told to stop; one that ends before has died.
                await asyncio.wait(
                    {stopping, sequencing, watching, sending}, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                self.alive = False
                self._stop.set()
                stopping.cancel()
                await sending
                self._timers.pause()
                async with self._looking, self._tidying, self._escalating:
                    self._timers.shutdown(wait=False)  # It would cut off what a job is writing.
                await asyncio.gather(watching, sequencing)
        if self._failure is not None:
            raise self._failure

    def _part(self, name: str, act: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a part of the worker. If it ends before it is told to, so does the worker."""

        async def live() -> None:
            how = "without an error"
            try:
                await act
            except Exception as error:  # noqa: BLE001 - whatever ended it
                how = f"{type(error).__name__} at {where(error)}"
            if not self._stop.is_set() or how != "without an error":
                log.error("a part of the worker ended by itself", part=name, how=how)
                self._failure = self._failure or TaskEnded(
                    f"the worker's {name} ended by itself: {how}",
                    advice="Start it again; if it happens again, report this line and the log.",
                )
                self._stop.set()

        return asyncio.create_task(live())

    async def _watch_timers(self) -> None:
        """Return if the timers have died; a look alone may come late, so two in a row count."""
        late = 0
        while not self._stop.is_set() and late < 2:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _LEASES_EVERY)
            job = self._timers.get_job("leases")
            off = datetime.now(UTC) - job.next_run_time if job and job.next_run_time else None
            late = late + 1 if off is None or abs(off.total_seconds()) > _TIMERS_LATE else 0

    async def _recover(self) -> None:
        """Settle what a predecessor left: its answers from spill files, the rest as in doubt."""
        parts = self._parts
        self._restored = await parts.rolled_back()
        if self._restored:
            # What went out since the backup is not on record here: sending again needs a person's word.
            async with parts.store.begin() as tx:
                paused = await control.pause_all(tx, kind="restored", reason=_RESTORED)
                paused += await control.stop_countdowns(tx, kind="release", reason=_RESTORED)
            log.error("the store is older than its published log", paused=paused)
        retry = int(parts.settings.retry_first_seconds * SECOND)
        settled = await recovery.replay(parts.store, self._spills, retry_us=retry)
        in_doubt = await recovery.void_leases(
            parts.store, quarantine_seconds=parts.settings.quarantine_seconds
        )
        if settled or in_doubt:
            log.info("recovered", settled=settled, in_doubt=in_doubt)

    def _start_timers(self) -> None:
        """Timers only wake us; what is due stands in the store."""
        self._timers.add_job(self._due, "interval", seconds=_DUE_EVERY, id="due-every")
        self._timers.add_job(self._due, "date", id="due")
        self._timers.add_job(self._keep_place, "interval", seconds=_LEASES_EVERY, id="place")
        self._timers.add_job(self._leases, "interval", seconds=_LEASES_EVERY, id="leases")
        self._timers.add_job(self._escalate, "interval", seconds=_LEASES_EVERY, id="steps")
        self._timers.add_job(self._hygiene, "interval", seconds=_HYGIENE_EVERY, id="hygiene")
        self._timers.add_job(self._hygiene, "date", id="hygiene-now")
        self._timers.add_job(self._chores, "interval", seconds=_HYGIENE_EVERY, max_instances=1, id="chores")
        self._timers.add_job(self._chores, "date", id="chores-now")
        self._timers.start()

    async def _due(self) -> None:
        """Fire what is due and arm the timer for what comes next."""
        async with self._looking:
            await self._rounds.attempt("schedule", self._fire)

    async def _fire(self) -> None:
        parts = self._parts
        for fired in await schedule.fire_due(
            parts.store, release=parts.release, refused=parts.refused, dispatcher=parts.dispatcher
        ):
            if fired.failed:
                log.error("could not fire, will try again", kind=fired.kind, error=fired.failed)
            elif fired.refused:
                log.warning("could not fire", kind=fired.kind, why=fired.refused)
        upcoming = await schedule.next_fire(parts.store)
        parts.dispatcher.sweep()
        if upcoming is not None:
            soon = max(from_instant(upcoming), parts.store.clock.now())
            self._timers.add_job(self._due, "date", run_date=soon, id="due", replace_existing=True)

    async def _keep_place(self) -> None:
        """Stay the one worker, and see whether sending may go on."""
        await self._rounds.attempt("place", self._renew)
        await self._rounds.attempt("trail", self._look_at_trail)
        waits_for = self._rounds.troubled("place", "trail") or ("trail" if self._trail_stands else "")
        if waits_for and not self._waits_for:
            log.error("nothing is sent for now", waits_for=waits_for)
        elif self._waits_for and not waits_for:
            log.info("sending goes on", waited_for=self._waits_for)
        self._waits_for = waits_for

    async def _renew(self) -> None:
        try:
            await self._ownership.renew()
        except Conflict as taken:
            log.error("another worker has taken over")  # noqa: TRY400 - no traceback: nothing is broken
            self._failure = taken
            self._stop.set()

    async def _look_at_trail(self) -> None:
        # A restored store's log cannot go on; what is sent from it, a person has let go in that knowledge.
        self._trail_stands = not self._restored and await self._trail.stands_still()

    async def _leases(self) -> None:
        """Look for schedules other commands have added, batches whose lease ran out, answers in spills."""
        await self._due()
        async with self._tidying:
            await self._rounds.attempt("recovery", self._settle)
            await self._rounds.attempt("receipts", self._parts.settle_receipts)

    async def _settle(self) -> None:
        parts = self._parts
        retry = int(parts.settings.retry_first_seconds * SECOND)
        await recovery.replay(parts.store, self._spills, retry_us=retry)
        await recovery.free_idle(parts.store, quarantine_seconds=parts.settings.quarantine_seconds)

    async def _escalate(self) -> None:
        """Go on with those whom nothing has reached yet, unless nothing may be sent."""
        if self._escalating.locked():
            return
        async with self._escalating:
            if not self._must_not_send():
                await self._rounds.attempt("steps", lambda: self._parts.escalate(self._must_not_send))

    async def _hygiene(self) -> None:
        """Cancel what a cancelled announcement still holds; alert about holds nobody has taken."""
        async with self._tidying:
            await self._rounds.attempt("cancelling", self._cancel_rest)
            await self._rounds.attempt("alerts", self._parts.raise_alerts)

    async def _chores(self) -> None:
        async with self._busy:
            for name, act in self._parts.chores.items():
                await self._rounds.attempt(name, act)

    async def _cancel_rest(self) -> None:
        async with self._parts.store.begin() as tx:
            for row in await tx.rows(
                "SELECT DISTINCT a.id FROM announcement a JOIN delivery d ON d.announcement_id = a.id "
                "WHERE a.control = 'cancel' AND d.state IN ('planned', 'deferred', 'unknown')"
            ):
                await control.cancel_rest(tx, row.id)
        await self._failing.forget_ended(self._parts.store)

    async def _run_batch(self) -> bool:
        """Claim and run one batch; false if none is due or sending must wait."""
        now = asyncio.get_running_loop().time()
        channels = [name for name, lane in self._lanes.items() if now >= lane.cool_until]
        if self._waits_for or not channels:
            return False
        try:
            lease = await self._claim(channels)
        except Exception:
            self._rounds.failed("sending")  # The dispatcher logs it and waits.
            raise
        self._rounds.went_well("sending")
        if lease is None:
            return False
        try:
            await self._run_leased(lease)
        except Exception:
            with suppress(NotifierError, SQLAlchemyError, OSError):  # The store may be the trouble.
                await self._failing.failed(self._parts.store, lease)
            raise
        return True

    async def _claim(self, channels: list[str]) -> Lease | None:
        settings = self._parts.settings
        return await batches.claim(
            self._parts.store,
            worker=self._name,
            drill=self._parts.drill,
            lease_us=int(settings.lease_seconds * SECOND),
            quarantine_us=int(settings.quarantine_seconds * SECOND),
            running=self._running,
            channels=channels,
        )

    async def _run_leased(self, lease: Lease) -> None:
        self._running.add(lease.batch_id)
        try:
            result = await self._carry_out(lease)
        finally:
            self._running.discard(lease.batch_id)
        await self._heed(lease, result)
        await self._failing.went_well(self._parts.store, lease)

    def _must_not_send(self) -> bool:
        return self._stop.is_set() or bool(self._waits_for)

    async def _carry_out(self, lease: Lease) -> BatchResult:
        parts = self._parts
        lane = self._lanes[lease.channel]
        await lane.open(self._channels)
        spill = Spill(self._spills)
        run = BatchRun(
            store=parts.store,
            lease=lease,
            loader=lane.loader,
            channel=self._breaker.listening(lane.carrier.channel, lease.announcement_id),
            spill=spill,
            settings=parts.settings,
            flow=lane.flow,
            dispatcher=parts.dispatcher,
            stop=lambda: self._must_not_send() or self._breaker.tripped(lease.announcement_id, lease.channel),
        )
        try:
            result = await run.run()
        except BaseException:
            spill.abandon()  # Its lines settle what could not be committed here.
            raise
        spill.close()
        return result

    async def _heed(self, lease: Lease, result: BatchResult) -> None:
        """Wait where the relay is the trouble, and let somebody know until it is over; pause where too many
        answers go wrong.
        """
        announcement_id = lease.announcement_id
        trouble = holds.trouble(lease.channel)
        tripped = self._breaker.tripped(announcement_id, lease.channel)
        if result.relay_trouble:
            pause = self._parts.settings.relay_pause_seconds
            self._lanes[lease.channel].cool_until = asyncio.get_running_loop().time() + pause
        async with self._parts.store.begin() as tx:
            await self._breaker.heed(tx, announcement_id)
            if result.relay_trouble:
                await holds.ask_author(tx, announcement_id, kind=trouble, reason=result.relay_trouble)
            elif result.accepted:
                await holds.end_holds(tx, announcement_id, kinds=(trouble,), actor="system")
            if result.withheld and lease.channel in holds.STOPS.values():
                asks = f"{result.withheld} {_WITHHELD}"
                await holds.ask_author(tx, announcement_id, kind=holds.warning(holds.SENDER), reason=asks)
        if tripped:
            self._breaker.forget(announcement_id)
