"""People whose approved address was corrected later are counted, asked about, and come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from incidents.affected.compromise import compromise_channels
from incidents.errors import NothingNew, StepRefused
from incidents.store import Step, take_step
from notifier.audit.entry import Event
from notifier.engine import closing, untold
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests import world
from tests.affected import members
from tests.integration.test_incident_topups import _announce, _crowd, _freeze, _sent
from tests.integration.test_sending import run_next, start, states


async def _correct(store: Store, number: str, *, replaced: bool = True) -> None:
    """Do what an import does to a contact point that is gone from the data."""
    whose = "customer_id = (SELECT id FROM customer WHERE number = :number)"
    async with store.begin() as tx:
        if replaced:
            await tx.write(
                "INSERT INTO contact_point (customer_id, channel, rank, sealed, value_index, folded_index,"
                " site, state, state_reason) SELECT customer_id, channel, rank, sealed, :new, :new, site,"
                f" state, state_reason FROM contact_point WHERE {whose}",
                {"number": number, "new": b"new address"},
            )
        await tx.write(
            f"UPDATE contact_point SET state = 'retired' WHERE {whose} AND value_index <> :new",
            {"number": number, "new": b"new address"},
        )
        tx.record(Event("test:corrected"))


async def _holds(store: Store) -> list[str]:
    async with store.read() as tx:
        return [row.kind for row in await tx.rows("SELECT kind FROM hold WHERE ended_at IS NULL")]


async def test_a_corrected_address_is_counted_before_the_release(store: Store, keys: Keys) -> None:
    """Whose frozen address is gone, and how many of them have another."""
    made = await world.announcement(store, keys, await world.people(store, keys, 4), {})
    await _correct(store, "C1")
    await _correct(store, "C2", replaced=False)
    async with store.read() as tx:
        found = await untold.count(tx, made)
    assert found == untold.Untold(ahead=2, ended=0, reachable=1)
    assert "2 people" in found.sentence()


@pytest.mark.parametrize(("replaced", "asked"), [(True, ["untold"]), (False, [])])
async def test_somebody_is_asked_once_they_ended_unsent(
    store: Store, keys: Keys, tmp_path: Path, *, replaced: bool, asked: list[str]
) -> None:
    """Where another address is on file a hold says so, until the announcement is closed."""
    made = await world.released(store, keys, 3)
    await _correct(store, "C1", replaced=replaced)
    await start(store)
    while await run_next(store, keys, ScriptedChannel(), tmp_path):
        pass
    assert await states(store) == {"accepted": 2, "suppressed": 1}
    assert await _holds(store) == asked
    async with store.begin() as tx:
        assert (await untold.count(tx, made)) == untold.Untold(0, 1, len(asked))
        await closing.close(tx, world.CODE, operator="anna")
    assert await _holds(store) == []


async def test_no_incident_is_closed_over_a_corrected_address(store: Store, keys: Keys) -> None:
    """The freeze that has them again ends it: they are in a newer audience."""
    incident = await _crowd(store, keys, 2)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"0": "accepted", "1": "suppressed"})
    await _correct(store, "1")
    async with store.begin() as tx:
        await take_step(tx, incident.code, Step.MONITOR, actor="alice")
    async with store.begin() as tx:
        with pytest.raises(StepRefused, match="1 person whose notice was suppressed"):
            await take_step(tx, incident.code, Step.CLOSE, actor="alice")
        tx.record(Event("test:refused"))
    async with store.begin() as tx:
        number = int(await tx.scalar("SELECT id FROM announcement WHERE code = :code", code=code) or 0)
        await untold.ask(tx, number)
    assert await _holds(store) == ["untold"]
    newer = await _freeze(store, keys, incident)
    assert list(await members(store, newer.code)) == ["1"]
    async with store.read() as tx:
        assert (await untold.count(tx, number)).ended == 0
    assert await _holds(store) == []


async def test_an_address_that_a_freeze_would_not_use_is_another_channels_matter(
    store: Store, keys: Keys
) -> None:
    """The freeze that closing asks for counts them among those who need another channel, once."""
    incident = await _crowd(store, keys, 2)
    code = await _announce(store, incident, await _freeze(store, keys, incident))
    await _sent(store, code, {"0": "accepted", "1": "suppressed"})
    await _correct(store, "1")
    async with store.begin() as tx:
        await compromise_channels(tx, incident, ["email"], reason="read by others", actor="alice")
        await take_step(tx, incident.code, Step.MONITOR, actor="alice")
    newer = await _freeze(store, keys, incident)
    found = await members(store, newer.code)
    assert {number: (one.state, one.reason) for number, one in found.items()} == {
        "1": ("needs-channel", "compromised")
    }
    with pytest.raises(NothingNew):
        await _freeze(store, keys, incident)
    async with store.begin() as tx:
        await take_step(tx, incident.code, Step.CLOSE, actor="alice")
