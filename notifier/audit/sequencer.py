"""The sequencer: gives waiting entries their place in the log and signs the tree that results.

One transaction a batch, under the lock of the log's one state row, so a second sequencer waits. A crash
leaves all of a batch or nothing. Entries are hashed from the bytes read back from the database. The
checkpoint is published and ``high_water`` raised only after the commit. Indexes are gapless; their order is
not the order of time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import Row

from notifier.audit import proofs, tiles
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.merkle import EMPTY_ROOT, HASH_BYTES, CompactRange, is_consistent, leaf_hash
from notifier.audit.note import Checkpoint
from notifier.audit.published import note_published
from notifier.errors import AuditError
from notifier.store import Store, Transaction

BATCH = 10_000
_LONGEST_PAUSE = 10.0
_log = structlog.get_logger(__name__)

_TAKE_POSTGRESQL = (
    # Not "id <= the last one seen": rows commit out of the order of their ids.
    "WITH taken AS (DELETE FROM audit_pending WHERE id IN "
    "(SELECT id FROM audit_pending ORDER BY id LIMIT :most) RETURNING id, event_id) "
    "SELECT t.id, t.event_id, e.entry FROM taken t LEFT JOIN audit_event e ON e.id = t.event_id ORDER BY t.id"
)
_PEEK_SQLITE = (
    "SELECT p.id, p.event_id, e.entry FROM audit_pending p LEFT JOIN audit_event e ON e.id = p.event_id "
    "ORDER BY p.id LIMIT :most"
)


class Sequencer:
    """Extends the log of ``store``, signed by ``signer``. Several may compete; they take turns.

    ``trouble`` is why ``run`` could not extend the log when it last tried; ``None`` while all is well.
    """

    def __init__(self, store: Store, signer: LogKey, high_water: HighWater, *, batch: int = BATCH) -> None:
        self.trouble: Exception | None = None
        self._store = store
        self._signer = signer
        self._high_water = high_water
        self._batch = batch
        self._published = False

    async def step(self) -> int:
        """Sequence one batch and return its number of entries; 0 when nothing waits.

        On return the batch is durable and ``high_water`` says so. ``AuditError``: nothing was sequenced,
        because the stored log is damaged or does not extend what was published.
        """
        if self._published and not await self._waiting():
            return 0
        self._published = False
        async with self._store.begin() as tx:
            count, note = await self._extend(tx)
        if note is not None:
            await asyncio.to_thread(self._high_water.raise_to, note)
            async with self._store.begin() as tx:
                await note_published(tx, Checkpoint.open(note, self._signer.verifier).size)
        self._published = True
        return count

    async def drain(self) -> int:
        """Sequence until nothing waits; returns the number of entries."""
        total = 0
        while count := await self.step():
            total += count
        return total

    async def run(self, stop: asyncio.Event, every: float = 1.0) -> None:
        """Sequence every ``every`` seconds, without a pause while batches are full, until ``stop``.

        Trouble of whatever kind is kept in ``trouble``, logged, and tried again, more and more slowly;
        meanwhile entries wait. Before it returns it takes what waits.
        """
        pause = every
        while True:
            stopping = stop.is_set()
            full = False
            try:
                full = await self.step() == self._batch
                self.trouble, pause = None, every
            except Exception as error:  # noqa: BLE001 - one that nobody foresaw must not end the log either
                if type(error) is not type(self.trouble) or str(error) != str(self.trouble):
                    _log.error("audit.not_extended", exc_info=error)
                self.trouble, pause = error, min(pause * 2, max(every, _LONGEST_PAUSE))
            if full:
                continue
            if stopping:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)

    async def _waiting(self) -> bool:
        async with self._store.read() as tx:
            return await tx.scalar("SELECT 1 FROM audit_pending LIMIT 1") is not None

    async def _extend(self, tx: Transaction) -> tuple[int, bytes | None]:
        """Return how many entries were added and the note to publish."""
        tree = await self._lock(tx)
        known = self._known(tree.size)
        taken = await self._take(tx)
        if taken:
            await _write(tx, tree, taken)
        await _require_extension(tx, known, tree)
        if not taken:
            latest = await tx.row("SELECT note FROM log_checkpoint ORDER BY size DESC LIMIT 1")
            return 0, bytes(latest.note) if latest else None
        note = Checkpoint(self._signer.name, tree.size, tree.root()).signed([self._signer])
        await tx.housekeep(
            "INSERT INTO log_checkpoint (size, note, signed_at) VALUES (:size, :note, :now)",
            {"size": tree.size, "note": note, "now": tx.now_us()},
        )
        return len(taken), note

    async def _lock(self, tx: Transaction) -> CompactRange:
        query = "SELECT origin, size, compact_range FROM log_state WHERE id = 1" + (
            " FOR UPDATE" if tx.dialect == "postgresql" else ""
        )
        state = await tx.row(query)
        if state is None:
            await tx.housekeep(
                "INSERT INTO log_state (id, origin, size, compact_range, published) "
                "VALUES (1, :origin, 0, :nothing, 0) ON CONFLICT DO NOTHING",
                {"origin": self._signer.name, "nothing": b""},
            )
            state = await tx.row(query)
        if state is None or state.origin != self._signer.name:
            raise AuditError(
                "the store holds the log of another origin",
                advice="A log keeps its origin for life: set audit.origin back to what it was.",
            )
        try:
            return CompactRange.decode(state.size, bytes(state.compact_range))
        except ValueError:
            raise AuditError("the log's state row is damaged", advice=_VERIFY) from None

    def _known(self, size: int) -> Checkpoint:
        """Return ``high_water``; a log that lost it or lies behind it must not be continued."""
        if not size and self._high_water.read() is None:
            # Before the first commit: a crash right after it must not look like a lost memory.
            self._high_water.raise_to(Checkpoint(self._signer.name, 0, EMPTY_ROOT).signed([self._signer]))
        known = self._high_water.read()
        if known is None:
            raise AuditError(
                f"the log has {size} entries, but {self._high_water.path.name} is missing",
                advice="Put back a copy of the last published checkpoint (auditors have it); without one the "
                "log cannot be shown to be whole and is not continued.",
            )
        if known.size > size:
            raise AuditError(
                f"the store is older than what was published: it has {size} entries of {known.size}",
                advice="A backup was restored. Bring back the newest copy of the store: continuing this one "
                "would fork the log. Its entries are kept and wait.",
            )
        return known

    async def _take(self, tx: Transaction) -> Sequence[Row[Any]]:
        if tx.dialect == "postgresql":
            taken = await tx.housekeep(_TAKE_POSTGRESQL, {"most": self._batch})
        else:
            taken = await tx.rows(_PEEK_SQLITE, most=self._batch)
            if taken:
                await tx.housekeep("DELETE FROM audit_pending WHERE id <= :last", {"last": taken[-1].id})
        if any(row.entry is None for row in taken):
            raise AuditError("an entry that waits for its place is missing", advice=_VERIFY)
        return taken


_VERIFY = "Run `notifier audit verify` for all findings, and restore the newest copy of the store."


async def _write(tx: Transaction, tree: CompactRange, taken: Sequence[Row[Any]]) -> None:
    """Append the taken entries to the tree, its tiles and its state."""
    edges = {
        row.level: (row.number, bytes(row.content))
        for row in await tx.rows("SELECT level, number, content FROM log_edge")
    }
    for level, number, width in tiles.widths(tree.size):
        found = edges.get(level, (number, b""))
        if found[0] != number or len(found[1]) != width * HASH_BYTES:
            raise AuditError(f"the growing tile of level {level} is damaged", advice=_VERIFY)
    start = tree.size
    full, growing = tiles.grow(edges, tree.extend([leaf_hash(row.entry) for row in taken]))
    await tx.housekeep_many(
        "log_leaf",
        ("leaf_index", "event_id"),
        [(index, row.event_id) for index, row in enumerate(taken, start)],
    )
    await tx.housekeep_many("log_tile", ("level", "number", "content"), full)
    for level, (number, content) in growing.items():
        await tx.housekeep(
            "INSERT INTO log_edge (level, number, content) VALUES (:level, :number, :content) "
            "ON CONFLICT (level) DO UPDATE SET number = excluded.number, content = excluded.content",
            {"level": level, "number": number, "content": content},
        )
    await tx.housekeep(
        "UPDATE log_state SET size = :size, compact_range = :range WHERE id = 1",
        {"size": tree.size, "range": tree.encode()},
    )


async def _require_extension(tx: Transaction, known: Checkpoint, tree: CompactRange) -> None:
    """Refuse unless the stored tiles prove that the tree extends what was published."""
    if known.size == 0:
        return
    proof = await proofs.consistency(tx, known.size, tree.size)
    if not is_consistent(known.size, known.root, tree.size, tree.root(), proof):
        raise AuditError(
            "the stored log does not extend the checkpoint that was published last",
            advice="Nothing more is signed. " + _VERIFY,
        )
