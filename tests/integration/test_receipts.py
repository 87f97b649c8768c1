"""Receipts on both databases: on record once, about the right delivery, whenever they come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from notifier.audit.entry import Event
from notifier.channels import Outcome, OutcomeKind
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.engine import batches, closing, control
from notifier.errors import NotFound
from notifier.keys import Keys
from notifier.receipts import parking
from notifier.receipts.intake import Intake
from notifier.receipts.matching import match, match_again, set_aside
from notifier.receipts.taking import Taken, settle_pending, take
from notifier.store import Store
from notifier.testing import ScriptedChannel
from tests import world
from tests.integration.test_audit_verify import checked
from tests.integration.test_sending import QUARANTINE, run_next, start
from tests.logs import Log


@pytest.fixture
async def references(store: Store, keys: Keys, tmp_path: Path) -> list[str]:
    """Three people whose notices a server has accepted."""
    await world.released(store, keys, 3)
    await start(store)
    await run_next(store, keys, ScriptedChannel(), tmp_path / "spill")
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT d.reference FROM delivery d JOIN customer c ON c.id = d.customer_id ORDER BY c.number"
        )
    return [row.reference for row in rows]


def bounce(reference: str, key: str = "k", **more: Any) -> Receipt:
    """Return the report that there is no such mailbox."""
    about = Receipt(ReceiptKind.BOUNCED, key, reference, 1, code=550, enhanced="5.1.1", reason="address-dead")
    return replace(about, **more)


async def taken(store: Store, keys: Keys, *receipts: Receipt) -> Taken:
    """Take receipts in a transaction of their own."""
    async with store.begin() as tx:
        return await take(tx, keys, "email", receipts)


async def states(store: Store) -> dict[str, str]:
    """Return the deliveries' states by reference."""
    async with store.read() as tx:
        return {row.reference: row.state for row in await tx.rows("SELECT reference, state FROM delivery")}


async def standing(store: Store, references: list[str]) -> list[str]:
    """Return the states of some deliveries."""
    known = await states(store)
    return [known[one] for one in references]


async def points(store: Store) -> dict[str, str]:
    """Return the contact points' states by customer number."""
    async with store.read() as tx:
        rows = await tx.rows(
            "SELECT c.number, p.state FROM contact_point p JOIN customer c ON c.id = p.customer_id"
        )
    return {row.number: row.state for row in rows}


async def findings(store: Store, folder: Path) -> set[str]:
    """Verify the trail; return the codes of what was found."""
    log = Log.of(store, folder)
    await log.sequencer().drain()
    return {one.code for one in (await checked(log)).findings}


async def test_a_bounce_ends_its_delivery_and_no_other(
    store: Store, keys: Keys, references: list[str], tmp_path: Path
) -> None:
    """The address that does not exist is not used again; a second report of it changes nothing."""
    assert await taken(store, keys, bounce(references[1])) == Taken(taken=1, moved=1)
    assert await taken(store, keys, bounce(references[1])) == Taken(repeated=1)
    assert await standing(store, references) == ["accepted", "bounced", "accepted"]
    assert await points(store) == {"C0": "usable", "C1": "dead", "C2": "usable"}
    assert await findings(store, tmp_path) == set()


@pytest.mark.parametrize(
    ("address", "state"),
    [
        ("", "dead"),
        ("Person1@example.test", "dead"),
        ("other@example.org", "usable"),
        ("no address", "usable"),
    ],
)
async def test_a_mailbox_that_forwards_is_not_dead(
    store: Store, keys: Keys, references: list[str], address: str, state: str
) -> None:
    """The report names the address behind it: the notice did not arrive, and ours exists."""
    await taken(store, keys, bounce(references[1], address=address))
    assert (await states(store))[references[1]] == "bounced"
    assert (await points(store))["C1"] == state


@pytest.mark.parametrize("reason", ["about-us", "mailbox-full", "throttled", ""])
async def test_what_is_about_us_suppresses_nobody(
    store: Store, keys: Keys, references: list[str], reason: str
) -> None:
    """The notice did not arrive; the address may take the next one."""
    await taken(store, keys, bounce(references[0], reason=reason, enhanced="5.7.1"))
    assert ((await states(store))[references[0]], (await points(store))["C0"]) == ("bounced", "usable")


async def test_the_order_of_receipts_does_not_matter(
    store: Store, keys: Keys, references: list[str], tmp_path: Path
) -> None:
    """Delivered and then returned, or the other way round: it did not arrive."""
    there = Receipt(ReceiptKind.DELIVERED, "d", references[0], 1)
    await taken(store, keys, there, bounce(references[0]))
    await taken(store, keys, bounce(references[1], "b1"))
    await taken(store, keys, Receipt(ReceiptKind.COMPLAINED, "c1", references[1], 1))
    await taken(store, keys, Receipt(ReceiptKind.COMPLAINED, "c2", references[2], 1))
    assert await standing(store, references) == ["bounced", "bounced", "delivered"]
    assert await findings(store, tmp_path) == set()


