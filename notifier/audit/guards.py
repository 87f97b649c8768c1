"""What keeps the audit trail's tables append-only inside the database.

Against accidents and the application's own role; against the database's owner only outside memory helps
(checkpoints, witnesses). SQLite needs a third trigger: ``INSERT OR REPLACE`` passes UPDATE and DELETE
triggers, so an insert on an existing key is refused too (but see ``WRITTEN_AT_ONCE``).
"""

from __future__ import annotations

APPEND_ONLY = {
    "audit_event": "id",
    "log_leaf": "leaf_index",
    "log_tile": "level, number",
    "log_checkpoint": "size",
    "attempt": "id",
    "receipt": "id",
    "acknowledgement": "id",
    "banner_event": "id",
    "skipped_step": "member_id, announcement_id, step",
    "audience": "id",
    "audience_member": "id",
}
"""The guarded tables and their keys."""
OPEN_WHILE_EMPTY = {"audience": "root"}
"""Rows that are filled in once: they may change only while this column is empty."""

WRITTEN_AT_ONCE = frozenset({"audience_member"})
"""Tables that get a million rows in one statement: a look-up for each would double its time on SQLite.
There REPLACE is refused by the DELETE trigger alone, which needs ``recursive_triggers``, as our store sets.
"""


def guard(table: str, key: str) -> None:
    """Have a table of another package guarded like ours; called where the table is defined."""
    APPEND_ONLY[table] = key


def _when(table: str, *, brackets: bool = False) -> str:
    """Return the condition under which changes of a table's row are refused; empty: always."""
    if (column := OPEN_WHILE_EMPTY.get(table)) is None:
        return ""
    return f"WHEN (OLD.{column} <> '') " if brackets else f"WHEN OLD.{column} <> '' "


def statements(dialect: str) -> list[str]:
    """Return the DDL that guards the append-only tables on ``sqlite`` or ``postgresql``."""
    return _sqlite() if dialect == "sqlite" else _postgresql()


def _sqlite() -> list[str]:
    made = []
    for table, key in APPEND_ONLY.items():
        made += [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} {_when(table)}"
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
        if table in WRITTEN_AT_ONCE:
            continue
        match = " AND ".join(f"{name} = NEW.{name}" for name in key.split(", "))
        made.append(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {match}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )
    return made


def _postgresql() -> list[str]:
    made = [
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    ]
    for table in APPEND_ONLY:
        made += [
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW {_when(table, brackets=True)}EXECUTE FUNCTION refuse_change()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            # Otherwise session_replication_role = replica passes them.
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate",
        ]
    return made
