"""The worker as a whole: it starts, sends, obeys and stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from notifier.announcements import announcement
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.sequencer import Sequencer
from notifier.channels import Channel, Outcome, OutcomeKind
from notifier.channels.email import EmailChannel
from notifier.channels.email.sink import LoopbackSink
from notifier.clock import SystemClock
from notifier.engine import control
from notifier.engine.carriers import Carrier
from notifier.engine.dispatch import InlineDispatcher
from notifier.engine.loading import Finisher
from notifier.engine.worker import Parts, Worker
from notifier.errors import Conflict, Refused
from notifier.keys import Keys
from notifier.release import release
from notifier.settings import ApprovalSettings, EmailSettings, RelaySettings, SendingSettings
from notifier.store import Store, Transaction
from notifier.testing import ScriptedChannel
from tests import world
from tests.audiences import crowd, drafted, freeze, rules_of, settings_in
from tests.conftest import ORIGIN
from tests.integration.test_release import Case, enqueue
from tests.integration.test_sending import INLINE, RELAY_DOWN, states

WITHHELD = Outcome(
    OutcomeKind.DEFERRED,
    text="21408: not allowed there.",
    relay="twilio:EXAMPLE",
    reason="about-us",
    retry_after=300,
    handed_over=False,
)


@pytest.fixture
async def live(store_url: str, keys: Keys) -> AsyncIterator[Store]:
    """A store on the machine's clock."""
    store = Store.open(store_url, origin=ORIGIN, clock=SystemClock(), load_keys=lambda: keys)
    yield store
    await store.close()


async def _none(_tx: object, _announcement: int) -> None:
    raise AssertionError


async def _quiet() -> int:
    return 0


async def _nothing_ahead(_stop: object) -> None:
    return None


async def _never() -> bool:
    return False


def parts(
    store: Store, keys: Keys, channel: Channel, folder: Path, finisher: Finisher | None = None
) -> Parts:
    """Put a worker's parts together, with a real sequencer."""
    signer = LogKey.generate(ORIGIN)
    sequencer = Sequencer(store, signer, HighWater(folder / "high_water", signer.verifier))
    return Parts(
        store=store,
        keys=keys,
        carriers={"email": Carrier(channel, finisher or world.PlainFinisher())},
        drill=False,
        dispatcher=InlineDispatcher(workers=2, look_every=0.05),
        settings=SendingSettings(concurrency=4, relay_pause_seconds=0.2),
        state_folder=folder,
        release=_none,
        refused=_none,
        sequence=lambda stop: sequencer.run(stop, 0.05),
        settle_receipts=_quiet,
        escalate=_nothing_ahead,
        raise_alerts=_quiet,
        rolled_back=_never,
    )


@asynccontextmanager
async def running(made: Parts) -> AsyncIterator[Worker]:
    """Run a worker beside the block and stop it afterwards."""
    stop = asyncio.Event()
    worker = Worker(made)
    task = asyncio.create_task(worker.run(stop))
    yield worker
    stop.set()
    await asyncio.wait_for(task, 30)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_a_worker_sends_and_sequences(live: Store, keys: Keys, tmp_path: Path) -> None:
    """What is released goes out by itself, and every entry gets its place in the log."""
    await world.released(live, keys, 30, batch_size=10)
    channel = ScriptedChannel()

    async def all_told() -> bool:
        return await states(live) == {"accepted": 30}

    async with running(parts(live, keys, channel, tmp_path)):
        await until(all_told)
    async with live.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM audit_pending") == 0
        assert await tx.scalar("SELECT size FROM log_state") == await tx.scalar(
            "SELECT count(*) FROM audit_event"
        )
    assert not list((tmp_path / "spill").iterdir())


async def test_a_second_worker_is_refused(live: Store, keys: Keys, tmp_path: Path) -> None:
    """It is told that another one is at it; the first goes on, and afterwards the place is free."""
    made = parts(live, keys, ScriptedChannel(), tmp_path)
    async with running(made) as worker:

        async def alive() -> bool:
            return worker.alive

        await until(alive)
        elsewhere = made if live.dialect == "sqlite" else replace(made, state_folder=tmp_path / "other")
        with pytest.raises(Conflict, match="another worker"):
            await Worker(elsewhere).run(asyncio.Event())
    async with running(made):
        pass


async def test_a_worker_with_other_keys_is_refused(live: Store, keys: Keys, tmp_path: Path) -> None:
    """Keys that open nobody would end each notice as unreadable: nothing is begun."""
    await world.released(live, keys, 2)
    channel = ScriptedChannel()
    with pytest.raises(Refused, match="keys of this installation"):
        await asyncio.wait_for(
            Worker(parts(live, Keys.generate(), channel, tmp_path)).run(asyncio.Event()), 30
        )
    assert (channel.sent, await states(live)) == ([], {"planned": 2})


async def test_pause_stops_opening_hand_overs(live: Store, keys: Keys, tmp_path: Path) -> None:
    """What is open is finished, nothing new is begun until somebody resumes."""
    await world.released(live, keys, 40, batch_size=40)
    channel = ScriptedChannel()
    channel.gate = asyncio.Event()

    async def some_open() -> bool:
        return len(channel.sent) >= 4

    async def none_open() -> bool:
        return "handing-over" not in await states(live)

    async def all_told() -> bool:
        return await states(live) == {"accepted": 40}

    async with running(parts(live, keys, channel, tmp_path)):
        await until(some_open)
        async with live.begin() as tx:
            await control.pause(tx, world.CODE, operator="ben", reason="a wrong word")
        channel.gate.set()
        await until(none_open)
        counted = await states(live)
        assert counted["accepted"] < 40
        assert len(channel.sent) == counted["accepted"]
        async with live.begin() as tx:
            await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
        await until(all_told)