async def test_a_receipt_before_the_answer_waits_for_it(store: Store, keys: Keys, tmp_path: Path) -> None:
    """It is on record at once, and counts when the hand-over has been answered."""
    await world.released(store, keys, 1)
    await start(store)
    lease = await batches.claim(store, worker="w", drill=False, lease_us=10**7, quarantine_us=QUARANTINE)
    assert lease is not None
    async with store.read() as tx:
        row = await tx.row("SELECT id, reference FROM delivery")
    assert row is not None
    await batches.flush(store, lease, [], [batches.Opening(row.id, row.reference, 1)], [])
    assert await taken(store, keys, bounce(row.reference)) == Taken(taken=1)
    async with store.begin() as tx:
        assert await settle_pending(tx, keys) == 0
        await batches.take_over(tx, lease.batch_id, QUARANTINE)
    async with store.begin() as tx:
        assert await settle_pending(tx, keys) == 1
        assert await settle_pending(tx, keys) == 0
    assert await states(store) == {row.reference: "bounced"}
    assert await findings(store, tmp_path) == set()


async def test_what_comes_after_the_closing_is_no_contradiction(
    store: Store, keys: Keys, references: list[str], tmp_path: Path
) -> None:
    """The closing committed to each outcome as it was; one that was changed later is found."""
    async with store.begin() as tx:
        await closing.close(tx, world.CODE, operator="ben")
    await taken(store, keys, bounce(references[0], "1"), bounce(references[0], "2"))
    await taken(store, keys, Receipt(ReceiptKind.DELIVERED, "3", references[1], 1))
    assert await findings(store, tmp_path) == set()
    async with store.begin() as tx:
        await tx.housekeep(
            "UPDATE delivery SET state = 'bounced' WHERE reference = :one", {"one": references[2]}
        )
    assert await findings(store, tmp_path) == {"closing-differs", "delivery-differs"}


async def test_a_receipt_answers_the_question_about_doubt(store: Store, keys: Keys, tmp_path: Path) -> None:
    """Whoever was held because the answer was lost is not, once their server reports; nobody need decide."""
    await world.released(store, keys, 1)
    await start(store)
    channel = ScriptedChannel()
    channel.answer(world.address(0), Outcome(OutcomeKind.UNKNOWN, reason="connection-lost"))
    await run_next(store, keys, channel, tmp_path / "spill")
    async with store.begin() as tx:
        (row,) = await tx.rows("SELECT reference, announcement_id FROM delivery")
        await control.doubt.hold_unknown(tx, row.announcement_id, "email")
    await taken(store, keys, Receipt(ReceiptKind.DELIVERED, "d", row.reference, 1))
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM hold WHERE ended_at IS NULL") == 0
    assert await states(store) == {row.reference: "delivered"}


async def test_a_report_about_nobody_is_parked_and_matched_by_hand(
    store: Store, keys: Keys, references: list[str], tmp_path: Path
) -> None:
    """It changes nothing until an operator says whom it is about; another one is set aside."""
    unproven = replace(bounce(""), address=world.address(0))
    assert await taken(store, keys, unproven, replace(unproven, key="other")) == Taken(parked=2)
    assert set((await states(store)).values()) == {"accepted"}
    async with store.begin() as tx:
        first, second = await parking.waiting(tx, keys)
        assert first.receipt.address == world.address(0)
        await match(tx, keys, first.id, references[0], operator="ben")
        await set_aside(tx, keys, second.id, reason="not ours", operator="ben")
        assert await parking.waiting(tx, keys) == []
    assert ((await states(store))[references[0]], (await points(store))["C0"]) == ("bounced", "dead")
    with pytest.raises(NotFound):
        async with store.begin() as tx:
            await match(tx, keys, first.id, references[0], operator="ben")
    assert await findings(store, tmp_path) == set()


async def test_a_report_is_matched_once_its_hand_over_is_on_record(
    store: Store, keys: Keys, references: list[str]
) -> None:
    """By the attempt it names, or by the carrier's own id of the message."""
    early = bounce(references[0], "early", attempt=2)
    carried = bounce("", "carried", carrier_id="SM1", attempt=0)
    assert (await taken(store, keys, early, carried)).parked == 2
    async with store.begin() as tx:
        assert await match_again(tx, keys) == 0
        await tx.housekeep("UPDATE delivery SET attempts = 2 WHERE reference = :one", {"one": references[0]})
        delivery = await tx.scalar("SELECT id FROM delivery WHERE reference = :one", one=references[1])
        await tx.housekeep(
            "INSERT INTO attempt (delivery_id, number, opened_at, closed_at, outcome, code, enhanced, relay,"
            " reason, event_id, carrier_id) VALUES (:id, 7, 0, 0, 'accepted', 0, '', '', '', '', 'SM1')",
            {"id": delivery},
        )
        assert await match_again(tx, keys) == 2
    assert await standing(store, references) == ["bounced", "bounced", "accepted"]


