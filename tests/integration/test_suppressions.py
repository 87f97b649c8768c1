"""Suppressions on both databases: by address, for as long as they hold, shown wherever it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.channels import Outcome, OutcomeKind
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.keys import Keys
from notifier.receipts.taking import take
from notifier.store import Store
from notifier.suppressions import (
    BLOCKING,
    TREATMENTS,
    LegalClass,
    Reason,
    Standing,
    Treatment,
    expire,
    lift,
    suppress,
)
from notifier.testing import FakeClock, ScriptedChannel
from tests import world
from tests.affected import add, person
from tests.audiences import Someone
from tests.integration.test_receipts import bounce, points, references, taken  # noqa: F401
from tests.integration.test_sending import run_next, start
from tests.journeys import journey

SAID = Standing("operator", "they called", "ben")


async def _point(store: Store, number: str) -> int:
    async with store.read() as tx:
        return int(
            await tx.scalar(
                "SELECT p.id FROM contact_point p JOIN customer c ON c.id = p.customer_id"
                " WHERE c.number = :number AND p.channel = 'email' ORDER BY p.rank LIMIT 1",
                number=number,
            )
        )


async def test_a_refused_address_is_suppressed_for_whoever_has_it(store: Store, keys: Keys) -> None:
    """Those who share it now, and those who are imported with it later, by import or as a change."""
    await add(store, keys, [person("1", "one@example.com"), person("2", "One@example.com")])
    async with store.begin() as tx:
        assert await suppress(tx, [await _point(store, "1")], Reason.DEAD, SAID) == 1
        assert await suppress(tx, [await _point(store, "2")], Reason.DEAD, SAID) == 0
    await add(store, keys, [person("3", "one@example.com"), person("4", "four@example.com")])
    assert await points(store) == {"1": "dead", "2": "dead", "3": "dead", "4": "usable"}
    async with store.begin() as tx:
        assert await lift(tx, [await _point(store, "3")], list(Reason), because="it works", by="ben") == 1
    assert set((await points(store)).values()) == {"usable"}


async def test_a_dead_address_is_tried_again_after_its_time(
    store: Store, keys: Keys, clock: FakeClock
) -> None:
    """Mailboxes come back: half a year later it may be used, unless it is refused once more."""
    await add(store, keys, [person("1", "one@example.com")])
    async with store.begin() as tx:
        await suppress(tx, [await _point(store, "1")], Reason.DEAD, SAID)
        assert await expire(tx) == 0
    clock.advance(days=181)
    async with store.begin() as tx:
        assert await expire(tx) == 1
    assert await points(store) == {"1": "usable"}
    async with store.begin() as tx:
        assert await suppress(tx, [await _point(store, "1")], Reason.DEAD, SAID) == 1
        assert await tx.scalar("SELECT count(*) FROM suppression") == 2


async def test_not_all_end_at_once(
    store: Store, keys: Keys, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of one great announcement end in parts: nobody's records wait for all of them."""
    monkeypatch.setattr("notifier.suppressions.EXPIRE_MOST", 2)
    await add(store, keys, [person(str(number), f"p{number}@example.com") for number in range(3)])
    found = [await _point(store, str(number)) for number in range(3)]
    async with store.begin() as tx:
        assert await suppress(tx, found, Reason.DEAD, SAID) == 3
    clock.advance(hours=181 * 24)
    ended = []
    for _ in range(3):
        async with store.begin() as tx:
            ended.append(await expire(tx))
    assert ended == [2, 1, 0]


async def test_one_reason_lifted_leaves_the_other(store: Store, keys: Keys) -> None:
    """An address that is dead and stopped stays stopped; a complaint is no state of the address."""
    await add(store, keys, [person("1", "one@example.com")])
    point = await _point(store, "1")
    async with store.begin() as tx:
        for reason in Reason:
            assert await suppress(tx, [point], reason, SAID) == 1
        await lift(tx, [point], [Reason.DEAD], because="it works")
    assert await points(store) == {"1": "stopped"}
    async with store.begin() as tx:
        await lift(tx, [point], [Reason.STOPPED], because="they sent START")
    assert await points(store) == {"1": "usable"}
    async with store.read() as tx:
        kept = await tx.rows("SELECT reason FROM suppression WHERE lifted_at IS NULL ORDER BY reason")
    assert [row.reason for row in kept] == ["complained", "unsubscribed"]


