"""The connections to one relay, and the transfers that wait for them.

One connection does where the relay answers at once: each further one is one more message in doubt when a
process dies. More are opened only while transfers wait and the relay itself takes its time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from notifier.channels import Outcome
from notifier.channels.circuit import Circuit
from notifier.channels.email.carrier import Session
from notifier.channels.email.pipeline import PipelinedSession
from notifier.channels.email.plain import PlainSession
from notifier.channels.email.replies import Reply, Stage, Verdict
from notifier.channels.email.session import SessionFailed, offers_of, open_session, take_over, tls_context
from notifier.channels.email.transfer import Offers, Transfer, Unusable, answered, deferred, too_late
from notifier.channels.pace import Rate
from notifier.settings import RelaySettings

_SLOW_ANSWER = 0.005
_STUCK = 0.05
_TRIES = 3
_IDLE_SECONDS = 5.0
_MESSAGES_PER_CONNECTION = 10_000
_GOODBYE_SECONDS = 5.0
_GROWTH_PAUSE = 5.0
_PATIENCE = 3.0
"""Seconds to wait for a relay's first session where another relay may take over."""


class Pool:
    """``alone``: there is no other relay, so what this one did not begin is worth another try here.

    ``slow`` hears which answers ask for less speed, for which transfer, and at how many a second.
    """

    def __init__(
        self,
        relay: RelaySettings,
        *,
        helo_name: str = "",
        idle_seconds: float = _IDLE_SECONDS,
        alone: bool = True,
        slow: Callable[[Verdict, Transfer, float], None],
    ) -> None:
        self.name = relay.name
        self.timeout = relay.timeout
        self.idle_seconds = idle_seconds
        self.offers: Offers | None = None
        """What the relay announced last; None before the first session."""
        self._relay = relay
        self._helo_name = helo_name
        self._alone = alone
        self._slow = slow
        self._rate = Rate(asyncio.get_running_loop().time)
        self._context = tls_context(relay)
        self._loop = asyncio.get_running_loop()
        self.circuit = Circuit(self._loop.time, relay.name)
        self._waiting: deque[Transfer] = deque()
        self._sessions: list[Session] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._opening_since = 0.0
        """Since when there is no session and one is being opened."""
        self._trial: asyncio.Future[Outcome | Unusable] | None = None
        """Of the one transfer that finds out whether a relay takes messages again."""
        self._answer_times: deque[float] = deque(maxlen=8)
        self._per_connection = _MESSAGES_PER_CONNECTION
        self._grow_after = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._quiet = asyncio.Event()
        self._closing = False

    def unusable(self) -> Unusable | None:
        """Say why the relay is passed over at present, if it is.

        Where another relay may take over, one that was left alone first has to show that it is well again,
        by one connection that no transfer waits for, or by one transfer; and no transfer waits for a first
        session that has been long in coming.
        """
        circuit = self.circuit
        if not circuit.remaining and not self._trying():
            if self._alone or self._sessions:
                return None
            if not circuit.unreachable:
                return self._overdue()
            if not self._opening:
                self._spawn(self._open())
        return Unusable(circuit.reason, circuit.text, circuit.remaining or None)

    def _overdue(self) -> Unusable | None:
        if self._alone or self._sessions or not self._opening:
            return None
        if self._loop.time() - self._opening_since < _PATIENCE:
            return None
        return Unusable("relay-down", f"relay {self.name} has been silent for {_PATIENCE:g} seconds")

    def verdict(self) -> asyncio.Future[Any] | None:
        """Return what decides, when it is done, whether a relay that is passed over can be used."""
        if self._alone or self.circuit.remaining:
            return None
        if self._sessions or self._trying():
            return self._trying()
        return next((task for task in self._opening if not task.done()), None)

    def _trying(self) -> asyncio.Future[Any] | None:
        return self._trial if self._trial and not self._trial.done() else None

    async def hand_over(self, transfer: Transfer) -> Outcome | Unusable:
        """Carry one transfer; ``Unusable`` where it was not begun and another relay may take it."""
        transfer.future = self._loop.create_future()
        transfer.tries = 0
        if why := self.unusable():
            return why
        if self.circuit.on_trial and not self._alone:
            self._trial = transfer.future
        if self.offers is None or self._may_begin(transfer, self.offers):
            self._submit(transfer)
        return await transfer.future

    def _submit(self, transfer: Transfer) -> None:
        for session in self._sessions:
            if session.bodies >= self._per_connection:
                session.retire()
            elif session.free and not (session.busy and self._worth_growing()):
                session.start(transfer)
                return
        self._waiting.append(transfer)
        self._grow()

    def pull(self, session: Session) -> Transfer | None:
        """Return the next transfer that may still begin."""
        if session.bodies >= self._per_connection:
            session.retire()
            self._grow()
            return None
        while self._waiting:
            transfer = self._waiting.popleft()
            if self._may_begin(transfer, session.offers):
                return transfer
        return None

    def _may_begin(self, transfer: Transfer, offers: Offers) -> bool:
        if transfer.settled is None:
            return False
        if transfer.stale(self._loop.time()):
            transfer.settle(too_late(self.name, "The lease ended before its turn came."))
            return False
        if objection := transfer.objection(offers):
            transfer.decline(objection)
            return False
        return True

    def available(self, session: Session) -> None:
        """Give a session that has become free something to do."""
        if session.free and (transfer := self.pull(session)):
            session.start(transfer)

    def ended(self, transfer: Transfer, stage: Stage, reply: Reply) -> None:
        """Settle a transfer by its answer; where the relay takes no sender for now, another one may."""
        outcome, verdict = answered(self.name, stage, reply)
        if stage == "mail" and reply.code // 100 == 4:
            self.circuit.refused("relay-trouble", f"relay {self.name} answered {reply.code} to MAIL")
            transfer.decline(Unusable(outcome.reason, outcome.text, outcome.retry_after, outcome=outcome))
        else:
            transfer.settle(outcome)
        if reply.code // 100 == 2:
            self._rate.count()
            self.circuit.accepted()
            return
        more_than_one = verdict.reason != "about-us" or self.circuit.against_us(
            f"relay {self.name} answered {reply.code} {outcome.enhanced}".strip()
        )
        if verdict.slows and more_than_one:
            self._slow(verdict, transfer, self._rate.now())

    def timed(self, seconds: float) -> None:
        """Note an answer time; slow answers may be worth another connection."""
        self._answer_times.append(seconds)
        if self._waiting:
            self._grow()

    def returned(self, transfer: Transfer, why: Unusable) -> None:
        """Let a transfer that was not begun go again, on another connection, a few times."""
        if transfer.settled is None:
            return
        transfer.tries += 1
        again = transfer.tries < _TRIES and why.reason != "no-answer" and (self._alone or not why.early)
        if why.reason == "too-late":
            transfer.settle(too_late(self.name, why.text))
        elif again:
            self._waiting.appendleft(transfer)
            self._grow()
        elif why.early:
            self.circuit.refused("relay-trouble", f"relay {self.name}: {why.text}")
            transfer.decline(replace(why, outcome=deferred(self.name, "relay-trouble", why.text)))
        else:
            transfer.settle(deferred(self.name, "relay-trouble", why.text))

    def gone(self, session: Session, *, limit: bool) -> None:
        """Forget a session; learn how many messages the relay takes on one connection."""
        if session in self._sessions:
            self._sessions.remove(session)
        if limit:
            self._per_connection = max(1, min(self._per_connection, session.bodies))
        if not self._sessions:
            self._opening_since = self._loop.time()
            self._quiet.set()
        if self._waiting:
            self._grow()

    def _worth_growing(self) -> bool:
        """Whether the relay, and not this process, is what takes time.

        The quickest of the last answers counts, because a busy event loop makes answers look late.
        """
        if len(self._sessions) + len(self._opening) >= self._relay.max_connections:
            return False
        now = self._loop.time()
        slow = bool(self._answer_times) and min(self._answer_times) >= _SLOW_ANSWER
        stuck = all(now - session.progress_at >= _STUCK for session in self._sessions)
        return (slow or stuck) and now >= self._grow_after

    def _grow(self) -> None:
        """Open a connection if transfers wait for one and it is worthwhile; look again a little later."""
        usable = len(self._sessions) + len(self._opening)
        if not self._waiting:
            return
        if usable == 0 or (
            len(self._opening) < min(len(self._waiting), len(self._sessions)) and self._worth_growing()
        ):
            self._spawn(self._open())
        if self._timer is None:
            self._timer = self._loop.call_later(_STUCK, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        if why := self._overdue():
            self._let_go(why)
        self._grow()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        if not (self._sessions or self._opening):
            self._opening_since = self._loop.time()
        task = self._loop.create_task(work)
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self) -> None:
        try:
            client = await open_session(self._relay, self._context, self._helo_name)
            offers = offers_of(client)
            session: PipelinedSession | PlainSession
            if offers.pipelining:
                session = PipelinedSession(self, offers)
                take_over(client, session)
            else:
                session = PlainSession(self, offers, client)
        except SessionFailed as failure:
            self._not_opened(failure)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, transfers must not wait for ever
            self._not_opened(SessionFailed("relay-down", f"relay {self.name}: {type(error).__name__}"))
            return
        self.offers = offers
        self.circuit.connected()
        self._sessions.append(session)
        self._quiet.clear()
        if self._closing and not self._waiting:
            session.retire()
        else:
            self.available(session)

    def _not_opened(self, failure: SessionFailed) -> None:
        """Make do with the connections there are; without any, everything that waits goes elsewhere."""
        if self._sessions:
            self._grow_after = self._loop.time() + _GROWTH_PAUSE
            return
        self.circuit.failed(failure.reason, str(failure))
        self._let_go(Unusable(failure.reason, str(failure), self.circuit.remaining))

    def _let_go(self, why: Unusable) -> None:
        while self._waiting:
            self._waiting.popleft().decline(why)

    async def close(self) -> None:
        """Say goodbye on all connections; one that does not answer is cut."""
        self._closing = True
        if self._timer:
            self._timer.cancel()
        for task in tuple(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for session in tuple(self._sessions):
            session.retire()
        if self._sessions:
            try:
                await asyncio.wait_for(self._quiet.wait(), _GOODBYE_SECONDS)
            except TimeoutError:
                for session in tuple(self._sessions):
                    session.abort()
