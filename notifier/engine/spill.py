"""Outcomes noted where a killed process cannot take them away.

Between a server's answer and the commit of its outcome lies a moment in which a kill would leave doubt.
So the answer is first appended, with one plain ``write``, to a file of this process; the page cache
survives ``kill -9``. A power failure may lose it: then the delivery is ``unknown``, which is true.
Ids and codes only; no reply text, no address.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from notifier.channels import Outcome, OutcomeKind


@dataclass(frozen=True, slots=True)
class SpilledOutcome:
    """One line of a spill file."""

    token: str
    delivery_id: int
    kind: OutcomeKind
    code: int
    enhanced: str
    reason: str


class Spill:
    """The spill file of one running batch; owned, by a lock, as long as it is open."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.spill"
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def note(self, token: str, delivery_id: int, outcome: Outcome) -> None:
        """Append one outcome; an ``OSError`` (a full disk) is the caller's to heed."""
        codes = f"{outcome.code} {outcome.enhanced or '-'} {outcome.reason or '-'}"
        line = f"{token} {delivery_id} {outcome.kind} {codes}\n"
        if os.write(self._file, line.encode()) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def abandon(self) -> None:
        """Leave the file to whoever settles abandoned ones: some of it may not be committed."""
        os.close(self._file)

    def close(self) -> None:
        """Remove the file: all of it is committed."""
        self.path.unlink(missing_ok=True)
        os.close(self._file)


def abandoned(folder: Path) -> Iterator[tuple[Path, list[SpilledOutcome]]]:
    """Yield the spill files whose owner is gone, with their outcomes. The caller removes each."""
    for path in sorted(folder.glob("*.spill")):
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path, list(_read(path))
        except BlockingIOError:
            continue
        finally:
            os.close(file)


def _read(path: Path) -> Iterator[SpilledOutcome]:
    for line in path.read_bytes().split(b"\n"):
        parts = line.decode("ascii", "replace").split(" ")
        try:
            token, delivery, kind, code, enhanced, reason = ("" if part == "-" else part for part in parts)
            yield SpilledOutcome(token, int(delivery), OutcomeKind(kind), int(code), enhanced, reason)
        except ValueError:
            continue  # A torn last line: its delivery stays unknown.
