"""Whatever became of the notices: those who may have got the wrong version are corrected, and nobody else."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.audit.entry import Event
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests.affected import members, person
from tests.conftest import ORIGIN
from tests.corrections import Case, case

GOT = ("accepted", "delivered", "unknown", "held", "handing-over", "bounced")
DID_NOT = ("rejected", "suppressed", "cancelled", "expired", "planned", "deferred")
FATES = st.lists(st.tuples(st.sampled_from(GOT + DID_NOT), st.booleans()), min_size=1, max_size=8)
"""How each person's e-mail ended, and whether an answer to it was lost on the way."""


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FATES)
def test_the_corrected_are_those_who_may_have_got_it(
    sqlite_template: Path, fates: list[tuple[str, bool]]
) -> None:
    """What left, may have left, or came back is corrected; what was never handed over is not."""
    asyncio.run(_told_again(sqlite_template, fates))


async def _told_again(template: Path, fates: list[tuple[str, bool]]) -> None:
    keys, clock = Keys.generate(), FakeClock()
    with tempfile.TemporaryDirectory() as home:
        shutil.copy(template, Path(home) / "store.db")
        store = Store.open(
            f"sqlite+aiosqlite:///{home}/store.db", origin=ORIGIN, clock=clock, load_keys=lambda: keys
        )
        try:
            people = [
                person(f"{place}", f"p{place}@mail.test", locale="en") for place in range(len(fates) + 1)
            ]
            made = await case(store, keys, clock, Path(home), people)
            code = await made.announced()
            await made.send()
            await made.cancelled(code)
            await _end(made, fates)
            corrected = await members(store, (await made.again(code)).audience.code)
            ended = {"suppressed", "cancelled", "expired"}
            expected = {
                f"{place}"
                for place, (state, lost) in enumerate(fates)
                if state in GOT or (state in ended and lost)
            }
            # The last one got it in any case, so that there is somebody to correct.
            assert set(corrected) == expected | {f"{len(fates)}"}
            assert {one.state for one in corrected.values()} == {"due"}
        finally:
            await store.close()


async def _end(made: Case, fates: list[tuple[str, bool]]) -> None:
    async with made.store.begin() as tx:
        for place, (state, lost) in enumerate(fates):
            who = {"id": made.ids[f"{place}"]}
            await tx.write(
                "UPDATE delivery SET state = :state WHERE customer_id = :id", {"state": state, **who}
            )
            if lost:
                await tx.write(
                    "INSERT INTO attempt (delivery_id, number, opened_at, closed_at, outcome, code, enhanced,"
                    " relay, reason, event_id, carrier_id) SELECT id, 2, 0, 0, 'unknown', 0, '', '', '', '', ''"
                    " FROM delivery WHERE customer_id = :id",
                    who,
                )
        tx.record(Event("test:fates"))
