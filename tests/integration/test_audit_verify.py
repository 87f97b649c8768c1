"""Verification on both databases: a whole log passes, a damaged one never does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from notifier.audit import merkle
from notifier.audit.guards import APPEND_ONLY
from notifier.audit.high_water import HighWater
from notifier.audit.report import Report
from notifier.audit.verify import verify
from notifier.store import Store
from tests.logs import Log


@pytest.fixture
def log(store: Store, tmp_path: Path) -> Log:
    return Log.of(store, tmp_path)


async def checked(log: Log) -> Report:
    memory = HighWater(log.high_water.path.with_name("seen"), log.key.verifier)
    return await verify(log.store, log.key.verifier, high_water=log.high_water, memory=memory)


async def damage(log: Log, *acts: str, **params: object) -> None:
    """Change the store as its owner can, past the guards, and put them back afterwards."""
    async with log.store.begin() as tx:
        if tx.dialect == "sqlite":
            triggers = await tx.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            before = [f"DROP TRIGGER {row.name}" for row in triggers]
            after = [row.sql for row in triggers]
        else:
            before = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in APPEND_ONLY]
            after = [
                f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}"
                for table in APPEND_ONLY
                for name in ("no_change", "no_truncate")
            ]
        for act in (*before, *acts, *after):
            given = {name: value for name, value in params.items() if f":{name}" in act}
            await tx.connection.execute(text(act), given)


async def test_an_empty_and_a_grown_log_verify(log: Log) -> None:
    """Entries, tiles, checkpoints and guards all fit, and the report names size and root."""
    assert (await checked(log)).verified
    await log.grow(3)
    await log.grow(700, 3)
    await log.record(2, 703)
    report = await checked(log)
    assert report.findings == []
    assert (report.size, report.entries, report.checkpoints, report.pending) == (703, 703, 2, 2)
    assert report.root == merkle.root(await log.entries()).hex()


@pytest.mark.parametrize(
    ("code", "act"),
    [
        ("entry-missing", "DELETE FROM audit_event WHERE id = :event"),
        ("entry-malformed", "UPDATE audit_event SET entry = :junk WHERE id = :event"),
        ("entry-differs", "UPDATE audit_event SET at = at + 1 WHERE id = :event"),
        ("entry-differs", "UPDATE audit_event SET action = 'test:undone' WHERE id = :event"),
        ("gap", "DELETE FROM log_leaf WHERE event_id = :event"),
        ("gap", "UPDATE log_leaf SET leaf_index = -1 WHERE event_id = :event"),
        ("unplaced", "DELETE FROM log_leaf WHERE event_id = :event"),
        ("placed-twice", "INSERT INTO audit_pending (event_id) VALUES (:event)"),
        ("tile-differs", "UPDATE log_tile SET content = :junk"),
        ("tile-differs", "DELETE FROM log_tile"),
        ("tile-differs", "UPDATE log_edge SET content = :junk WHERE level = 0"),
        ("tile-extra", "INSERT INTO log_tile (level, number, content) VALUES (5, 0, :junk)"),
        ("checkpoint-invalid", "UPDATE log_checkpoint SET note = :junk WHERE size = 5"),
        ("checkpoint-invalid", "UPDATE log_checkpoint SET size = 6 WHERE size = 5"),
        ("unsigned", "DELETE FROM log_checkpoint WHERE size = 300"),
        ("unsigned", "DELETE FROM log_checkpoint"),
        ("state-differs", "UPDATE log_state SET size = 299"),
        ("state-differs", "UPDATE log_state SET origin = 'other.example.com/audit'"),
        ("state-differs", "DELETE FROM log_state"),
        ("audience-unrecorded", "INSERT INTO audience (code, subject, kind, frozen_at, frozen_by, people, "
         "root, digest, counts, selection, salt, event_id) VALUES ('X/1', '', 'first', 0, '', 0, '', '', '{}', '{}', "
         ":junk, '')"),
    ],
)  # fmt: skip
async def test_damage_is_found_and_named(log: Log, code: str, act: str) -> None:
    """Whatever is changed past the guards is named for what it is."""
    await log.grow(5)
    await log.grow(295, 5)
    async with log.store.read() as tx:
        event = await tx.scalar("SELECT event_id FROM log_leaf WHERE leaf_index = 7")
    await damage(log, act, event=event, junk=b"junk")
    report = await checked(log)
    assert code in report.counts, report.findings


async def test_swapped_entries_are_found(log: Log) -> None:
    """Two entries that changed places change the root."""
    await log.grow(20)
    async with log.store.read() as tx:
        one, two = (row.event_id for row in await tx.rows("SELECT event_id FROM log_leaf LIMIT 2"))
    swap = "UPDATE log_leaf SET event_id = :to WHERE event_id = :from"
    for pair in ({"from": one, "to": "aside"}, {"from": two, "to": one}, {"from": "aside", "to": two}):
        await damage(log, swap, **pair)
    assert {"tile-differs", "checkpoint-differs"} <= set((await checked(log)).counts)


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_a_missing_guard_is_found(log: Log, table: str) -> None:
    """A trigger that was dropped or switched off is named."""
    async with log.store.begin() as tx:
        if tx.dialect == "sqlite":
            await tx.housekeep(f"DROP TRIGGER {table}_no_delete")
        else:
            await tx.housekeep(f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_change")
    report = await checked(log)
    assert report.counts == {"guard-missing": 1}


async def test_entries_held_back_are_found(log: Log) -> None:
    """An entry that waits for more than a minute is a finding."""
    await log.record(2)
    assert (await checked(log)).verified
    log.store.clock.advance(minutes=2)
    assert "held-back" in (await checked(log)).counts


async def test_a_false_signature_is_found(log: Log) -> None:
    """A log continued with another key does not verify under ours."""
    await log.grow(5)
    other = Log(log.store, type(log.key)(log.key.name, b"\x02" * 32), log.high_water)
    forged = HighWater(log.high_water.path.with_name("other"), other.key.verifier)
    report = await verify(log.store, other.key.verifier, high_water=forged, memory=forged)
    assert {"checkpoint-invalid", "high-water-missing"} <= set(report.counts)
    log.high_water.path.write_bytes(b"junk")
    assert "memory-false" in (await checked(log)).counts


async def test_a_rollback_is_found_only_by_who_remembers(sqlite_url: str, tmp_path: Path) -> None:
    """A store put back whole verifies against itself; outside memory shows that it is older."""
    path = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    log = Log.of(Store.open(sqlite_url, origin="notify.example.com/audit"), tmp_path)
    await log.grow(5)
    older = log.high_water.path.read_bytes()
    await log.store.close()
    shutil.copy(path, tmp_path / "backup.db")
    await log.grow(5, 5)
    assert (await checked(log)).verified
    await log.store.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", path)
    report = await checked(log)
    assert report.counts == {"rolled-back": 2}
    log.high_water.path.write_bytes(older)
    assert (await checked(log)).counts == {"rolled-back": 1}
    log.high_water.path.with_name("seen").unlink()
    assert (await checked(log)).verified
    await log.store.close()
