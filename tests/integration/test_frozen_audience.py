"""A frozen audience that was changed past the guards is found, and nothing is sent from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from notifier.audit import frozen
from notifier.audit.entry import Event
from notifier.audit.merkle import CompactRange
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.preflight import Preflight
from notifier.store import Store
from tests.audiences import Frozen, Someone, crowd, drafted, freeze, settings_in
from tests.integration.test_audit_verify import checked, damage
from tests.integration.test_release import Case, case
from tests.logs import Log

__all__ = ["case"]

ONE = "(SELECT min(id) FROM audience_member WHERE audience_id = 1)"
LAST = "(SELECT max(id) FROM audience_member WHERE audience_id = 1)"
CHANGE = f"UPDATE audience_member SET {{}} WHERE id = {ONE}"
SWAPPED = f"UPDATE audience_member SET contact_point_id = 7 - contact_point_id WHERE id IN ({ONE}, {LAST})"
ADDED = (
    "INSERT INTO audience_member (uid, audience_id, customer_id, state, reason, variant, locale, country,"
    " time_zone, categories, new_categories, basis) SELECT :uid, 1, customer_id, state, reason, variant, locale,"
    " country, time_zone, categories, new_categories, basis FROM audience_member WHERE audience_id = 2"
)
JUNK = {"junk": b"junk", "nothing": b"", "uid": "f" * 32}
HARMFUL = {
    "contact point": CHANGE.format("contact_point_id = contact_point_id + 1"),
    "categories": CHANGE.format("categories = ' email '"),
    "locale": CHANGE.format("locale = 'de'"),
    "details": CHANGE.format("sealed = :junk"),
    "contact points swapped": SWAPPED,
    "added": ADDED,
    "address behind it": f"UPDATE contact_point SET value_index = :junk WHERE id = {ONE}",
    "person behind it": f"UPDATE customer SET uid = :uid WHERE id = {ONE}",
}
SUBTLE = {
    "no contact point": CHANGE.format("contact_point_id = NULL"),
    "empty details": CHANGE.format("sealed = :nothing"),
    "uid": CHANGE.format("uid = :uid"),
    "deleted": f"DELETE FROM audience_member WHERE id = {ONE}",
    "moved": CHANGE.format("audience_id = 2"),
    "counts": "UPDATE audience SET counts = '{\"state\": {}}' WHERE id = 1",
    "selection": "UPDATE audience SET selection = '{\"acts\": []}' WHERE id = 1",
    "time": "UPDATE audience SET frozen_at = frozen_at + 1 WHERE id = 1",
    "who": "UPDATE audience SET frozen_by = 'mallory' WHERE id = 1",
    "entry": "UPDATE audience SET event_id = 'f' WHERE id = 1",
    "salt": "UPDATE audience SET salt = :junk WHERE id = 1",
    "root": "UPDATE audience SET root = 'f' WHERE id = 1",
    "digest": "UPDATE audience SET digest = 'f' WHERE id = 1",
}


@pytest.fixture
async def log(store: Store, keys: Keys, tmp_path: Path) -> Log:
    """A log with an audience of six, and another of one."""
    await freeze(store, keys, crowd(6))
    await freeze(store, keys, [Someone("Zoe Zabel", "zoe@mail.test")], code="INC-2026-001/2")
    return Log.of(store, tmp_path)


@pytest.mark.parametrize("what", [*HARMFUL, *SUBTLE])
async def test_whatever_is_changed_in_a_frozen_audience_is_found(log: Log, what: str) -> None:
    """Verification names the audience, and nobody in it."""
    assert (await checked(log)).findings == []
    await damage(log, (HARMFUL | SUBTLE)[what], **JUNK)
    report = await checked(log)
    assert set(report.counts) == {"audience-differs"}
    assert report.findings[0].detail.startswith("the audience INC-2026-001/1: ")
    assert "mail.test" not in str(report.findings)


async def test_what_was_put_back_is_not_accused(log: Log) -> None:
    """Rows are compared, not their history."""
    await damage(log, SWAPPED)
    await damage(log, SWAPPED)
    assert (await checked(log)).verified


async def test_two_entries_of_one_audience_are_found(log: Log) -> None:
    """An entry forged to fit changed rows stands beside the true one."""
    async with log.store.begin() as tx:
        entry = await tx.scalar("SELECT entry FROM audit_event WHERE action = 'audience:frozen'")
        tx.record(Event("audience:frozen", orjson.loads(bytes(entry))["data"]))
    report = await checked(log)
    assert [one.detail for one in report.findings] == ["the audience INC-2026-001/1 was frozen twice"]


async def test_a_frozen_audience_holds_without_any_key(log: Log) -> None:
    """Once a person's key is gone, everybody is still who was frozen."""
    await damage(log, "DELETE FROM subject_key")
    assert (await checked(log)).verified


