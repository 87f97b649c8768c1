"""A preferred relay that is dead or silent: the next one carries on, and one probe at a time looks after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.circuit import Circuit
from notifier.channels.email import EmailChannel, pool
from notifier.channels.email.scripts import Script
from notifier.channels.email.sink import LoopbackSink
from tests.relays import SilentRelay, channel, envelope, relay, silence

ACCEPTED, DEFERRED, REJECTED, UNKNOWN = OutcomeKind
REFUSED = Script("*", stage="mail", reply="451 4.3.2 not accepting mail")


@pytest.fixture
def silent() -> Iterator[SilentRelay]:
    """A relay that takes connections and says nothing."""
    with silence() as made:
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits three seconds."""
    monkeypatch.setattr(pool, "_PATIENCE", 0.0)


def after_a_pause(ready: EmailChannel, number: int, trouble: str = "failed") -> None:
    """Let a relay have been left alone, until now."""
    now = 100.0
    circuit = ready._pools[number].circuit = Circuit(lambda: now)
    for _ in range(3 if trouble == "refused" else 1):
        getattr(circuit, trouble)("relay-down", "it was away")
    now += circuit.remaining


async def send(ready: EmailChannel, count: int, seconds: float = 10) -> set[tuple[OutcomeKind, str]]:
    """Hand over ``count`` messages at once, each with a lease of so many seconds."""
    lease = asyncio.get_running_loop().time() + seconds
    outcomes = await asyncio.gather(
        *(ready.send(envelope(number, not_after=lease)) for number in range(count))
    )
    return {(outcome.kind, outcome.relay) for outcome in outcomes}


@pytest.mark.usefixtures("impatient")
async def test_a_first_connection_is_not_waited_for_long(silent: SilentRelay) -> None:
    """What was not begun goes to the next relay after a short patience, well before its lease ends."""
    async with LoopbackSink() as sink:
        first = relay(silent.port, "first", timeout=30)
        async with channel(first, relay(sink.port, "second")) as ready:
            assert await send(ready, 50) == {(ACCEPTED, "second")}
            assert await send(ready, 50) == {(ACCEPTED, "second")}
    assert silent.callers() == 1


async def test_one_connection_looks_whether_a_relay_is_back(silent: SilentRelay) -> None:
    """Nobody waits for it: everything goes to the next relay at once."""
    async with LoopbackSink() as sink:
        first = relay(silent.port, "first", timeout=30)
        async with channel(first, relay(sink.port, "second")) as ready:
            after_a_pause(ready, 0)
            assert await send(ready, 50) == {(ACCEPTED, "second")}
    assert silent.callers() == 1


async def test_a_relay_that_is_back_is_used_again() -> None:
    """Once a session could be had, the preferred relay gets the messages."""
    first, second = LoopbackSink(), LoopbackSink()
    async with first, second, channel(relay(first.port, "first"), relay(second.port, "second")) as ready:
        after_a_pause(ready, 0)
        assert await send(ready, 5) == {(ACCEPTED, "second")}
        while not ready._pools[0]._sessions:
            await asyncio.sleep(0)
        assert await send(ready, 5) == {(ACCEPTED, "first")}


async def test_one_message_tries_a_relay_that_took_no_sender() -> None:
    """It is refused and goes to the next relay too; the others are there at once."""
    first, second = LoopbackSink(scripts=[REFUSED]), LoopbackSink()
    first.transcript = []
    async with first, second, channel(relay(first.port, "first"), relay(second.port, "second")) as ready:
        after_a_pause(ready, 0, "refused")
        assert await send(ready, 50) == {(ACCEPTED, "second")}
        assert ready._pools[0].circuit.remaining
    assert b"".join(first.transcript).count(b"MAIL FROM") == 1


async def test_one_message_that_is_taken_ends_the_trial() -> None:
    """The others need not have waited for it; the next ones go to the preferred relay."""
    first, second = LoopbackSink(keep=True), LoopbackSink()
    async with first, second, channel(relay(first.port, "first"), relay(second.port, "second")) as ready:
        after_a_pause(ready, 0, "refused")
        assert await send(ready, 50) == {(ACCEPTED, "first"), (ACCEPTED, "second")}
        assert len(first.accepted) == 1
        assert await send(ready, 5) == {(ACCEPTED, "first")}


@pytest.mark.parametrize("trouble", ["failed", "refused"])
async def test_where_all_were_away_the_first_that_is_back_is_waited_for(
    silent: SilentRelay, trouble: str
) -> None:
    """Nothing is deferred while it is being found out whether a relay can be used again."""
    async with LoopbackSink() as sink:
        first = relay(silent.port, "first", timeout=30)
        async with channel(first, relay(sink.port, "second")) as ready:
            after_a_pause(ready, 0)
            after_a_pause(ready, 1, trouble)
            assert await send(ready, 50) == {(ACCEPTED, "second")}


@pytest.mark.usefixtures("impatient")
async def test_a_slow_relay_is_waited_for_where_the_next_is_down(silent: SilentRelay) -> None:
    """Patience only ends where somebody else can take the message."""
    async with LoopbackSink() as sink:
        with silence() as other:
            down = relay(other.port, "second", timeout=0.1)
        async with channel(relay(silent.port, "first", timeout=30), down) as ready:
            sending = asyncio.create_task(send(ready, 20))
            while not ready._pools[1].unusable():
                await asyncio.sleep(0)
            server = await silent.speak(sink)
            assert await sending == {(ACCEPTED, "first")}
            server.close()


@pytest.mark.usefixtures("impatient")
async def test_a_single_relay_is_waited_for(silent: SilentRelay) -> None:
    """With nowhere else to go, a slow greeting is no reason to defer."""
    async with LoopbackSink() as sink, channel(relay(silent.port, "only", timeout=30)) as ready:
        sending = asyncio.create_task(send(ready, 5))
        while not ready._pools[0]._waiting:
            await asyncio.sleep(0)
        ready._pools[0]._look_again()
        assert ready._pools[0]._waiting
        server = await silent.speak(sink)
        assert await sending == {(ACCEPTED, "only")}
        server.close()


async def test_what_was_never_begun_in_time_comes_again_at_once() -> None:
    """No reader and no relay refused it, so nobody backs off."""
    async with LoopbackSink() as sink, channel(relay(sink.port)) as ready:
        past = asyncio.get_running_loop().time() - 1
        outcome: Outcome = await ready.send(envelope(not_after=past))
    assert (outcome.kind, outcome.reason, outcome.handed_over) == (DEFERRED, "too-late", False)
    assert (outcome.retry_after, outcome.named) == (1, True)
