"""Tampering with any byte, row or order of the log is found."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.trail import CHECKS
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.report import Report
from notifier.audit.verify import verify
from notifier.keys import Keys
from notifier.store import Store
from tests.conftest import ORIGIN
from tests.logs import Log

KEY = LogKey(ORIGIN, b"\x01" * 32)

BYTES = (
    ("audit_event", "entry"),
    ("log_tile", "content"),
    ("log_edge", "content"),
    ("log_checkpoint", "note"),
    ("log_state", "compact_range"),
)
VALUES = (
    ("audit_event", "id"),
    ("audit_event", "action"),
    ("audit_event", "at"),
    ("log_leaf", "leaf_index"),
    ("log_leaf", "event_id"),
    ("log_tile", "level"),
    ("log_tile", "number"),
    ("log_edge", "level"),
    ("log_edge", "number"),
    ("log_checkpoint", "size"),
    ("log_state", "size"),
    ("log_state", "origin"),
    ("log_state", "published"),
)
ROWS = ("audit_event", "log_leaf", "log_tile", "log_edge", "log_state")
# Nothing tells of an earlier checkpoint that was taken away; of the last one its unsigned entries do.


@pytest.fixture(scope="module")
def whole(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of 600 entries in four batches and its outside memory."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(sqlite_template, folder / "store.db")

    async def fill() -> None:
        log = Log.of(Store.open(f"sqlite+aiosqlite:///{folder / 'store.db'}", origin=ORIGIN), folder)
        for start, end in ((0, 1), (1, 100), (100, 256), (256, 600)):
            await log.grow(end - start, start)
        await log.store.close()

    asyncio.run(fill())
    return folder


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to damage copies in."""
    return tmp_path_factory.mktemp("scratch")


def tamper(whole: Path, scratch: Path, statement: str, params: tuple[object, ...] = ()) -> Report:
    """Carry out one statement past the guards on a copy, put the guards back, and verify."""
    for suffix in ("", "-wal", "-shm"):
        (scratch / f"store.db{suffix}").unlink(missing_ok=True)
    shutil.copy(whole / "store.db", scratch / "store.db")
    with closing(sqlite3.connect(scratch / "store.db")) as plain:
        guards = plain.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            plain.execute(f"DROP TRIGGER {name}")
        plain.execute(statement, params)
        for _, sql in guards:
            plain.execute(sql)
        plain.commit()

    async def check() -> Report:
        url = f"sqlite+aiosqlite:///{scratch / 'store.db'}"
        store = Store.open(url, origin=ORIGIN, load_keys=lambda: Keys.load(whole))
        outside = HighWater(whole / "outside" / "high_water", KEY.verifier)
        report = await verify(
            store,
            KEY.verifier,
            high_water=outside,
            memory=HighWater(scratch / "seen", KEY.verifier),
            also=CHECKS,
        )
        await store.close()
        return report

    return asyncio.run(check())


def rows(whole: Path, table: str, column: str = "rowid") -> list[tuple[int, object]]:
    with closing(sqlite3.connect(whole / "store.db")) as plain:
        return plain.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchall()


many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(data=st.data())
def test_any_changed_byte_is_found(whole: Path, scratch: Path, data: st.DataObject) -> None:
    """One flipped bit anywhere in the entries, tiles, checkpoints or state is found."""
    table, column = data.draw(st.sampled_from(BYTES))
    rowid, content = data.draw(st.sampled_from([row for row in rows(whole, table, column) if row[1]]))
    changed = bytearray(content)
    bit = data.draw(st.integers(0, len(changed) * 8 - 1))
    changed[bit // 8] ^= 1 << bit % 8
    report = tamper(
        whole, scratch, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (bytes(changed), rowid)
    )
    assert not report.verified


@many
@given(data=st.data())
def test_any_changed_value_is_found(whole: Path, scratch: Path, data: st.DataObject) -> None:
    """Any other value in a column that says where or what something is, is found."""
    table, column = data.draw(st.sampled_from(VALUES))
    rowid, value = data.draw(st.sampled_from(rows(whole, table, column)))
    other = f"{value}x" if isinstance(value, str) else value + data.draw(st.integers(10_000, 10**9))
    report = tamper(whole, scratch, f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other, rowid))
    assert not report.verified


@many
@given(data=st.data())
def test_any_deleted_row_is_found(whole: Path, scratch: Path, data: st.DataObject) -> None:
    """A row that was taken away is missed."""
    table = data.draw(st.sampled_from(ROWS))
    rowid, _ = data.draw(st.sampled_from(rows(whole, table)))
    assert not tamper(whole, scratch, f"DELETE FROM {table} WHERE rowid = ?", (rowid,)).verified


@many
@given(st.lists(st.integers(0, 599), min_size=2, max_size=2, unique=True))
def test_any_changed_order_is_found(whole: Path, scratch: Path, places: list[int]) -> None:
    """Two entries that changed places are found, wherever they stand."""
    one, two = places
    report = tamper(
        whole,
        scratch,
        "UPDATE audit_event SET entry = (SELECT o.entry FROM audit_event o WHERE o.id = CASE audit_event.id "
        "WHEN (SELECT event_id FROM log_leaf WHERE leaf_index = ?1) "
        "THEN (SELECT event_id FROM log_leaf WHERE leaf_index = ?2) "
        "ELSE (SELECT event_id FROM log_leaf WHERE leaf_index = ?1) END) "
        "WHERE id IN (SELECT event_id FROM log_leaf WHERE leaf_index IN (?1, ?2))",
        (one, two),
    )
    assert not report.verified


def test_an_inserted_entry_is_found(whole: Path, scratch: Path) -> None:
    """An entry that was smuggled in has no place; one that was given a place has no signature."""
    insert = "INSERT INTO audit_event (id, action, at, entry) SELECT 'new', action, at, entry FROM audit_event LIMIT 1"
    assert "unplaced" in tamper(whole, scratch, insert).counts
    placed = "INSERT INTO log_leaf (leaf_index, event_id) VALUES (600, 'new')"
    assert {"entry-missing", "unsigned"} <= set(tamper(whole, scratch, placed).counts)


def test_the_untouched_copy_verifies(whole: Path, scratch: Path) -> None:
    """What was not tampered with is not accused."""
    assert tamper(whole, scratch, "SELECT 1").findings == []