async def test_relay_trouble_opens_a_hold_that_ends_by_itself(
    live: Store, keys: Keys, tmp_path: Path
) -> None:
    """The team is told while the relay is down, and the hold ends with the first acceptance."""
    await world.released(live, keys, 6)
    channel = ScriptedChannel({world.address(n): [RELAY_DOWN] for n in range(6)})
    made = parts(live, keys, channel, tmp_path)
    made = replace(made, settings=made.settings.model_copy(update={"retry_first_seconds": 0.2}))

    async def hold_ended() -> bool:
        async with live.read() as tx:
            return bool(await tx.scalar("SELECT count(*) FROM hold WHERE kind = 'relay' AND ended_at > 0"))

    async with running(made):
        await until(hold_ended)


async def test_a_sender_left_alone_asks_somebody_to_look(live: Store, keys: Keys, tmp_path: Path) -> None:
    """Its messages wait and are tried again for days; without a word nobody would know."""
    await world.released(live, keys, 2, channel="sms")
    async with live.begin() as tx:
        for table in ("delivery", "notice", "send_batch"):
            await tx.housekeep(f"UPDATE {table} SET channel = 'sms'")
    channel = ScriptedChannel({world.address(0): [WITHHELD]})
    made = parts(live, keys, ScriptedChannel(), tmp_path)
    carriers = {**made.carriers, "sms": Carrier(channel, world.PlainFinisher())}

    async def asked() -> bool:
        async with live.read() as tx:
            return bool(await tx.scalar("SELECT count(*) FROM hold"))

    async with running(replace(made, carriers=carriers)):
        await until(asked)
    async with live.read() as tx:
        (row,) = await tx.rows("SELECT h.kind, h.owner, h.reason, a.control FROM hold h, announcement a")
    assert (row.kind, row.owner, row.control) == ("sender-warning", "anna", "run")
    assert row.reason.startswith("twilio:EXAMPLE cannot be used: 21408: not allowed there.")


async def test_pause_reaches_what_waits_for_a_slow_relay(live: Store, keys: Keys, tmp_path: Path) -> None:
    """Hand-overs that wait in the channel are withdrawn: after the pause only what had begun arrives."""
    await world.released(live, keys, 60, batch_size=60)
    async with LoopbackSink(wait=0.5, keep=True) as sink:
        relay = RelaySettings(name="slow", host="127.0.0.1", port=sink.port, tls="none", max_connections=2)
        channel = EmailChannel(EmailSettings(relays=(relay,)))
        made = parts(live, keys, channel, tmp_path)
        made = replace(made, settings=made.settings.model_copy(update={"concurrency": 40}))

        async def some_accepted() -> bool:
            return len(sink.accepted) >= 2

        async def none_open() -> bool:
            return "handing-over" not in await states(live)

        async with running(made):
            await until(some_accepted)
            before = len(sink.accepted)
            async with live.begin() as tx:
                await control.pause(tx, world.CODE, operator="ben", reason="a wrong word")
            await until(none_open)
            assert len(sink.accepted) <= before + 4


async def test_a_countdown_in_a_restored_store_is_stopped(live: Store, keys: Keys, tmp_path: Path) -> None:
    """It may have ended since the copy was made, and everybody been told: a person starts it again, or not."""
    settings = settings_in(tmp_path, approval=ApprovalSettings(countdown_seconds=60))
    audience = await freeze(live, keys, crowd(6))
    case = Case(live, keys, settings, audience, await drafted(live, audience))
    await case.preflight()
    async with live.begin() as tx:
        now = await announcement(tx, case.id)
        await rules_of(settings).approve_locales(tx, now, ["en"], operator="bob")
    await case.approve("bob")
    await case.countdown()
    async with live.begin() as tx:
        await tx.housekeep("UPDATE schedule SET next_fire_at = 1")

    async def restored() -> bool:
        return True

    async def carry_out(tx: Transaction, number: int) -> None:
        await release(tx, rules_of(settings), number, enqueue)

    async def stopped() -> bool:
        async with live.read() as tx:
            return bool(await tx.scalar("SELECT 1 FROM hold WHERE kind = 'release' AND ended_at IS NULL"))

    channel = ScriptedChannel()
    made = replace(parts(live, keys, channel, tmp_path), rolled_back=restored, release=carry_out)
    async with running(made) as worker:
        await until(stopped)

        async def alive() -> bool:
            return worker.alive

        await until(alive)
    assert (await case.state(), channel.sent) == ("approved", [])
    await case.countdown()


async def test_a_restored_store_sends_nothing_by_itself(live: Store, keys: Keys, tmp_path: Path) -> None:
    """Where the store is older than its published log, a person must resume what was being sent."""
    await world.released(live, keys, 5)
    channel = ScriptedChannel()

    async def restored() -> bool:
        return True

    async def hold_open() -> bool:
        async with live.read() as tx:
            return bool(await tx.scalar("SELECT count(*) FROM hold WHERE kind = 'restored'"))

    async with running(replace(parts(live, keys, channel, tmp_path), rolled_back=restored)) as worker:

        async def alive() -> bool:
            return worker.alive

        await until(hold_open)
        await until(alive)
    assert channel.sent == []
    async with live.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)

    async def all_told() -> bool:
        return await states(live) == {"accepted": 5}

    async with running(parts(live, keys, channel, tmp_path)):
        await until(all_told)
