"""What a mail house says of letters: one intake with all other receipts, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.audit.entry import Event
from notifier.channels.letter.returns import read_returns
from notifier.channels.receipts import Receipt
from notifier.engine import batches, recovery
from notifier.keys import Keys
from notifier.letters.returning import Told
from notifier.store import Store
from notifier.testing import FakeClock
from tests.audiences import Someone
from tests.integration.test_audit_verify import checked
from tests.journeys import Journey, journey
from tests.logs import Log
from tests.mailhouse import letters, printed, reported, states

PEOPLE = [Someone(f"Anna Albrecht {n}", f"p{n}@mail.test", street=f"Weg {n}") for n in range(4)]


@pytest.fixture
async def made(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Journey:
    """Four people whose letters were printed."""
    (tmp_path / "home").mkdir()
    made = await journey(store, keys, clock, tmp_path / "home", PEOPLE, "letter:always")
    await made.escalation.round()
    await printed(made, tmp_path / "batch.zip")
    return made


def rows(folder: Path, *rows: tuple[str, str, str]) -> tuple[Receipt, ...]:
    """Return what a file with these rows says: reference, status, reason."""
    path = folder / "returns.csv"
    path.write_text("reference,status,reason\n" + "".join(f"{','.join(row)}\n" for row in rows))
    return read_returns(path).receipts


async def test_every_status_means_something(made: Journey, tmp_path: Path) -> None:
    """Printed and posted letters stay accepted, registered mail is delivered, a return bounces; the trail verifies."""
    log = Log.of(made.store, tmp_path)
    a, b, c, d = [reference for reference, _ in await letters(made)]
    told = await reported(
        made,
        *rows(
            tmp_path,
            (a, "printed", ""),
            (b, "dispatched", ""),
            (c, "delivered", ""),
            (d, "returned", "unknown"),
        ),
    )
    assert (told.taken, told.parked, told.moved) == (4, 0, 2)
    assert await states(made) == ["accepted", "accepted", "delivered", "bounced"]
    async with made.store.read() as tx:
        found = await tx.rows("SELECT kind, reason, source FROM receipt ORDER BY id")
        dead = await tx.rows("SELECT channel FROM suppression WHERE reason = 'dead'")
    assert [tuple(row) for row in found] == [
        ("accepted", "printed", "letter"), ("accepted", "dispatched", "letter"),
        ("delivered", "", "letter"), ("bounced", "address-dead", "letter"),
    ]  # fmt: skip
    assert [row.channel for row in dead] == ["letter"]
    await log.sequencer().drain()
    assert (await checked(log)).findings == []


async def test_the_same_file_again_changes_nothing(made: Journey, tmp_path: Path) -> None:
    """Not even an entry."""
    said = rows(tmp_path, *((reference, "printed", "") for reference, _ in await letters(made)))
    await reported(made, *said)
    async with made.store.read() as tx:
        before = await tx.scalar("SELECT count(*) FROM audit_event")
    assert await reported(made, *said) == Told(repeated=4)
    async with made.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM audit_event") == before


async def test_an_unknown_reference_is_parked(made: Journey, tmp_path: Path) -> None:
    """It concerns nobody for now, and holds no other row back."""
    ((reference, _), *_others) = await letters(made)
    told = await reported(made, *rows(tmp_path, ("F" * 16, "returned", ""), (reference, "delivered", "")))
    assert (told.taken, told.parked) == (1, 1)


async def test_a_mail_house_says_nothing_about_e_mail(made: Journey, tmp_path: Path) -> None:
    """A row with an e-mail's reference is told and not used."""
    async with made.store.read() as tx:
        email = str(await tx.scalar("SELECT min(reference) FROM delivery WHERE channel = 'email'"))
    told = await reported(made, *rows(tmp_path, (email, "delivered", "")))
    assert (told.taken, told.parked, told.not_letters) == (0, 0, [email])
    async with made.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM delivery WHERE state = 'delivered'") == 0


@pytest.mark.parametrize("status", ["printed", "dispatched"])
async def test_a_report_settles_what_is_in_doubt(
    store: Store, keys: Keys, clock: FakeClock, tmp_path: Path, status: str
) -> None:
    """The archive was there and the closing was lost: the mail house has it, so it is not printed again."""
    made = await journey(store, keys, clock, tmp_path, PEOPLE[:2], "letter:always")
    await made.escalation.round()
    await doubted(made)
    (a, _), (b, _) = await letters(made)
    async with made.store.begin() as tx:
        await tx.write("UPDATE delivery SET state = 'held' WHERE reference = :b", {"b": b})
        tx.record(Event("test:held", {}))
    assert await states(made) == ["unknown", "held"]
    told = await reported(made, *rows(tmp_path, (a, status, ""), (b, status, "")))
    assert told.moved == 2
    assert await states(made) == ["accepted", "accepted"]


async def doubted(made: Journey) -> None:
    """Have every letter opened by somebody who is gone."""
    lease = await batches.claim(
        made.store, worker="w", drill=False, lease_us=1, quarantine_us=0, channels=["letter"]
    )
    assert lease is not None
    async with made.store.read() as tx:
        found = await tx.rows("SELECT id, reference FROM delivery WHERE channel = 'letter'")
    await batches.flush(
        made.store, lease, [], [batches.Opening(one.id, one.reference, 1) for one in found], []
    )
    async with made.store.begin() as tx:
        await tx.housekeep("UPDATE send_batch SET lease_until = 1 WHERE channel = 'letter'")
    assert await recovery.free_idle(made.store, quarantine_seconds=60) == len(found)
