"""Reports that say that we are the trouble stop the sender and nobody's number, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.engine import control
from notifier.keys import Keys
from notifier.receipts.sender import LEAST
from notifier.store import Store
from tests import world
from tests.integration.test_receipts import findings, points, states
from tests.integration.test_sending import DEFERRED, INLINE
from tests.texts import Twilio, installed, texted


@pytest.fixture
def twilio(store: Store, keys: Keys) -> Twilio:
    return Twilio(installed(), keys, store)


async def standing(store: Store) -> tuple[str, list[tuple[str, str]]]:
    """Return the announcement's control, and kind and owner of its open holds."""
    async with store.read() as tx:
        control_ = await tx.scalar("SELECT control FROM announcement")
        holds = await tx.rows("SELECT kind, owner FROM hold WHERE ended_at IS NULL ORDER BY id")
    return str(control_), [(row.kind, row.owner) for row in holds]


@pytest.mark.parametrize("code", [30034, 30929, 30007, 30002, 30023])
async def test_several_such_reports_pause_what_is_still_to_go(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path, code: int
) -> None:
    """Registration, filter, account, quota: fewer prove nothing; the numbers are as good as before."""
    references = await texted(store, keys, LEAST + 1, tmp_path, answers=[DEFERRED])
    for place in range(1, LEAST):
        await twilio.report(references[place], "failed", place=place, code=code)
    assert await standing(store) == ("run", [])
    await twilio.report(references[LEAST], "undelivered", place=LEAST, code=code)
    assert await standing(store) == ("pause", [("sender", "anna")])
    assert set((await points(store)).values()) == {"usable"}
    assert sorted((await states(store)).values()) == [*["bounced"] * LEAST, "deferred"]
    assert await findings(store, tmp_path) == set()


async def test_a_reader_s_own_trouble_pauses_nothing(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """Numbers that do not exist, telephones that are off, carriers that block: their next step is due."""
    references = await texted(store, keys, 9, tmp_path, answers=[DEFERRED])
    for place in range(1, 9):
        code = (30003, 30004, 30005, 30006)[place % 4]
        await twilio.report(references[place], "undelivered", place=place, code=code)
    assert await standing(store) == ("run", [])


async def test_a_few_among_many_pause_nothing(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """One carrier's filter is not everybody's."""
    people = LEAST * 6
    references = await texted(store, keys, people, tmp_path, answers=[DEFERRED])
    for place in range(1, people):
        name, code = ("undelivered", 30007) if place > people - LEAST - 1 else ("delivered", 0)
        await twilio.report(references[place], name, place=place, code=code)
    assert await standing(store) == ("run", [])


async def test_whoever_resumes_begins_anew(store: Store, keys: Keys, twilio: Twilio, tmp_path: Path) -> None:
    """What was reported before counts no more, and resuming ends the hold; the same again pauses again."""
    references = await texted(store, keys, 3 * LEAST, tmp_path, answers=[DEFERRED])
    for place in range(1, LEAST + 1):
        await twilio.report(references[place], "failed", place=place, code=30034)
    store.clock.advance(minutes=1)
    async with store.begin() as tx:
        await control.resume(tx, world.CODE, operator="ben", dispatcher=INLINE)
    assert await standing(store) == ("run", [])
    store.clock.advance(seconds=1)
    for place in range(LEAST + 1, 2 * LEAST):
        await twilio.report(references[place], "failed", place=place, code=30034)
    assert await standing(store) == ("run", [])
    await twilio.report(references[2 * LEAST], "failed", place=2 * LEAST, code=30034)
    assert await standing(store) == ("pause", [("sender", "anna")])


async def test_where_nothing_is_left_to_go_somebody_is_asked_to_look(
    store: Store, keys: Keys, twilio: Twilio, tmp_path: Path
) -> None:
    """There is nothing to pause, and everybody's message came to nothing."""
    references = await texted(store, keys, LEAST, tmp_path)
    for place, reference in enumerate(references):
        await twilio.report(reference, "failed", place=place, code=30034)
    assert await standing(store) == ("run", [("sender-warning", "anna")])
