"""The append-only tables refuse to forget, on both databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from incidents import tables
from notifier.audit.guards import APPEND_ONLY, WRITTEN_AT_ONCE
from notifier.keys import Keys
from notifier.store import Store
from tests import world
from tests.affected import affect, declared
from tests.logs import Log

__all__ = ["tables"]  # Imported: its tables are guarded too.
COLUMN = {
    "audit_event": "action",
    "log_leaf": "event_id",
    "log_tile": "content",
    "log_checkpoint": "note",
    "attempt": "relay",
    "audience": "digest",
    "audience_member": "state",
    "incident_revision": "digest",
    "incident_step": "after",
    "affected_act": "kind",
    "receipt": "reason",
    "audience_exposure": "categories",
    "skipped_step": "reason",
    "acknowledgement": "by",
    "banner_event": "form",
    "substitute_page": "digest",
    "substitute_proof": "digest",
}


ATTEMPT = (
    "INSERT INTO attempt (delivery_id, number, opened_at, closed_at, outcome, code, enhanced, relay, reason, "
    "event_id, carrier_id) VALUES (1, 1, 0, 0, 'accepted', 250, '', '', '', '', '')"
)
RECEIPT = (
    "INSERT INTO receipt (source, key, delivery_id, attempt, kind, received_at, code, enhanced, reason, was, "
    "became, late, event_id) VALUES ('email', 'k', 1, 1, 'delivered', 0, 0, '', '', '', '', false, '')"
)
SKIPPED = "INSERT INTO skipped_step (announcement_id, member_id, step, reason, at, event_id) VALUES (1, 1, 1, '', 0, '')"

ACKNOWLEDGED = (
    "INSERT INTO acknowledgement (announcement_id, member_id, delivery_id, how, at, assurance, counts, by, "
    "event_id) VALUES (1, 1, 1, 'page', 0, '', true, '', '')"
)

SHOWN = (
    "INSERT INTO banner_event (delivery_id, member_id, report, revision, event, at, form, locale, key_id, was, "
    "became, event_id) VALUES (1, 1, 'r', 1, 'served', 0, 'json', '', '', '', '', '')"
)
PAGE = (
    "INSERT INTO substitute_page (notice_id, kind, locale, content, digest) VALUES (1, 'page', 'en', '', '')"
)
PROOF = (
    "INSERT INTO substitute_proof (notice_id, locale, occasion, served, status, digest, at, event_id) VALUES "
    "(1, 'en', 'end', true, 200, '', 0, '')"
)


@pytest.fixture
async def filled(store: Store, keys: Keys, tmp_path: Path) -> Store:
    """A store with a row in every guarded table."""
    await Log.of(store, tmp_path).grow(300)
    incident = await declared(store)
    await world.people(store, keys, 1)
    await affect(store, incident)
    async with store.begin() as tx:
        await tx.housekeep(
            "INSERT INTO audience_exposure (audience_id, customer_id, via_account_id, categories)"
            " SELECT audience_id, customer_id, 0, '' FROM audience_member"
        )
    if store.dialect == "sqlite":
        with closing(sqlite3.connect(str(store.engine.url.database))) as plain:  # Foreign keys are off.
            plain.execute(ATTEMPT)
            plain.execute(RECEIPT)
            plain.execute(SKIPPED)
            plain.execute(ACKNOWLEDGED)
            plain.execute(SHOWN)
            plain.execute(PAGE)
            plain.execute(PROOF)
            plain.commit()
        return store
    async with store.begin() as tx:
        await tx.housekeep("ALTER TABLE attempt DROP CONSTRAINT attempt_delivery_id_fkey")
        await tx.housekeep(ATTEMPT)
        await tx.housekeep("ALTER TABLE receipt DROP CONSTRAINT receipt_delivery_id_fkey")
        await tx.housekeep(RECEIPT)
        for column in ("announcement_id", "member_id"):
            await tx.housekeep(f"ALTER TABLE skipped_step DROP CONSTRAINT skipped_step_{column}_fkey")
        await tx.housekeep(SKIPPED)
        for column in ("announcement_id", "member_id", "delivery_id"):
            await tx.housekeep(f"ALTER TABLE acknowledgement DROP CONSTRAINT acknowledgement_{column}_fkey")
        await tx.housekeep(ACKNOWLEDGED)
        for column in ("delivery_id", "member_id"):
            await tx.housekeep(f"ALTER TABLE banner_event DROP CONSTRAINT banner_event_{column}_fkey")
        await tx.housekeep(SHOWN)
        for table, statement in (("substitute_page", PAGE), ("substitute_proof", PROOF)):
            await tx.housekeep(f"ALTER TABLE {table} DROP CONSTRAINT {table}_notice_id_fkey")
            await tx.housekeep(statement)
    return store


async def refused(store: Store, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        async with store.begin() as tx:
            await tx.connection.execute(text(statement))


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_rows_are_neither_changed_nor_deleted(filled: Store, table: str) -> None:
    """UPDATE and DELETE are refused, whatever they would change."""
    await refused(filled, f"UPDATE {table} SET {COLUMN[table]} = {COLUMN[table]}")
    await refused(filled, f"DELETE FROM {table}")


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_rows_are_not_replaced_by_an_insert(filled: Store, table: str) -> None:
    """INSERT OR REPLACE and upserts, which pass simple triggers, are refused too."""
    if filled.dialect == "sqlite":
        await refused(filled, f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
        async with filled.begin() as tx:
            if table in WRITTEN_AT_ONCE:
                return
            await tx.connection.execute(text("PRAGMA recursive_triggers=OFF"))
        await refused(filled, f"REPLACE INTO {table} SELECT * FROM {table}")
        return
    await refused(
        filled,
        f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({APPEND_ONLY[table]}) "
        f"DO UPDATE SET {COLUMN[table]} = excluded.{COLUMN[table]}",
    )


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_tables_are_not_emptied(filled: Store, table: str) -> None:
    """TRUNCATE is refused, and so are changes in a session that plays replica."""
    if filled.dialect == "sqlite":
        pytest.skip("SQLite has no TRUNCATE; its DELETE without WHERE is refused above")
    await refused(filled, f"TRUNCATE {table} CASCADE")
    with pytest.raises(DBAPIError, match="append-only"):
        async with filled.begin() as tx:
            await tx.connection.execute(text("SET LOCAL session_replication_role = replica"))
            await tx.connection.execute(text(f"DELETE FROM {table}"))