async def test_the_root_is_made_as_it_is_documented(log: Log) -> None:
    """Leaves of id and hidden line, sorted; a line is a canonical JSON array, the same on both databases."""
    odd = 'a "quoted" \\ back\nslash \t \x01 é 😀'
    await damage(log, CHANGE.format("reason = :odd, sealed = :junk"), odd=odd, **JUNK)
    async with log.store.read() as tx:
        rows = await tx.rows(
            "SELECT m.*, c.uid AS person, p.value_index FROM audience_member m JOIN customer c"
            " ON c.id = m.customer_id LEFT JOIN contact_point p ON p.id = m.contact_point_id"
            " WHERE m.audience_id = 1 ORDER BY m.uid"
        )
        salt = bytes(await tx.scalar("SELECT salt FROM audience WHERE id = 1"))
        made = await frozen.commit(tx, 1, salt)
    lines = [
        orjson.dumps([
            row.uid, row.id, row.person, row.contact_point_id, bytes(row.value_index).hex().upper(), row.state,
            row.reason, row.variant, row.locale, row.country, row.time_zone, row.categories, row.new_categories,
            row.basis, None if row.sealed is None else bytes(row.sealed).hex().upper(),
        ])
        for row in rows
    ]  # fmt: skip
    tree = CompactRange()
    tree.extend([frozen.leaf(line, salt) for line in lines])
    assert made == (6, tree.root().hex())


async def test_the_salt_hides_what_could_be_guessed(log: Log) -> None:
    """The same rows under another salt have another root, and the salt is not in the trail."""
    async with log.store.read() as tx:
        salt = bytes(await tx.scalar("SELECT salt FROM audience WHERE id = 1"))
        assert await frozen.commit(tx, 1, salt) != await frozen.commit(tx, 1, frozen.new_salt())
        trail = b"".join(bytes(row.entry) for row in await tx.rows("SELECT entry FROM audit_event"))
    assert len(salt) == 32
    assert salt.hex().encode() not in trail.lower()


@pytest.mark.parametrize("what", HARMFUL)
async def test_nothing_is_made_for_an_audience_that_was_changed(
    log: Log, keys: Keys, tmp_path: Path, what: str
) -> None:
    """Preflight refuses, says why and what to do, and leaves nothing behind."""
    settings = settings_in(tmp_path)
    made = await drafted(log.store, Frozen(1, ()))
    await damage(log, HARMFUL[what], **JUNK)
    with pytest.raises(Refused, match="INC-2026-001/1 is not the one that was frozen") as refusal:
        await Preflight(log.store, keys, settings).run(made)
    assert "freeze again" in refusal.value.advice()
    async with log.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM notice_dictionary") == 0


async def approving(case: Case) -> None:
    await case.approve()


async def counting_down(case: Case) -> None:
    await case.approve()
    await case.countdown()


@pytest.mark.parametrize("what", [one for one in HARMFUL if one != "added"])
@pytest.mark.parametrize("ahead", [None, approving, counting_down])
async def test_nothing_is_released_to_an_audience_that_was_changed(
    case: Case, ahead: Callable[[Case], Awaitable[None]] | None, what: str, tmp_path: Path
) -> None:
    """Approval, countdown and release refuse; at the end of a countdown a hold says why."""
    if ahead:
        await ahead(case)
    await damage(Log.of(case.store, tmp_path / "log"), HARMFUL[what], **JUNK)
    step = {None: case.approve, approving: case.countdown, counting_down: case.fire}[ahead]
    with pytest.raises(Refused, match="INC-2026-001/1 is not the one that was frozen"):
        await step()
    if ahead is counting_down:
        assert "not the one that was frozen" in await case.refuse()
        assert await case.state() == "draft"
    async with case.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM delivery") == 0
