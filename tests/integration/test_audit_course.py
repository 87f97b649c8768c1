"""Verification follows the trail's course: deliveries, announcements and holds stand where it leaves them."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from notifier.audit.course import Course
from notifier.channels import Outcome, OutcomeKind
from notifier.clock import to_instant
from notifier.deliveries import State
from notifier.engine import batches, closing, control, recovery
from notifier.engine.attempts import Settled
from notifier.engine.holds import take_hold
from notifier.engine.loading import Loader, Policy
from notifier.engine.spill import Spill
from notifier.keys import Keys
from notifier.settings import SendingSettings
from notifier.store import Store
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.integration.test_audit_verify import checked, damage
from tests.integration.test_sending import DEAD, DEFERRED, INLINE, LOST, claim, run_next, start, states
from tests.logs import Log

HOLDING = SendingSettings(concurrency=10, unknown_policy="hold", give_up_hours=0.01)
ACCEPTED = Outcome(OutcomeKind.ACCEPTED, code=250)
MUCH_LATER = Outcome(OutcomeKind.DEFERRED, code=451, enhanced="4.7.1", reason="throttled", retry_after=3600)
REVIVED = "UPDATE announcement SET state = 'released', control = 'run'"


async def findings(store: Store, folder: Path) -> Counter[str]:
    """Return how often verification finds what; entries that wait count like those with a place."""
    log = Log.of(store, folder)
    await log.sequencer().drain()
    return (await checked(log)).counts


async def sql(store: Store, folder: Path, *acts: str) -> Counter[str]:
    """Write to the database as its owner can, and verify."""
    await damage(Log.of(store, folder), *acts)
    return await findings(store, folder)


@pytest.fixture
async def mixed(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Store:
    """Eight people, one of each: accepted, rejected, suppressed, expired, deferred, held; two are planned."""
    await world.released(store, keys, 8, batch_size=6)
    await start(store)
    async with store.begin() as tx:
        await tx.housekeep("UPDATE send_batch SET state = 'planned' WHERE number = 1")
        rows = await tx.rows(
            "SELECT d.contact_point_id AS point, c.number FROM delivery d "
            "JOIN customer c ON c.id = d.customer_id JOIN send_batch b ON b.id = d.batch_id "
            "WHERE b.number = 0 ORDER BY d.id"
        )
        await tx.housekeep(
            "UPDATE contact_point SET state = 'stopped' WHERE id = :point", {"point": rows[2].point}
        )
    who = [world.address(int(row.number[1:])) for row in rows]
    script = {who[1]: [DEAD], who[3]: [DEFERRED] * 2, who[4]: [MUCH_LATER], who[5]: [LOST]}
    channel = ScriptedChannel(script)
    await run_next(store, keys, channel, tmp_path, HOLDING)
    clock.advance(seconds=120)
    await run_next(store, keys, channel, tmp_path, HOLDING)
    assert await states(store) == {
        "accepted": 1, "rejected": 1, "suppressed": 1, "expired": 1, "deferred": 1, "held": 1, "planned": 2,
    }  # fmt: skip
    return store


async def test_every_kind_of_end_verifies(mixed: Store, tmp_path: Path) -> None:
    """Genuine entries explain each state, before and after the rest is cancelled."""
    assert await findings(mixed, tmp_path) == {}
    async with mixed.begin() as tx:
        await control.cancel(tx, world.CODE, operator="anna", reason="wrong text")
    assert (await states(mixed))["cancelled"] == 3
    assert await findings(mixed, tmp_path) == {}


@pytest.mark.parametrize("state", ["suppressed", "cancelled", "held", "expired", "accepted", "unknown"])
async def test_nobody_is_taken_off_by_hand(mixed: Store, tmp_path: Path, state: str) -> None:
    """A planned delivery that is given another state is found, though no attempt contradicts it."""
    found = await sql(mixed, tmp_path, f"UPDATE delivery SET state = '{state}' WHERE state = 'planned'")
    assert found["delivery-differs"] == 2


@pytest.mark.parametrize("state", ["accepted", "rejected", "suppressed", "expired", "deferred", "held"])
async def test_nobody_is_put_back_by_hand(mixed: Store, tmp_path: Path, state: str) -> None:
    """A delivery that ended, or waits, is not planned anew without an entry."""
    act = f"UPDATE delivery SET state = 'planned' WHERE state = '{state}'"
    assert await sql(mixed, tmp_path, act) == {"delivery-differs": 1}


@pytest.mark.parametrize("again", ["planned", "deferred", "accepted", "held"])
async def test_what_was_cancelled_stays_cancelled(mixed: Store, tmp_path: Path, again: str) -> None:
    """Neither are cancelled deliveries made to wait again, nor others counted as cancelled."""
    async with mixed.begin() as tx:
        await control.cancel(tx, world.CODE, operator="anna", reason="wrong text")
    assert await sql(mixed, tmp_path, f"UPDATE delivery SET state = '{again}' WHERE state = 'cancelled'")
    back = "UPDATE delivery SET state = 'cancelled'"
    assert await sql(mixed, tmp_path, back)


async def test_suppressed_by_hand_stays_found_after_the_closing(
    mixed: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """The closing commits to outcomes; that they happened, other entries must say."""
    act = "UPDATE delivery SET state = 'suppressed' WHERE state IN ('planned', 'held', 'deferred')"
    assert await sql(mixed, tmp_path, act) == {"delivery-differs": 4}
    async with mixed.begin() as tx:
        await closing.close(tx, world.CODE, operator="anna")
    assert await findings(mixed, tmp_path) == {"delivery-differs": 4}


async def test_a_cancelled_announcement_is_not_brought_back(mixed: Store, keys: Keys, tmp_path: Path) -> None:
    """Set back to released by hand it is found at once, and for ever by what the worker then records."""
    async with mixed.begin() as tx:
        await control.cancel(tx, world.CODE, operator="anna", reason="wrong text")
    acts = (REVIVED, "UPDATE delivery SET state = 'planned' WHERE state = 'cancelled'",
            "UPDATE send_batch SET state = 'ready', not_before = 0")  # fmt: skip
    assert {"announcement-differs", "delivery-differs"} <= set(await sql(mixed, tmp_path, *acts))
    while await run_next(mixed, keys, ScriptedChannel(), tmp_path):
        pass
    assert (await findings(mixed, tmp_path))["announcement-contradicts"] == 1
    async with mixed.begin() as tx:
        await tx.housekeep("UPDATE announcement SET state = 'cancelled', control = 'cancel'")
    assert (await findings(mixed, tmp_path))["announcement-contradicts"] == 1


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("announcement-differs", "UPDATE announcement SET state = 'closed'"),
        ("announcement-differs", "UPDATE announcement SET state = 'approved'"),
        ("announcement-differs", "UPDATE announcement SET control = 'pause'"),
        ("announcement-differs", "UPDATE delivery SET attempts = attempts + 1"),
        ("delivery-differs", "UPDATE delivery SET attempts = 7 WHERE state = 'accepted'"),
        ("delivery-differs", "UPDATE delivery SET state = 'handing-over' WHERE state = 'planned'"),
        ("delivery-differs", "UPDATE delivery SET customer_id = customer_id % 8 + 1"),
        ("delivery-differs", "UPDATE delivery SET contact_point_id = contact_point_id % 8 + 1"),
        ("delivery-differs", "UPDATE delivery SET member_id = member_id % 8 + 1"),
        ("delivery-differs", "UPDATE delivery SET reference = 'F' || substr(reference, 2, 14) || 'X'"),
        ("delivery-lost", "DELETE FROM delivery WHERE state = 'planned'"),
        ("delivery-lost", "DELETE FROM delivery WHERE state = 'suppressed'"),
        ("attempt-differs", "UPDATE attempt SET closed_at = closed_at - 3600000000"),
        ("hold-differs", "UPDATE hold SET owner = 'ben'"),
        ("hold-differs", "UPDATE hold SET taken_by = 'ben'"),
        ("hold-differs", "UPDATE hold SET ended_at = 1, ended_by = 'operator:ben'"),
        ("hold-differs", "UPDATE hold SET kind = 'canary'"),
        ("hold-lost", "DELETE FROM hold"),
    ],
)  # fmt: skip
async def test_what_is_changed_by_hand_is_named(mixed: Store, tmp_path: Path, code: str, act: str) -> None:
    """State, control, numbers, members and holds are held against their entries."""
    assert code in await sql(mixed, tmp_path, act)


async def test_released_without_a_release_is_found(store: Store, keys: Keys, tmp_path: Path) -> None:
    """What the trail does not say was released is not."""
    await world.announcement(store, keys, await world.people(store, keys, 2), {})
    assert await findings(store, tmp_path) == {}
    assert await sql(store, tmp_path, REVIVED) == {"announcement-differs": 1}


async def test_pauses_orders_and_decisions_verify(mixed: Store, tmp_path: Path) -> None:
    """Pause, take, resume and sending again leave what the trail says."""
    async with mixed.begin() as tx:
        await control.pause(tx, world.CODE, operator="anna", reason="look")
        number = await tx.scalar("SELECT id FROM hold WHERE kind = 'pause'")
        await take_hold(tx, number, operator="ben")
    assert await findings(mixed, tmp_path) == {}
    async with mixed.begin() as tx:
        await control.resume(tx, world.CODE, operator="anna", dispatcher=INLINE)
        held = await tx.scalar("SELECT reference FROM delivery WHERE state = 'held'")
        await control.send_again(tx, held, operator="anna", dispatcher=INLINE)
    assert await findings(mixed, tmp_path) == {}


async def test_answers_to_what_was_open_may_follow_the_cancelling(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """Hand-overs opened before still get their answers; what they leave waiting is cancelled too."""
    await world.released(store, keys, 3)
    await start(store)
    lease, settled = await _opened(store, keys, clock)
    async with store.begin() as tx:
        await control.cancel(tx, world.CODE, operator="anna", reason="wrong text")
    assert await findings(store, tmp_path) == {}
    await batches.flush(store, lease, settled, [], [])
    assert await states(store) == {"accepted": 1, "deferred": 1, "unknown": 1}
    assert await findings(store, tmp_path) == {}
    async with store.begin() as tx:
        await control.cancel_rest(tx, lease.announcement_id)
    assert await states(store) == {"accepted": 1, "cancelled": 1, "held": 1}
    assert await findings(store, tmp_path) == {}


async def test_late_answers_of_every_kind_verify(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path
) -> None:
    """What a spill file settles after a takeover ends as that entry says, and in no other way."""
    await world.released(store, keys, 3)
    await start(store)
    lease, settled = await _opened(store, keys, clock)
    assert await recovery.void_leases(store, quarantine_seconds=60) == 3
    spill = Spill(tmp_path)
    for one, outcome in zip(settled, (ACCEPTED, DEFERRED, DEAD), strict=True):
        spill.note(lease.token, one.delivery_id, outcome)
    spill.abandon()
    assert await recovery.replay(store, tmp_path, retry_us=1) == 3
    assert await states(store) == {"accepted": 1, "deferred": 1, "rejected": 1}
    assert await findings(store, tmp_path) == {}
    act = "UPDATE delivery SET state = 'rejected' WHERE state = 'deferred'"
    assert await sql(store, tmp_path, act) == {"delivery-differs": 1}


async def test_what_was_cancelled_is_not_recorded_as_suppressed(
    store: Store, keys: Keys, tmp_path: Path
) -> None:
    """An ending that comes after the cancelling changes nothing, so nothing is recorded of it."""
    await world.released(store, keys, 1)
    await start(store)
    lease = await claim(store)
    assert lease is not None
    async with store.begin() as tx:
        await control.cancel(tx, world.CODE, operator="anna", reason="wrong text")
        row = await tx.row("SELECT d.id, d.reference, m.uid FROM delivery d JOIN audience_member m "
                           "ON m.id = d.member_id")  # fmt: skip
    assert row is not None
    ending = batches.Ending(row.id, row.reference, row.uid, State.SUPPRESSED, "contact-point-dead")
    await batches.flush(store, lease, [], [], [ending])
    assert await findings(store, tmp_path) == {}


async def _opened(store: Store, keys: Keys, clock: FakeClock) -> tuple[batches.Lease, list[Settled]]:
    """Open hand-overs to three people; return the lease and answers: accepted, deferred, lost."""
    lease = await claim(store)
    assert lease is not None
    loader = Loader(store, keys, world.PlainFinisher(), Policy(hold_unknown=False, unknown_most=3))
    now = to_instant(clock.now())
    prepared = (await loader.prepare(await loader.due(lease, now), now)).prepared
    await batches.flush(store, lease, [], [one.opening() for one in prepared], [])
    ends = ((ACCEPTED, State.ACCEPTED), (DEFERRED, State.DEFERRED), (LOST, State.UNKNOWN))
    return lease, [
        Settled(one.delivery_id, one.reference, one.attempt, now, one.member, lease.code, outcome, state, now)
        for one, (outcome, state) in zip(prepared, ends, strict=True)
    ]


def test_the_course_stays_out_of_memory() -> None:
    """A hundred thousand deliveries are followed in less than a few megabytes."""
    tracemalloc.start()
    try:
        with Course() as course:
            for number in range(100_000):
                facts = {"announcement": "A", "delivery": f"{number:016X}", "member": f"{number:032x}"}
                course.hear({"type": "delivery:settled", "data": {**facts, "outcome": "accepted"}})
            assert course.deliveries() == 100_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