async def test_a_delivery_disproves_a_dead_address(
    store: Store,
    keys: Keys,
    references: list[str],  # noqa: F811
) -> None:
    """A bounce suppresses, a later delivery of another notice to it lifts; one after its own bounce does not."""
    await taken(store, keys, bounce(references[0]))
    await taken(store, keys, Receipt(ReceiptKind.DELIVERED, "d1", references[0], 1))
    assert (await points(store))["C0"] == "dead"
    async with store.begin() as tx:
        await tx.housekeep(
            "UPDATE contact_point SET value_index = (SELECT value_index FROM contact_point WHERE id ="
            " (SELECT min(id) FROM contact_point)), folded_index = (SELECT folded_index FROM contact_point"
            " WHERE id = (SELECT min(id) FROM contact_point)) WHERE customer_id ="
            " (SELECT id FROM customer WHERE number = 'C1')"
        )
        await take(tx, keys, "email", [Receipt(ReceiptKind.DELIVERED, "d2", references[1], 1)])
    assert (await points(store))["C0"] == "usable"


async def test_complaints_are_kept_and_stop_no_mandatory_notice(
    store: Store,
    keys: Keys,
    references: list[str],  # noqa: F811
) -> None:
    """The address stays usable; what a complaint forbids depends on the kind of notice."""
    await taken(store, keys, Receipt(ReceiptKind.COMPLAINED, "c", references[0], 1))
    await taken(store, keys, Receipt(ReceiptKind.STOPPED, "s", references[1], 1))
    assert await points(store) == {"C0": "usable", "C1": "stopped", "C2": "usable"}
    async with store.read() as tx:
        kept = await tx.rows("SELECT reason, source FROM suppression ORDER BY reason")
    assert [tuple(row) for row in kept] == [("complained", "receipt"), ("stopped", "receipt")]


@pytest.mark.parametrize(("kind", "at", "sent"), [("breach", 0, 1), ("breach", 1, 1), ("policy", 0, 0)])
async def test_a_complaint_counts_until_the_hand_over(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, kind: str, at: int, sent: int
) -> None:
    """Who complains before the first notice that must be given gets it; a reminder that was made already is
    not handed over, nor any notice that need not be given.
    """
    anna = Someone("Anna Albrecht", "anna@mail.test")
    made = await journey(store, keys, clock, tmp_path, [anna], "email:unacknowledged:48")
    async with store.begin() as tx:
        await tx.housekeep("UPDATE announcement SET kind = :kind", {"kind": kind})
    if at:
        await made.send()
        clock.advance(hours=49)
        await made.escalation.round()
    async with store.begin() as tx:
        point = int(await tx.scalar("SELECT id FROM contact_point"))
        await suppress(tx, [point], Reason.COMPLAINED, SAID)
    await made.send()
    assert len(made.email.sent) == sent
    expected = "accepted" if (kind, at) == ("breach", 0) else "suppressed"
    assert (await made.deliveries())[anna.email][-1].endswith(expected)


async def test_an_answer_suppresses_as_a_report_does(store: Store, keys: Keys, tmp_path: Path) -> None:
    """No such mailbox, said at once."""
    await world.released(store, keys, 2)
    await start(store)
    channel = ScriptedChannel()
    channel.answer(world.address(0), Outcome(OutcomeKind.REJECTED, code=550, reason="address-dead"))
    await run_next(store, keys, channel, tmp_path / "spill")
    assert await points(store) == {"C0": "dead", "C1": "usable"}
    async with store.read() as tx:
        assert await tx.scalar("SELECT source FROM suppression") == "answer"


def test_the_table_of_treatments_is_whole() -> None:
    """Every reason says something for every class; what the law requires yields to nothing but the dead and STOP."""
    assert set(TREATMENTS) == set(Reason)
    assert all(set(treatment) == set(LegalClass) for treatment in TREATMENTS.values())
    never = {one for one, said in TREATMENTS.items() if said[LegalClass.MANDATORY] is Treatment.NEVER}
    assert never == {Reason.DEAD, Reason.STOPPED} == {Reason(one) for one in BLOCKING}
