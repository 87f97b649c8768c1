"""``run_batch``: the only code that hands notices over.

While half of what is open is still with the channel, the answers of the other half are committed and the
next attempts are opened in the same transaction, so the channel never waits for the store and the store
writes hundreds of rows at a time. Answers are never held back across a wait: what has been answered is
committed within ``FLUSH_AFTER`` even if nothing else moves.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import time
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from notifier.channels import Channel, Envelope, Outcome, OutcomeKind
from notifier.clock import to_instant
from notifier.deliveries import State
from notifier.engine import batches
from notifier.engine.attempts import RELAY_DOWN, Settled
from notifier.engine.batches import Ending, Lease
from notifier.engine.dispatch import Dispatcher
from notifier.engine.flow import Flow
from notifier.engine.loading import Loader, Prepared
from notifier.engine.spill import Spill
from notifier.engine.windows import SECOND, BackOff, Window
from notifier.errors import LostLease
from notifier.settings import SendingSettings
from notifier.store import Store

FLUSH_AFTER = 0.05
"""Seconds an answer waits at most for company before it is committed."""

CONTROL_EVERY = 0.5
"""Seconds between two looks for a pause or cancel while nothing is answered."""

OUR_LIMIT = "throttled"
"""With ``handed_over`` false: our own limit had no room yet; nobody refused anything."""

ABOUT_US = "about-us"
"""Our login, registration, sender or text is not accepted. With ``handed_over`` false: so it was before, and
nothing is begun that way for now.
"""

_ENDS = {OutcomeKind.ACCEPTED: State.ACCEPTED, OutcomeKind.REJECTED: State.REJECTED}


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a run of a batch ended."""

    accepted: int
    relay_trouble: str = ""
    """The reason, where the relay and not the recipients was the trouble."""
    withheld: str = ""
    """The way that the channel leaves alone because its answers say that the fault is ours, and what they
    are; others of the channel may go on."""


def window_of(plan: dict[str, object], channel: str = "email") -> Window | None:
    """Return the send window of an announcement's plan on ``channel``, if it has one. Paper has none."""
    raw = None if channel == "letter" else plan.get("sms_window" if channel == "sms" else "window")
    if not isinstance(raw, dict):
        return None
    return Window(time.fromisoformat(raw["from"]), time.fromisoformat(raw["to"]))


def required_steps(plan: dict[str, Any]) -> frozenset[int]:
    """Return the later steps that an acknowledgement does not make superfluous."""
    steps = plan.get("steps") or ()
    return frozenset(number for number, step in enumerate(steps, start=1) if step.get("required"))


