"""``notifier receipts`` and what ``customers show`` says of receipts, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.receipts.taking import take
from tests import world
from tests.desk import Desk
from tests.desks import told

HOSTILE = "\x1b[2J[bold]no such user[/]"


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """An installation that has told three people; one notice came back, two reports name nobody's."""
    made = told(store_url, tmp_path, 3)

    async def report() -> None:
        async with made.store() as store, store.begin() as tx:
            reference = await tx.scalar(
                "SELECT d.reference FROM delivery d JOIN customer c ON c.id = d.customer_id"
                " WHERE c.number = 'C1'"
            )
            proven = Receipt(
                ReceiptKind.BOUNCED,
                "k",
                str(reference),
                1,
                address=world.address(1),
                occurred_at=datetime(2026, 3, 2, 10, tzinfo=UTC),
                code=550,
                enhanced="5.1.1",
                reason="address-dead",
                text=HOSTILE,
            )
            unproven = Receipt(ReceiptKind.BOUNCED, "u", address=world.address(0), text=HOSTILE)
            stray = Receipt(ReceiptKind.COMPLAINED, "s")
            await take(tx, made.keys, "email", [proven, unproven, stray])

    asyncio.run(report())
    return made


def test_a_receipt_is_part_of_the_story(desk: Desk) -> None:
    """With what it says, what followed, and whether the trail commits to it; it cannot steer the terminal."""
    desk.say("audit", "sequence")
    code, said = desk.say("customers", "show", "C1", "--operator", "alice")
    assert code == 0, said
    for part in (
        "bounced",
        "email reports bounced about person1@example.test, as of 2026-03-02 10:00:00 UTC",
    ):
        assert part in said
    assert "550 5.1.1 address-dead" in said
    assert "so it is bounced" in said
    assert "commits to this report" in said
    assert "\x1b[2J" not in said
    assert "dead (returned: there is no such mailbox)" in said
    code, said = desk.say("audit", "verify")
    assert code == 0, said
    assert "receipts: 1" in said


def test_parked_reports_are_looked_at_matched_and_set_aside(desk: Desk) -> None:
    """The list masks the address; who opens one is on record, and so is each decision."""
    first, second = desk.ask("receipts", "parked")
    assert (first["about"], second["about"]) == ("p…@e….test", "")
    assert "person0" not in desk.say("receipts", "parked")[1]
    code, said = desk.say("receipts", "show", str(first["id"]), "--operator", "alice")
    assert (code, world.address(0) in said, "\x1b[2J" in said) == (0, True, False)
    opened = desk.acts("receipts", "show", str(first["id"]))
    (candidate,) = opened["candidates"]
    assert candidate["state"] == "accepted"
    desk.acts("receipts", "match", str(first["id"]), candidate["reference"])
    desk.acts("receipts", "set-aside", str(second["id"]), "--reason", "a test of theirs")
    assert desk.ask("receipts", "parked") == []
    assert (
        desk.acts("customers", "show", "C0")["memberships"][0]["announcements"][0]["deliveries"][0]["state"]
        == "bounced"
    )
    kinds = [one["entry"]["type"] for one in desk.ask("audit", "entries")]
    assert {"receipt:parked", "receipt:shown", "receipt:matched", "receipt:set-aside"} <= set(kinds)


def test_what_is_not_there_is_said_in_words(desk: Desk) -> None:
    """No such receipt, a wrong reference, no reason: nothing is changed."""
    (first, _) = desk.ask("receipts", "parked")
    for refused, why in (
        (("show", "99"), "no receipt 99 is parked"),
        (("match", str(first["id"]), "0123456789ABCDEF"), "nothing was handed over under this reference"),
        (("match", str(first["id"]), "x"), "no reference of a notice"),
        (("set-aside", str(first["id"]), "--reason", " "), "the reason is missing"),
    ):
        code, said = desk.say("receipts", *refused, "--operator", "alice")
        assert code in {1, 2}
        assert why in said
    assert len(desk.ask("receipts", "parked")) == 2
