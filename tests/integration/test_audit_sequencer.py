"""The sequencer, on both databases."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from notifier.audit import merkle, proofs, tiles
from notifier.audit.entry import Event
from notifier.audit.note import Checkpoint
from notifier.audit.published import published
from notifier.errors import AuditError
from notifier.store import Store
from tests.logs import Log


@pytest.fixture
def log(store: Store, tmp_path: Path) -> Log:
    return Log.of(store, tmp_path)


async def latest(log: Log) -> Checkpoint:
    async with log.store.read() as tx:
        note = await tx.scalar("SELECT note FROM log_checkpoint ORDER BY size DESC LIMIT 1")
    return Checkpoint.open(bytes(note), log.key.verifier)


async def shown(log: Log) -> int:
    async with log.store.read() as tx:
        return Checkpoint.open(await published(tx), log.key.verifier).size


async def test_entries_get_gapless_places_and_a_signed_root(log: Log) -> None:
    """Over several batches every entry has one place, and the checkpoint's root is RFC 6962's."""
    await log.record(700)
    assert await log.sequencer(batch=300).drain() == 700
    entries = await log.entries()
    assert len(entries) == 700
    checkpoint = await latest(log)
    assert (checkpoint.size, checkpoint.root) == (700, merkle.root(entries))
    assert log.high_water.read() == checkpoint
    async with log.store.read() as tx:
        places = [row.leaf_index for row in await tx.rows("SELECT leaf_index FROM log_leaf ORDER BY 1")]
        assert places == list(range(700))
        assert await tx.scalar("SELECT count(*) FROM audit_pending") == 0
        assert await tx.scalar("SELECT count(*) FROM log_checkpoint") == 3
        widths = {row.level: len(row.content) // 32 for row in await tx.rows("SELECT * FROM log_edge")}
        assert widths == {level: width for level, _, width in tiles.widths(700)}


async def test_idle_makes_no_new_checkpoint(log: Log) -> None:
    """Without new entries nothing is signed."""
    await log.grow(3)
    sequencer = log.sequencer()
    assert await sequencer.step() == 0
    assert await sequencer.step() == 0
    async with log.store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM log_checkpoint") == 1


async def test_stored_tiles_prove_inclusion_and_consistency(log: Log) -> None:
    """Proofs made from the stored tiles convince a checker who has only checkpoints."""
    await log.grow(300)
    old = await latest(log)
    await log.grow(400, 300)
    new = await latest(log)
    entries = await log.entries()
    async with log.store.read() as tx:
        proof = await proofs.consistency(tx, old.size, new.size)
        assert merkle.is_consistent(old.size, old.root, new.size, new.root, proof)
        for index in (0, 255, 256, 511, 699):
            path = await proofs.inclusion(tx, index, new.size)
            leaf = merkle.leaf_hash(entries[index])
            assert merkle.root_from_inclusion(leaf, index, new.size, path) == new.root


async def test_competing_sequencers_never_place_an_entry_twice(log: Log) -> None:
    """Two sequencers at work on one backlog leave one gapless log and consistent checkpoints."""
    await log.record(500)
    counts = await asyncio.gather(log.sequencer(batch=20).drain(), log.sequencer(batch=30).drain())
    assert sum(counts) == 500
    assert (await latest(log)).root == merkle.root(await log.entries())
    assert log.high_water.read() == await latest(log)


async def test_a_crash_after_the_commit_is_made_good_at_the_next_start(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If power fails between commit and publishing, the next sequencer publishes and goes on."""
    await log.grow(5)
    await log.record(5, 5)
    with monkeypatch.context() as patch:
        patch.setattr(log.high_water, "raise_to", lambda _: (_ for _ in ()).throw(OSError))
        with pytest.raises(OSError):
            await log.sequencer().step()
    assert log.high_water.read().size == 5
    assert await shown(log) == 5  # Nobody may have seen what a restored backup would not know.
    assert await log.sequencer().step() == 0
    assert log.high_water.read().size == await shown(log) == 10
    await log.grow(1, 10)
    assert (await latest(log)).size == 11