class BatchRun:
    """One run over one leased batch."""

    def __init__(
        self,
        *,
        store: Store,
        lease: Lease,
        loader: Loader,
        channel: Channel,
        spill: Spill,
        settings: SendingSettings,
        flow: Flow,
        dispatcher: Dispatcher,
        stop: Callable[[], bool],
    ) -> None:
        self._store = store
        self._lease = lease
        self._loader = loader
        self._channel = channel
        self._spill = spill
        self._settings = settings
        self._flow = flow
        self._dispatcher = dispatcher
        self._stop = stop
        self._back_off = BackOff(settings.retry_first_seconds, settings.retry_longest_seconds)
        self._window = window_of(lease.plan, lease.channel)
        self._required = required_steps(lease.plan)
        deadline = lease.plan.get("deadline", 0)
        self._deadline = deadline if isinstance(deadline, int) else 0
        self._draw = random.Random()  # noqa: S311 - jitter, not a secret
        self._settled: list[Settled] = []
        self._endings: list[Ending] = []
        self._open: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._lease_ends = 0.0
        self._control_seen = 0.0
        self._accepted = 0
        self._withheld = ""
        self._halt = ""
        """Why nothing more is opened in this run: trouble with relay or store, pause, cancel."""
        self._failure: BaseException | None = None

    async def run(self) -> BatchResult:
        """Hand over everything in the batch that is due; on return all answers are committed and the batch
        is given back. Raises ``LostLease`` if it was taken over meanwhile.
        """
        self._extend()
        keeper = asyncio.create_task(self._keep_lease())
        try:
            await self._work()
        finally:
            # The lease is kept until the last answer is there.
            await asyncio.gather(*self._open, return_exceptions=True)
            self._ended.set()
            await keeper
            if not isinstance(self._failure, LostLease):
                await self._flush([])
        trouble = self._halt if self._halt == RELAY_DOWN else ""
        pause = self._settings.relay_pause_seconds * SECOND if trouble else 0
        await batches.give_back(
            self._store,
            self._lease,
            self._dispatcher,
            quarantine_us=int(self._settings.quarantine_seconds * SECOND),
            not_before=self._now() + int(pause),
        )
        return BatchResult(self._accepted, trouble, self._withheld)

    async def _work(self) -> None:
        ids = deque(await self._loader.due(self._lease, self._now()))
        ready: deque[Prepared] = deque()
        while True:
            low = max(1, self._flow.allowed // 2)
            if self._failure is not None:
                raise self._failure
            if (ready or ids) and not self._channel.usable():
                self._halt = self._halt or RELAY_DOWN  # Opening would only put on record what cannot leave.
            halted = self._halted()
            if not halted and not ready and ids:
                part = [ids.popleft() for _ in range(min(low, len(ids)))]
                loaded = await self._loader.prepare(part, self._now(), self._window, required=self._required)
                ready.extend(loaded.prepared)
                self._endings += loaded.endings
                if loaded.later:
                    async with self._store.begin() as tx:
                        await batches.postpone(tx, loaded.later)
                continue
            room = self._flow.allowed - len(self._open)
            if not halted and ready and room >= min(low, len(ready)):
                await self._flush([ready.popleft() for _ in range(min(room, len(ready)))])
                continue
            if not self._open:
                await self._flush([])
                if halted or not (ready or ids):
                    return
                continue
            await self._rest()

    async def _rest(self) -> None:
        """Wait until something is answered; commit answers that have waited long enough."""
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), FLUSH_AFTER)
        except TimeoutError:
            if self._settled:
                await self._flush([])
            elif asyncio.get_running_loop().time() > self._control_seen + CONTROL_EVERY:
                await self._look_at_control()

    async def _look_at_control(self) -> None:
        """Learn of a pause or cancel though nothing is answered: a slow relay must not delay it."""
        self._control_seen = asyncio.get_running_loop().time()
        with suppress(SQLAlchemyError, OSError):
            async with self._store.read() as tx:
                control = await batches.control_of(tx, self._lease)
            if control != "run":
                self._halt = self._halt or control

    def _halted(self) -> bool:
        """Whether nothing more may be begun: stopped, paused, cancelled, or in trouble."""
        return self._stop() or bool(self._halt)

    async def _flush(self, chosen: list[Prepared]) -> None:
        """Commit what is known and open what was chosen; then hand over exactly what the store opened."""
        settled, self._settled = self._settled, []
        endings, self._endings = self._endings, []
        if not (settled or endings or chosen):
            return
        try:
            flushed = await self._commit(settled, [one.opening() for one in chosen], endings)
        except LostLease:
            raise
        except BaseException:
            # Not written: whoever flushes next, at the latest the end of the run, has them again.
            self._settled[:0] = settled
            self._endings[:0] = endings
            raise
        if flushed.control != "run":
            self._halt = self._halt or flushed.control
        for one in chosen:
            if one.delivery_id in flushed.opened:
                task = asyncio.create_task(self._hand_over(one))
                self._open.add(task)
                task.add_done_callback(self._finished)

    async def _commit(
        self, settled: list[Settled], openings: list[batches.Opening], endings: list[Ending]
    ) -> batches.Flushed:
        pause = 0.1
        while True:
            try:
                return await batches.flush(self._store, self._lease, settled, openings, endings)
            except (SQLAlchemyError, OSError):
                # The store is unwell: keep the answers, send nothing new, try again with the same lease.
                if asyncio.get_running_loop().time() > self._lease_ends:
                    raise LostLease from None
                openings = []
                self._halt = self._halt or "store-unwell"
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        if len(self._open) <= self._flow.allowed // 2:
            self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._wake.set()

    async def _hand_over(self, one: Prepared) -> None:
        envelope = Envelope(
            recipient=one.recipient,
            return_path=one.return_path,
            content=one.content,
            site=one.site,
            not_after=self._lease_ends - 1.0,
            arrives_within=None if one.closes is None else max(1.0, (one.closes - self._now()) / SECOND),
            withdrawn=self._halted,
        )
        opened_at = self._now()
        began = asyncio.get_running_loop().time()
        done = False

        def settle(outcome: Outcome) -> None:
            nonlocal done
            if done:
                return
            done = True
            if outcome.reason == RELAY_DOWN:
                self._flow.relay_failed()
            else:
                self._flow.answered(asyncio.get_running_loop().time() - began)
            try:
                self._spill.note(self._lease.token, one.delivery_id, outcome)
            except OSError:
                self._halt = self._halt or "store-unwell"
            self._note(one, opened_at, outcome)

        try:
            settle(await self._channel.send(envelope, settle))
        except Exception:  # noqa: BLE001 - whatever went wrong, the message may have left
            settle(Outcome(OutcomeKind.UNKNOWN, reason="channel-error"))

    def _note(self, one: Prepared, opened_at: int, outcome: Outcome) -> None:
        now = self._now()
        state, due_at = self._consequence(one, outcome, now)
        self._accepted += outcome.kind is OutcomeKind.ACCEPTED
        if outcome.reason == ABOUT_US and not outcome.handed_over:
            self._withheld = f"{outcome.relay} cannot be used: {outcome.text}"
        if outcome.reason == RELAY_DOWN:
            self._halt = self._halt or outcome.reason
        self._settled.append(
            Settled(
                delivery_id=one.delivery_id,
                reference=one.reference,
                number=one.attempt,
                opened_at=opened_at,
                member=one.member,
                code=self._lease.code,
                outcome=outcome,
                state=state,
                due_at=due_at,
                subject=one.subject,
                recipient=one.recipient,
                customer=one.customer,
                content=one.content,
                channel=self._lease.channel,
            )
        )

    def _consequence(self, one: Prepared, outcome: Outcome, now: int) -> tuple[State, int]:
        if end := _ENDS.get(outcome.kind):
            return end, 0
        if outcome.kind is OutcomeKind.UNKNOWN:
            return State.UNKNOWN, now + int(self._settings.quarantine_seconds * SECOND)
        if not outcome.handed_over and (outcome.reason == RELAY_DOWN or self._halted()):
            return State.DEFERRED, now  # No relay, or withdrawn before it was begun: no try of the reader's.
        if now - (one.tried_since or now) > self._settings.give_up_hours * 3600 * SECOND:
            return State.EXPIRED, 0
        if outcome.reason == OUR_LIMIT and not (outcome.handed_over or outcome.code):
            return State.DEFERRED, now + int((outcome.retry_after or 1.0) * SECOND)
        due = self._back_off.wait(
            one.tries + 1,
            asked=outcome.retry_after,
            named=outcome.named,
            now=now,
            deadline=self._deadline,
            draw=self._draw,
        )
        # Of whom no zone is on file, the loader finds out when it is due.
        known = self._window is not None and one.time_zone
        return State.DEFERRED, self._window.next(due, one.time_zone) if self._window and known else due

    def _now(self) -> int:
        return to_instant(self._store.clock.now())

    def _extend(self) -> None:
        self._lease_ends = asyncio.get_running_loop().time() + self._settings.lease_seconds

    async def _keep_lease(self) -> None:
        """Renew the lease each third of its length; a lost lease fails the run."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), self._settings.lease_seconds / 3)
            if self._ended.is_set():
                return
            try:
                await batches.renew(self._store, self._lease, int(self._settings.lease_seconds * SECOND))
                self._extend()
            except LostLease as lost:
                self._failure = lost
                self._wake.set()
                return
            except (SQLAlchemyError, OSError):
                continue  # Unwell; until the lease runs out there is time to try again.
