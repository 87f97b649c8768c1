"""Sending: the real worker on the drill's channels, with servers that defer, refuse and hang up, and whoever
is not reached by e-mail followed up by SMS and then by letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from incidents.building import CATCHER_LOG, TEXTS_LOG, build_worker
from incidents.demo.home import APPROVER, AUTHOR, DemoHome
from incidents.demo.mail_house import Posted, post_letters
from notifier.channels.email.drill import DrillChannel
from notifier.channels.email.scripts import Script
from notifier.channels.sms import double_scripts as texting
from notifier.channels.sms.drill import DrillSmsChannel
from notifier.engine import closing, control
from notifier.engine.dispatch import InlineDispatcher
from notifier.engine.holds import stopped_channels
from notifier.engine.reckoning import Account, reckon
from notifier.errors import Conflict
from notifier.letters.waiting import waiting as letters_waiting
from notifier.store import Store

SCRIPTS = (
    Script("*7@mail.example.com", "451 4.7.1 greylisted, please try again in 1 seconds", times=1),
    Script("*3@example.org", "450 4.2.0 busy, please try again in 2 seconds", times=1),
    Script("*11@*", "550 5.1.1 no such user here"),
    Script("*99@*", stage="body", drop="after", times=1),
)
"""What the catcher does to some recipients, as real servers do: two kinds of "later", one refusal, and a
connection that breaks after the message was taken, which leaves honest doubt.
"""

TEXT_SCRIPTS = (texting.Script("*[139]", code=21211), texting.Script("*7", code=21614))
"""Numbers that nobody has, and landlines: so many that the texts stop by themselves until somebody looks."""

_LOOK_EVERY = 0.1
_PATIENCE = timedelta(minutes=5)
"""How long nothing may change: a demonstration ends, one way or the other."""
_NEAR = InlineDispatcher(workers=0)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is seen while it is sent."""

    stage: str
    account: Account
    posted: Posted | None = None
    """The letters, once they are printed."""


async def send_all(
    home: DemoHome, store: Store, announced: str, on_progress: Callable[[Watched], None]
) -> Account:
    """Run the worker until everybody has an end state; returns who is where.

    After the canary the second operator looks and resumes, and starts each wave when the one before is out;
    the same where too many refusals stopped it.
    Once nothing but letters waits, those are printed and posted.
    """
    state = home.settings.state_folder
    channel = DrillChannel(log=state / CATCHER_LOG, scripts=SCRIPTS)
    texts = DrillSmsChannel(log=state / TEXTS_LOG, scripts=TEXT_SCRIPTS)
    worker = build_worker(home.settings, home.keys, store, channel, texts=texts)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.run(stop))
    last: Watched | None = None
    changed = store.clock.now()
    try:
        while True:
            if working.done():
                await working
            watched = await _look(store, announced)
            if watched != last:
                last, changed = watched, store.clock.now()
            elif store.clock.now() - changed > _PATIENCE:
                raise Conflict(f"{announced} does not go on: {watched.stage}")
            on_progress(watched)
            if watched.stage == "done":
                break
            if watched.stage in {"canary-out", "wave-out", "stopped"}:
                await _go_on(store, announced, watched.stage)
            if watched.stage == "letters":
                posted = await post_letters(home, store, announced)
                on_progress(replace(watched, posted=posted))
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        stop.set()
        await working
    async with store.begin() as tx:
        hours = home.settings.sending.settled_hours
        early = "a drill: nothing comes back any more"
        await closing.close(tx, announced, operator=AUTHOR, settled_hours=hours, early=early)
    return watched.account


async def _look(store: Store, announced: str) -> Watched:
    async with store.read() as tx:
        found = await control.find(tx, announced)
        account = await reckon(tx, found.id)
        if found.state != "released":
            if found.state != "countdown":
                raise Conflict(f"{announced} was not released: it is {found.state}")
            return Watched("countdown", account)
        waiting = await tx.rows(
            "SELECT number, state FROM wave WHERE announcement_id = :id AND state IN ('planned', 'held') "
            "ORDER BY number",
            id=found.id,
        )
        sent = await tx.scalar(
            "SELECT count(*) FROM delivery d JOIN send_batch b ON b.id = d.batch_id "
            "JOIN wave w ON w.id = b.wave_id WHERE d.announcement_id = :id AND w.state = 'ready' "
            "AND d.channel <> 'letter' AND d.state IN ('planned', 'handing-over')",
            id=found.id,
        )
        letters = await letters_waiting(tx, found.id)
        stopped = found.control == "pause" or await stopped_channels(tx, found.id)
    if stopped:
        return Watched("stopped", account)
    if not waiting:
        # A letter waits for nobody but whoever prints it.
        only_letters = letters.ready and letters.ready == account.open
        stage = "letters" if only_letters else "sending" if account.open else "done"
        return Watched(stage, account)
    if sent or waiting[0].number == 0:
        return Watched("sending", account)
    return Watched("canary-out" if waiting[0].state == "held" else "wave-out", account)


async def _go_on(store: Store, announced: str, stage: str) -> None:
    async with store.begin() as tx:
        if stage == "wave-out":
            await control.next_wave(tx, announced, operator=APPROVER, dispatcher=_NEAR)
        else:
            await control.resume(tx, announced, operator=APPROVER, dispatcher=_NEAR)
