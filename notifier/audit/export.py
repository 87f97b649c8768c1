"""Write the log as files that tools others wrote can check: C2SP tlog-tiles.

The folder holds ``checkpoint``, ``tile/<level>/…``, ``tile/entries/…`` and, as ``vkey``, the public key the
checkpoint is checked with. It is the view of one moment; entries that still wait are not in it.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from notifier.audit import tiles
from notifier.audit.merkle import HASH_BYTES
from notifier.audit.note import Checkpoint, Verifier
from notifier.audit.published import published
from notifier.errors import AuditError, Conflict, Refused
from notifier.store import Store, Transaction

_BUNDLES_A_PAGE = 16


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    checkpoint: Checkpoint
    files: int


async def export(store: Store, verifier: Verifier, folder: Path) -> Exported:
    """Write the whole log into ``folder``, which must not exist; nothing is left behind on failure."""
    scratch = _prepare(folder)
    try:
        async with store.read() as tx:
            exported = await _write_log(tx, verifier, scratch)
        _publish(scratch, folder)
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return exported


def _prepare(folder: Path) -> Path:
    """Make a folder beside the one that is wanted."""
    if folder.exists():
        raise Conflict(f"{folder} exists already", advice="Name a folder that does not exist yet.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise Refused(f"{folder} cannot be written: {error.strerror}") from None


def _publish(scratch: Path, folder: Path) -> None:
    scratch.rename(folder)


async def _write_log(tx: Transaction, verifier: Verifier, folder: Path) -> Exported:
    note = await published(tx)
    if note is None:
        raise Refused("the log has no checkpoint yet", advice="Let `notifier serve` run for a moment.")
    checkpoint = Checkpoint.open(note, verifier)
    files = await _write_tiles(tx, folder, checkpoint.size) + await _write_entries(
        tx, folder, checkpoint.size
    )
    _write(folder, "checkpoint", note)
    _write(folder, "vkey", f"{verifier.vkey}\n".encode())
    return Exported(checkpoint, files + 2)


async def _write_tiles(tx: Transaction, folder: Path, size: int) -> int:
    files = 0
    for level, full, width in tiles.widths(size):
        for first in range(0, full, _BUNDLES_A_PAGE):
            for row in await tx.rows(
                "SELECT number, content FROM log_tile "
                "WHERE level = :level AND number >= :first AND number < :end",
                level=level,
                first=first,
                end=min(first + _BUNDLES_A_PAGE, full),
            ):
                _write(folder, tiles.tile_path(level, row.number), bytes(row.content))
                files += 1
        if width:
            # A batch that is not published yet may have filled it further.
            place = {"level": level, "number": full}
            growing = await tx.scalar(
                "SELECT content FROM log_tile WHERE level = :level AND number = :number "
                "UNION ALL SELECT content FROM log_edge WHERE level = :level AND number = :number",
                **place,
            )
            content = bytes(growing or b"")[: width * HASH_BYTES]
            _write(folder, tiles.tile_path(level, full, width), content)
            files += 1
    return files


async def _write_entries(tx: Transaction, folder: Path, size: int) -> int:
    page = tiles.WIDTH * _BUNDLES_A_PAGE
    for first in range(0, size, page):
        end = min(first + page, size)
        rows = await tx.rows(
            "SELECT e.entry FROM log_leaf l JOIN audit_event e ON e.id = l.event_id "
            "WHERE l.leaf_index >= :first AND l.leaf_index < :end ORDER BY l.leaf_index",
            first=first,
            end=end,
        )
        if len(rows) != end - first:
            raise AuditError(
                f"entries of the places from {first} on are missing", advice="Run `notifier audit verify`."
            )
        for start in range(0, len(rows), tiles.WIDTH):
            entries = [bytes(row.entry) for row in rows[start : start + tiles.WIDTH]]
            number = (first + start) // tiles.WIDTH
            _write(folder, tiles.bundle_path(number, len(entries)), tiles.bundle(entries))
    return -(-size // tiles.WIDTH)


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
