"""A copy of the store that is consistent while sending goes on.

The copy holds the subject keys, wrapped: with it and the keys folder everything in it can be read, and a
person who is erased later lives on in it. So copies must be few, guarded like the keys, and short-lived.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event, Json
from notifier.errors import Conflict, Refused, StoreError
from notifier.installation import sync
from notifier.store import Store

_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Copy:
    """A finished copy: how large it is, and the SHA-256 of its bytes in hex."""

    path: Path
    size: int
    digest: str


async def back_up(store: Store, target: Path) -> Copy:
    """Copy the store into the file ``target``, which must not exist; senders are not held up.

    On return the copy is whole, checked, on disk and on record. When anything fails there is no file.
    """
    partial = _reserve(target)
    copy = _copy_sqlite if store.dialect == "sqlite" else _dump_postgresql
    made: Copy | None = None
    try:
        await asyncio.to_thread(copy, store.engine.url, partial)
        made = await asyncio.to_thread(_finish, partial, target)
        facts: dict[str, Json] = {"actor": "system", "sha256": made.digest, "bytes": made.size}
        async with store.begin() as tx:
            tx.record(Event(AuditAction.STORE_BACKED_UP, facts))
    except BaseException:
        if made is not None:
            # A copy that is not on record must not lie about.
            _remove(target)
        raise
    finally:
        _remove(partial)
    return made


def _reserve(target: Path) -> Path:
    """Return a new empty file beside ``target``, readable by its owner alone."""
    partial = target.with_name(f"{target.name}.partial")
    if target.exists():
        raise Conflict(f"{target} exists already", advice="Name a new file: no copy is ever overwritten.")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Conflict(
            f"{partial} exists already", advice="Remove it if no other backup is running."
        ) from None
    except OSError as error:
        raise Refused(
            f"{target} cannot be written: {error.strerror}", advice="Choose another place."
        ) from None
    return partial


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _copy_sqlite(url: URL, partial: Path) -> None:
    """Copy what one read transaction sees; in WAL mode nobody waits for it."""
    try:
        with closing(sqlite3.connect(url.database or "", isolation_level=None)) as source:
            source.execute("VACUUM INTO ?", (str(partial),))
        with closing(sqlite3.connect(partial)) as copy:
            (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise StoreError(
            f"the copy could not be made: {error}", advice="Check the disk's space and health."
        ) from None
    if verdict != "ok":
        raise StoreError("the copy is damaged", advice="Check the store with `notifier audit verify`.")


def _dump_postgresql(url: URL, partial: Path) -> None:
    """Let PostgreSQL's own tool write one snapshot, in the form that ``pg_restore`` reads."""
    tool = shutil.which("pg_dump")
    if tool is None:
        raise Refused(
            "pg_dump is not installed here",
            advice="Install PostgreSQL's client of the server's version, or back up on the server.",
        )
    done = subprocess.run(  # noqa: S603 - a fixed program; the password goes by the environment
        [tool, "--format=custom", "--no-password", f"--file={partial}"],
        env={**os.environ, **_connection(url)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise StoreError(
            f"pg_dump failed: {said[-1] if said else done.returncode}",
            advice="Its version must be at least the server's, and the user must be able to read all tables.",
        )


def _connection(url: URL) -> Mapping[str, str]:
    """Return the URL as the environment of PostgreSQL's programs."""
    host = url.query.get("host", url.host)
    found = {
        "PGHOST": host if isinstance(host, str) else None,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    return {name: str(value) for name, value in found.items() if value}


def _finish(partial: Path, target: Path) -> Copy:
    """Put the finished copy in its place, durably, and take its digest."""
    digest = hashlib.sha256()
    size = 0
    with partial.open("rb") as file:
        while part := file.read(_PART):
            digest.update(part)
            size += len(part)
    sync(partial)
    try:
        # Unlike a rename, a link never replaces what somebody else put there meanwhile.
        os.link(partial, target)
    except FileExistsError:
        raise Conflict(f"{target} exists already", advice="Name a new file.") from None
    sync(target.parent)
    return Copy(target, size, digest.hexdigest())
