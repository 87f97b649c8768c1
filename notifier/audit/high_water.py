"""The memory outside the database: the last checkpoint that was published.

Lost: the log is not continued until an operator puts it back from a copy of the last checkpoint. Rolled
back together with the store: only copies kept elsewhere (auditors, witnesses) show it, so it protects best
where the store's backups do not reach it. Altered: its signature no longer fits, and nothing is signed.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from notifier.audit.note import Checkpoint, Verifier
from notifier.errors import AuditError, BadInput


class HighWater:
    """A file that holds one signed checkpoint and only ever moves forward."""

    def __init__(self, path: Path, verifier: Verifier) -> None:
        self.path = path
        self._verifier = verifier

    def read(self) -> Checkpoint | None:
        """Return the checkpoint on record, ``None`` where there is no file; a false one is refused."""
        try:
            note = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInput(
                f"{self.path.name} cannot be read: {error.strerror}",
                advice="Name a file that holds a checkpoint, or that does not exist yet.",
            ) from None
        try:
            return Checkpoint.open(note, self._verifier)
        except AuditError as error:
            raise AuditError(
                f"{self.path.name} holds no checkpoint of this log: {error}",
                advice="Put back a copy of the last published checkpoint, and find out who changed it.",
            ) from None

    def prepare(self) -> None:
        """Make its folder and its lock, so that it can be raised later; ``BadInput`` where that cannot be."""
        try:
            os.close(self._open_lock())
        except OSError as error:
            raise BadInput(
                f"{self.path.name} cannot be written: {error.strerror}",
                advice="Name a file in a folder where you may write.",
            ) from None

    def raise_to(self, note: bytes) -> None:
        """Remember ``note`` durably unless a checkpoint at least as large is on record already.

        On return the file and its directory entry are on disk. Several processes may do this at once.
        """
        checkpoint = Checkpoint.open(note, self._verifier)
        lock = self._open_lock()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self.read()
            if known and known.size == checkpoint.size and known.root != checkpoint.root:
                raise AuditError("two checkpoints of one size differ: the log has forked")
            if known is None or known.size < checkpoint.size:
                _replace(self.path, note)
        finally:
            os.close(lock)

    def _open_lock(self) -> int:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file in one step: after a power failure it is the old one or the new one, whole."""
    temporary = path.with_name(f"{path.name}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