async def test_a_crash_after_the_very_first_commit_does_not_look_like_a_lost_memory(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outside memory exists, of size 0, before the first entry has its place."""
    await log.record(5)
    raise_to = log.high_water.raise_to

    def fail(note: bytes) -> None:
        if Checkpoint.open(note, log.key.verifier).size:
            raise OSError
        raise_to(note)

    with monkeypatch.context() as patch:
        patch.setattr(log.high_water, "raise_to", fail)
        with pytest.raises(OSError):
            await log.sequencer().step()
    assert log.high_water.read().size == 0
    assert await log.sequencer().step() == 0
    assert log.high_water.read().size == 5


async def test_a_failure_before_the_commit_leaves_nothing(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """If signing fails, the entries still wait and the tree is as it was."""
    await log.record(5)
    with monkeypatch.context() as patch:
        patch.setattr(log.key, "sign", lambda _: (_ for _ in ()).throw(OSError))
        with pytest.raises(OSError):
            await log.sequencer().step()
    assert await log.entries() == []
    assert await log.sequencer().drain() == 5


async def test_a_lost_high_water_stops_the_log(log: Log) -> None:
    """A log with entries whose outside memory is gone is not continued until it is put back."""
    await log.grow(5)
    kept = log.high_water.path.read_bytes()
    log.high_water.path.unlink()
    await log.record(1, 5)
    with pytest.raises(AuditError, match="is missing") as refusal:
        await log.sequencer().step()
    assert "copy of the last published checkpoint" in refusal.value.advice()
    log.high_water.path.write_bytes(kept)
    assert await log.sequencer().step() == 1


async def test_a_forged_high_water_stops_the_log(log: Log) -> None:
    """An outside memory that our key did not sign is not believed."""
    await log.grow(5)
    text_of = log.high_water.path.read_bytes()
    log.high_water.path.write_bytes(text_of.replace(b"\n5\n", b"\n4\n"))
    await log.record(1, 5)
    with pytest.raises(AuditError, match="no checkpoint of this log"):
        await log.sequencer().step()


async def test_high_water_never_goes_back(log: Log) -> None:
    """An older checkpoint does not replace a newer one, and a fork of the same size is refused."""
    await log.grow(5)
    older = log.high_water.path.read_bytes()
    await log.grow(5, 5)
    log.high_water.raise_to(older)
    assert log.high_water.read().size == 10
    with pytest.raises(AuditError, match="forked"):
        log.high_water.raise_to(Checkpoint(log.key.name, 10, bytes(32)).signed([log.key]))


async def test_another_origin_is_refused(log: Log) -> None:
    """A store's log is continued under its own name only."""
    await log.grow(1)
    async with log.store.begin() as tx:
        await tx.housekeep("UPDATE log_state SET origin = 'other.example.com/audit'")
    await log.record(1, 1)
    with pytest.raises(AuditError, match="another origin"):
        await log.sequencer().step()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE log_edge SET content = :zeros WHERE level = 0",
        "UPDATE log_edge SET number = 1 WHERE level = 0",
        "UPDATE log_state SET compact_range = :zeros",
        "DELETE FROM log_edge",
    ],
)
async def test_nothing_is_signed_over_a_damaged_tree(log: Log, damage: str) -> None:
    """A changed tile or state row is noticed before anything is signed on top of it."""
    await log.grow(5)
    await log.record(1, 5)
    zeros = bytes(64 if "state" in damage else 160)
    async with log.store.begin() as tx:
        await tx.connection.execute(text(damage), {"zeros": zeros} if ":zeros" in damage else {})
    with pytest.raises(AuditError):
        await log.sequencer().step()
    assert log.high_water.read().size == 5


async def test_a_restored_older_database_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    """A backup put back cannot fork the log, even when as many new entries wait as were lost."""
    path = Path(sqlite_url.removeprefix("sqlite+aiosqlite:///"))
    store = Store.open(sqlite_url, origin="notify.example.com/audit")
    log = Log.of(store, tmp_path)
    await log.grow(5)
    await store.close()
    shutil.copy(path, tmp_path / "backup.db")
    await log.grow(3, 5)
    await store.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", path)
    await log.record(3, 8)
    with pytest.raises(AuditError, match="older than what was published"):
        await log.sequencer().step()
    assert len(await log.entries()) == 5
    await store.close()


async def test_a_rewritten_history_is_refused(log: Log) -> None:
    """A tree rebuilt from other entries with the real key does not pass the outside memory."""
    await log.grow(6)
    published = log.high_water.path.read_bytes()
    async with log.store.begin() as tx:
        for table in ("log_state", "log_edge"):
            await tx.housekeep(f"DELETE FROM {table}")
        if tx.dialect == "postgresql":
            await tx.housekeep("ALTER TABLE log_leaf DISABLE TRIGGER ALL")
            await tx.housekeep("ALTER TABLE log_checkpoint DISABLE TRIGGER ALL")
        else:
            await tx.housekeep("DROP TRIGGER log_leaf_no_delete")
            await tx.housekeep("DROP TRIGGER log_checkpoint_no_delete")
        await tx.housekeep("DELETE FROM log_leaf")
        await tx.housekeep("DELETE FROM log_checkpoint")
        tx.record(*(Event("test:forged", {"number": number}) for number in range(8)))
    log.high_water.path.unlink()
    await log.sequencer().drain()
    log.high_water.path.write_bytes(published)
    await log.record(1)
    with pytest.raises(AuditError, match="does not extend"):
        await log.sequencer().step()


async def test_run_sequences_until_told_to_stop(log: Log) -> None:
    """The task takes what waits at once while batches are full, and what still waits when it stops."""
    stop = asyncio.Event()
    await log.record(25)
    sequencer = log.sequencer(batch=10)
    async with asyncio.TaskGroup() as group:
        group.create_task(sequencer.run(stop, every=3600))
        while len(await log.entries()) < 25:
            await asyncio.sleep(0)
        await log.record(3, 25)
        stop.set()
    assert len(await log.entries()) == 28
    assert sequencer.trouble is None


async def test_run_keeps_its_trouble_and_goes_on_when_it_is_mended(log: Log) -> None:
    """A refusal does not end the task: it is kept for the health check until the next good step."""
    await log.grow(2)
    kept = log.high_water.path.read_bytes()
    log.high_water.path.unlink()
    await log.record(1, 2)
    sequencer, stop = log.sequencer(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(sequencer.run(stop, every=0.001))
        while sequencer.trouble is None:
            await asyncio.sleep(0)
        log.high_water.path.write_bytes(kept)
        while sequencer.trouble is not None:
            await asyncio.sleep(0)
        stop.set()
    assert len(await log.entries()) == 3


async def test_run_survives_an_error_that_nobody_foresaw(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept as trouble and the log is extended at the next try."""
    await log.record(3)
    sequencer, step, stop, met = log.sequencer(), log.sequencer().step, asyncio.Event(), []

    async def odd() -> int:
        if not met:
            met.append(sequencer.trouble)
            raise KeyError("a fault")
        stop.set()
        return await step()

    monkeypatch.setattr(sequencer, "step", odd)
    await asyncio.wait_for(sequencer.run(stop, 0.01), 30)
    assert (await latest(log)).size == 3
    assert sequencer.trouble is None
