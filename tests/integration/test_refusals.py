"""Too many refusals: somebody is asked to look, then the announcement is paused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from notifier import orders
from notifier.channels import Outcome, OutcomeKind
from notifier.engine import control
from notifier.engine.holds import open_holds
from notifier.engine.sending import BatchResult
from notifier.engine.worker import Worker
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.testing import ACCEPTED, ScriptedChannel
from tests import world
from tests.integration.test_sending import INLINE, start, states
from tests.integration.test_worker import parts

DEAD = Outcome(OutcomeKind.REJECTED, code=550, enhanced="5.1.1", reason="address-dead")
SETTINGS = SendingSettings(concurrency=4, refusals_least=20)


def _channel(refused: range) -> ScriptedChannel:
    return ScriptedChannel({world.address(number): [DEAD] for number in refused})


async def _sender(store: Store, keys: Keys, folder: Path, refused: range) -> Worker:
    await world.released(store, keys, 100, batch_size=25)
    await start(store)
    return Worker(replace(parts(store, keys, _channel(refused), folder), settings=SETTINGS))


async def _work(sender: Worker) -> None:
    while await sender._run_batch():
        pass


async def _holds(store: Store) -> list[tuple[str, str]]:
    async with store.read() as tx:
        return [(row.kind, row.reason) for row in await open_holds(tx)]


async def test_many_refusals_pause_by_themselves(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Nothing more is begun, the hold says why and asks for the author, and a person's resume ends it."""
    sender = await _sender(store, keys, tmp_path, range(100))
    await _work(sender)
    counted = await states(store)
    assert 20 <= counted["rejected"] <= 25
    ((kind, reason),) = await _holds(store)
    assert kind == "refusals"
    assert "answers refused for good, mostly address-dead" in reason
    async with store.begin() as tx:
        assert (await control.find(tx, world.CODE)).control == "pause"
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await _holds(store) == []
    await _work(sender)
    assert sum((await states(store)).values()) == 100


async def test_a_share_worth_a_warning_asks_somebody_to_look(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """Sending goes on; the warning ends by itself when the share has fallen."""
    sender = await _sender(store, keys, tmp_path, range(0))
    for outcome in (*[ACCEPTED] * 21, *[DEAD] * 4):
        sender._refusals.heard(1, outcome)
    await sender._heed(1, BatchResult(21))
    reason = "4 of the last 25 answers refused for good, mostly address-dead; sending goes on"
    assert await _holds(store) == [("refusals-warning", reason)]
    await _work(sender)
    assert await _holds(store) == []
    assert await states(store) == {"accepted": 100}


async def test_the_end_of_an_order_ends_no_other_pause(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What was paused for its refusals stays paused."""
    await _work(await _sender(store, keys, tmp_path, range(100)))
    async with store.begin() as tx:
        assert await orders.hold_all(tx, "INC-2026-001", reason="an order", operator="anna") == 1
        await orders.go_on(tx, "INC-2026-001", operator="anna")
    async with store.read() as tx:
        assert (await control.find(tx, world.CODE)).control == "pause"
