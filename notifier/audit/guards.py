"""What keeps the audit trail's tables append-only inside the database.

Against accidents and the application's own role; against the database's owner only outside memory helps
(checkpoints, witnesses). SQLite needs a third trigger: ``INSERT OR REPLACE`` passes UPDATE and DELETE
triggers, so an insert on an existing key is refused too.
"""

from __future__ import annotations

APPEND_ONLY = {
    "audit_event": "id",
    "log_leaf": "leaf_index",
    "log_tile": "",
    "log_checkpoint": "size",
    "attempt": "id",
}


def statements(dialect: str) -> list[str]:
    """Return the DDL that guards the append-only tables on ``sqlite`` or ``postgresql``."""
    return _sqlite() if dialect == "sqlite" else _postgresql()


def _sqlite() -> list[str]:
    made = []
    for table, key in APPEND_ONLY.items():
        made += [
            f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
        match = f"{key} = NEW.{key}" if key else "level = NEW.level AND number = NEW.number"
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
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
            # Otherwise session_replication_role = replica passes them.
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_change",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_no_truncate",
        ]
    return made