async def test_a_parked_report_that_cannot_be_matched_yet_stays_closed(
    store: Store, keys: Keys, references: list[str]
) -> None:
    """However many are parked, only what is matched is opened: damage in the others does no harm."""
    waiting = [
        *(bounce("F" * 16, "nobody"), bounce(references[1], "ahead", attempt=2)),
        *(bounce(references[1], "none", attempt=0), bounce("", "carried", carrier_id="SM1", attempt=0)),
    ]
    assert (await taken(store, keys, *waiting, bounce(references[0], "early", attempt=2))).parked == 5
    async with store.begin() as tx:
        await tx.housekeep(
            "UPDATE parked_receipt SET sealed = :nothing WHERE key <> 'early'", {"nothing": b"damaged"}
        )
        await tx.housekeep("UPDATE delivery SET attempts = 2 WHERE reference = :one", {"one": references[0]})
        assert await match_again(tx, keys) == 1
    assert await standing(store, references) == ["bounced", "accepted", "accepted"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE receipt SET became = 'delivered'", "receipt-differs"),
        ("UPDATE receipt SET event_id = 'x'", "receipt-unrecorded"),
        ("DELETE FROM receipt", "receipt-lost"),
        ("UPDATE delivery SET state = 'accepted'", "delivery-differs"),
    ],
)
async def test_verification_finds_what_was_done_to_receipts(
    store: Store, keys: Keys, references: list[str], tmp_path: Path, change: str, code: str
) -> None:
    """A changed, orphaned or lost receipt, and a delivery taken back to what it was before."""
    await taken(store, keys, bounce(references[0]))
    async with store.begin() as tx:
        for trigger in ("receipt_no_update", "receipt_no_delete", "receipt_no_change"):
            table = " ON receipt" if store.dialect == "postgresql" else ""
            await tx.housekeep(f"DROP TRIGGER IF EXISTS {trigger}{table}")
        await tx.housekeep(change)
    assert code in await findings(store, tmp_path)


async def test_an_erased_or_damaged_person_holds_up_nobody(
    store: Store, keys: Keys, references: list[str]
) -> None:
    """Their receipts count too; what they name is not kept."""
    async with store.begin() as tx:
        await tx.housekeep(
            "DELETE FROM subject_key WHERE customer_id = (SELECT id FROM customer WHERE number = 'C0')"
        )
        await tx.housekeep(
            "UPDATE subject_key SET wrapped = :nothing WHERE customer_id = (SELECT id FROM customer WHERE"
            " number = 'C1')",
            {"nothing": b"damaged"},
        )
    await taken(store, keys, *(bounce(one, one, text="no such user") for one in references))
    assert set((await states(store)).values()) == {"bounced"}
    async with store.read() as tx:
        kept = await tx.rows("SELECT sealed FROM receipt ORDER BY id")
    assert sum(row.sealed is None for row in kept) == 2


async def test_inlets_bring_the_same_reports_at_once(
    store: Store, keys: Keys, references: list[str], tmp_path: Path
) -> None:
    """Two processes with two inlets each: every report is on record once, and everybody hears that it is."""
    intakes = [Intake(store, keys), Intake(store, keys)]
    reports = [Receipt(ReceiptKind.DELIVERED, f"d{n}", references[n % 3], 1) for n in range(30)]
    await asyncio.gather(
        *(intake.take("email", [one]) for intake in intakes for one in [*reports, *reversed(reports)])
    )
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM receipt") == 30
    assert await findings(store, tmp_path) == set()


async def test_an_inlet_hears_that_the_store_failed(store: Store, keys: Keys, references: list[str]) -> None:
    """What is not on record is not confirmed: the server will report it again, and then it is taken."""
    intake = Intake(store, keys)
    async with store.begin() as tx:
        await tx.housekeep("ALTER TABLE receipt RENAME TO gone")
        tx.record(Event("test:gone"))
    with pytest.raises(Exception, match="receipt"):
        await intake.take("email", [bounce(references[0])])
    async with store.begin() as tx:
        await tx.housekeep("ALTER TABLE gone RENAME TO receipt")
        tx.record(Event("test:back"))
    await intake.take("email", [bounce(references[0])])
    assert (await states(store))[references[0]] == "bounced"
