"""Operators: the people who work with the service."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from notifier.store.tables.columns import big, surrogate


class Operator(SQLModel, table=True):
    """Somebody enrolled, with what proves it is them."""

    id: int | None = surrogate()
    handle: str = Field(unique=True)
    """How commands and the trail name them."""
    role: str = "operator"
    email_sealed: bytes | None = None
    """Where holds alert them, wrapped under the master key."""
    password_hash: str
    totp_wrapped: bytes
    totp_last_step: int = big(default=0)
    """The last time step used: a code is good once (RFC 6238, section 5.2)."""
    failures: int = 0
    locked_until: int = big(default=0)
    created_at: int = big()
    retired_at: int | None = big(default=None)
