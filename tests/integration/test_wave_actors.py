"""Who started a wave is on record: a person, or its time."""

from __future__ import annotations

import orjson

from notifier.engine import control
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests import world
from tests.integration.test_sending import INLINE, start


async def _recorded(store: Store, action: str) -> list[str]:
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT entry FROM audit_event WHERE action = :action ORDER BY at, id", action=action
        )
    return [orjson.loads(row.entry)["data"]["actor"] for row in rows]


async def test_a_wave_that_its_time_started_was_nobody_s(store: Store, keys: Keys) -> None:
    """The first wave starts by the plan."""
    await world.released(store, keys, 4)
    await start(store)
    assert await _recorded(store, "wave:started") == ["system"]


async def test_whoever_advances_a_wave_started_it(store: Store, keys: Keys, clock: FakeClock) -> None:
    """``next-wave`` acts for the operator."""
    await world.released(store, keys, 4, waves=2, wave_every_minutes=60)
    await start(store)
    clock.advance(seconds=1)
    async with store.begin() as tx:
        await control.next_wave(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await _recorded(store, "wave:started") == ["system", "operator:ben"]


async def test_whoever_resumes_after_a_canary_started_what_follows_at_once(
    store: Store, keys: Keys, clock: FakeClock
) -> None:
    """The first wave behind it and the end of the hold are the operator's; the next one is its time's."""
    await world.released(store, keys, 6, canary=2, waves=2, wave_every_minutes=60)
    await start(store)
    clock.advance(seconds=1)
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    clock.advance(minutes=61)
    await start(store)
    assert await _recorded(store, "wave:started") == ["system", "operator:ben", "system"]
    assert await _recorded(store, "hold:ended") == ["operator:ben"]


async def test_the_only_wave_behind_a_canary_is_the_operator_s_too(store: Store, keys: Keys) -> None:
    """Also where starting it is what ends the hold."""
    await world.released(store, keys, 6, canary=2)
    await start(store)
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await _recorded(store, "hold:ended") == ["operator:ben"]
