"""An incident on hold by order: nothing is released or sent, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from incidents.lifecycle import Order, Step
from incidents.store import Incident, take_step
from notifier.announcements import announcement
from notifier.engine import control
from notifier.engine.dispatch import InlineDispatcher
from notifier.errors import Conflict, Refused
from notifier.keys import Keys
from notifier.release import release
from notifier.settings import Settings
from notifier.store import Store
from tests import world
from tests.affected import declared
from tests.audiences import crowd, drafted, freeze, rules_of, settings_in
from tests.integration.test_release import Case, enqueue

INLINE = InlineDispatcher(workers=0)


async def _step(store: Store, incident: Incident, step: Step) -> None:
    order = Order("4 Js 12/26", 1 << 52) if step is Step.HOLD else None
    async with store.begin() as tx:
        await take_step(tx, incident.code, step, actor="carol", reason="police", order=order)


async def _approved(store: Store, keys: Keys, settings: Settings) -> Case:
    audience = await freeze(store, keys, crowd(6))
    case = Case(store, keys, settings, audience, await drafted(store, audience))
    await case.preflight()
    async with store.begin() as tx:
        now = await announcement(tx, case.id)
        await rules_of(settings).approve_locales(tx, now, ["en"], operator="bob")
    await case.approve()
    return case


async def test_a_hold_stops_the_countdown(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Back to approved, and no new countdown before the incident is resumed."""
    incident = await declared(store)
    case = await _approved(store, keys, settings_in(tmp_path))
    await case.countdown()
    await _step(store, incident, Step.HOLD)
    assert await case.state() == "approved"
    with pytest.raises(Refused, match="on hold by order"):
        await case.countdown()
    await _step(store, incident, Step.RESUME)
    await case.countdown()
    await case.fire()
    assert await case.state() == "released"


async def test_nothing_is_released_under_an_order(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Even a countdown that ends at that moment releases nothing."""
    incident = await declared(store)
    case = await _approved(store, keys, settings_in(tmp_path))
    await _step(store, incident, Step.HOLD)
    async with store.begin() as tx:
        await tx.housekeep("UPDATE announcement SET state = 'countdown' WHERE id = :id", {"id": case.id})
    with pytest.raises(Refused, match="on hold by order"):
        async with store.begin() as tx:
            await release(tx, rules_of(case.settings), case.id, enqueue)


async def test_a_hold_pauses_what_is_being_sent(store: Store, keys: Keys) -> None:
    """Nobody resumes the announcement past the order; it goes on with the incident."""
    incident = await declared(store)
    number = await world.released(store, keys, 3)
    await _step(store, incident, Step.HOLD)
    assert await _control(store, number) == "pause"
    with pytest.raises(Conflict, match="on hold by order"):
        async with store.begin() as tx:
            await control.resume(tx, world.CODE, operator="bob", dispatcher=INLINE)
    await _step(store, incident, Step.RESUME)
    assert await _control(store, number) == "run"


async def test_what_was_paused_besides_stays_paused(store: Store, keys: Keys) -> None:
    """The end of the order does not undo somebody's own pause."""
    incident = await declared(store)
    number = await world.released(store, keys, 3)
    async with store.begin() as tx:
        await control.pause(tx, world.CODE, operator="bob", reason="look first")
    await _step(store, incident, Step.HOLD)
    await _step(store, incident, Step.RESUME)
    assert await _control(store, number) == "pause"
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="bob", dispatcher=INLINE)
    assert await _control(store, number) == "run"


async def test_what_is_on_hold_by_order_can_be_paused_besides(store: Store, keys: Keys) -> None:
    """Somebody who sees a mistake meanwhile stops it for good: the order's end does not let it go on."""
    incident = await declared(store)
    number = await world.released(store, keys, 3)
    await _step(store, incident, Step.HOLD)
    async with store.begin() as tx:
        await control.pause(tx, world.CODE, operator="bob", reason="a wrong number")
    with pytest.raises(Conflict, match="paused already"):
        async with store.begin() as tx:
            await control.pause(tx, world.CODE, operator="bob", reason="a wrong number")
    await _step(store, incident, Step.RESUME)
    assert await _control(store, number) == "pause"


async def _control(store: Store, number: int) -> str:
    async with store.read() as tx:
        return str(await tx.scalar("SELECT control FROM announcement WHERE id = :id", id=number))
