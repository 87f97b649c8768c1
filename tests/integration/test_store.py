"""The transactions every change goes through, on both databases."""

from __future__ import annotations

import pytest

from notifier.audit.entry import Event
from notifier.errors import StoreError, UnrecordedChange
from notifier.store import Store

ADD = "INSERT INTO account (number, name, country) VALUES (:number, 'A', '')"


async def test_a_change_and_its_entry_commit_together(store: Store) -> None:
    """After a commit both the change and its entry are there, and the entry waits for its place."""
    async with store.begin() as tx:
        await tx.write(ADD, {"number": "1"})
        (event_id,) = tx.record(Event("account:added", {"number": "1"}))
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM account") == 1
        assert await tx.scalar("SELECT event_id FROM audit_pending") == event_id


async def test_a_change_without_an_entry_is_refused(store: Store) -> None:
    """A transaction that wrote but recorded nothing leaves nothing behind."""
    with pytest.raises(UnrecordedChange):
        async with store.begin() as tx:
            await tx.write(ADD, {"number": "1"})
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM account") == 0


async def test_a_failed_block_leaves_neither_change_nor_entry(store: Store) -> None:
    """What raises inside the block undoes both."""
    with pytest.raises(RuntimeError):
        async with store.begin() as tx:
            await tx.write(ADD, {"number": "1"})
            tx.record(Event("account:added"))
            raise RuntimeError
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM account") == 0
        assert await tx.scalar("SELECT count(*) FROM audit_event") == 0


async def test_a_reading_transaction_refuses_to_write(store: Store) -> None:
    """Reading is reading."""
    async with store.read() as tx:
        with pytest.raises(StoreError):
            await tx.write(ADD, {"number": "1"})


async def test_bulk_insert_and_recordset_speak_both_dialects(store: Store) -> None:
    """The same statement updates from a JSON array on either database."""
    async with store.begin() as tx:
        await tx.insert_many("account", ("number", "name", "country"), [("1", "A", ""), ("2", "B", "")])
        source = tx.recordset("rows", "v", number="text", name="text")
        changed = await tx.write(
            f"UPDATE account SET name = v.name FROM {source} WHERE account.number = v.number",
            {"rows": '[{"number": "2", "name": "Ü"}]'},
        )
        tx.record(Event("account:changed", {"count": changed}))
    async with store.read() as tx:
        assert [tuple(row) for row in await tx.rows("SELECT number, name FROM account ORDER BY number")] == [
            ("1", "A"),
            ("2", "Ü"),
        ]
