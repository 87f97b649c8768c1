"""Column types used throughout: portable between SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

# SQLite gives only INTEGER PRIMARY KEY its own row id.
_Big = BigInteger().with_variant(Integer, "sqlite")
_Json = JSON().with_variant(JSONB, "postgresql")


def surrogate() -> Any:
    """Return the primary key column that the database numbers."""
    return Field(default=None, primary_key=True, sa_type=_Big)


def big(**options: Any) -> Any:
    """Return a 64-bit integer column: instants, counts, references to surrogates."""
    return Field(sa_type=_Big, **options)


def json(**options: Any) -> Any:
    """Return a JSON column (jsonb on PostgreSQL)."""
    return Field(sa_type=_Json, **options)
