"""Rebuild the whole tree from the stored entries and hold everything stored against it.

Since every checkpoint's root is recomputed from one and the same sequence of entries, checkpoints that
all fit are also consistent with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import Row

from notifier.audit import tiles
from notifier.audit.course import Course
from notifier.audit.merkle import CompactRange, leaf_hash
from notifier.audit.note import Checkpoint, Verifier
from notifier.audit.report import Facts, Report
from notifier.clock import from_instant
from notifier.errors import AuditError
from notifier.store import Transaction
from notifier.words import amount

_PAGE = 4096
_POINTS = 500
_BEFORE_ALL = -(2**62)


class Replay:
    """One run over the log, in flat memory. ``marks`` are checkpoints known from outside, by their place.

    ``course`` hears every entry; ``kept`` collects those of the types in ``wanted``, of which there must be
    few; ``watch`` is told how many were read.
    """

    def __init__(
        self,
        tx: Transaction,
        report: Report,
        verifier: Verifier,
        *,
        course: Course,
        marks: Sequence[tuple[str, Checkpoint]] = (),
        wanted: frozenset[str] = frozenset(),
        watch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.tree = CompactRange()
        self.kept: list[Facts] = []
        self._last = 0
        self._tx, self._report, self._verifier = tx, report, verifier
        self._marks = sorted(marks, key=lambda mark: mark[1].size)
        self._course, self._wanted, self._watch = course, wanted, watch
        self._edges: dict[int, tuple[int, bytes]] = {}
        self._checkpoints: list[Row[Any]] = []
        self._after_checkpoint = _BEFORE_ALL

    async def run(self) -> None:
        """Read the log from its first entry to its last."""
        after = _BEFORE_ALL
        await self._compare_roots()
        while True:
            rows = await self._tx.rows(
                "SELECT l.leaf_index, l.event_id, e.id, e.action, e.at, e.entry FROM log_leaf l "
                "LEFT JOIN audit_event e ON e.id = l.event_id "
                "WHERE l.leaf_index > :after ORDER BY l.leaf_index LIMIT :most",
                after=after,
                most=_PAGE,
            )
            if not rows:
                break
            await self._append([self._leaf(row, place) for place, row in enumerate(rows, self.tree.size)])
            after = rows[-1].leaf_index
            self._watch(len(rows))
        await self._finish()

    def _leaf(self, row: Row[Any], place: int) -> bytes:
        if row.leaf_index != place:
            self._report.add("gap", f"place {place} of the log is taken by index {row.leaf_index}")
        self._report.entries += 1
        self.entry(row)
        return leaf_hash(bytes(row.entry or b""))

    def entry(self, row: Row[Any]) -> None:
        """Hold an entry's bytes against the row around them, and keep its content if it is wanted."""
        if row.id is None:
            self._report.add("entry-missing", f"the entry {row.event_id} is missing")
            return
        raw = bytes(row.entry)
        try:
            entry = orjson.loads(raw)
            canonical = isinstance(entry, dict) and orjson.dumps(entry, option=orjson.OPT_SORT_KEYS) == raw
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            canonical = False
        if not canonical:
            self._report.add("entry-malformed", f"the entry {row.event_id} is not canonical JSON")
            return
        moment = from_instant(row.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        said = (entry.get("id"), entry.get("type"), entry.get("time"), entry.get("source"))
        if said != (row.event_id, row.action, moment, self._verifier.name):
            self._report.add(
                "entry-differs", f"the entry {row.event_id} says otherwise than the row it is in"
            )
        self._course.hear(entry)
        if entry.get("type") in self._wanted:
            self.kept.append(entry)

    async def _append(self, leaves: list[bytes]) -> None:
        """Extend the tree, stopping at each size whose root is on record."""
        full: list[tuple[int, int, bytes]] = []
        start = 0
        while start < len(leaves):
            until = await self._next_size()
            end = len(leaves) if until is None else min(len(leaves), start + until - self.tree.size)
            made, growing = tiles.grow(self._edges, self.tree.extend(leaves[start:end]))
            self._edges |= growing
            full += made
            start = end
            await self._compare_roots()
        await self._compare_tiles(full)

    async def _next_size(self) -> int | None:
        """Return the smallest size on record that was not reached yet."""
        if not self._checkpoints:
            self._checkpoints = list(
                await self._tx.rows(
                    "SELECT size, note FROM log_checkpoint WHERE size > :after ORDER BY size LIMIT :most",
                    after=self._after_checkpoint,
                    most=_POINTS,
                )
            )
        sizes = [row.size for row in self._checkpoints[:1]] + [mark.size for _, mark in self._marks[:1]]
        return min(sizes, default=None)

    async def _compare_roots(self) -> None:
        """Hold the root against everything on record for the size the tree has now, or had."""
        while (size := await self._next_size()) is not None and size <= self.tree.size:
            if self._checkpoints and self._checkpoints[0].size == size:
                row = self._checkpoints.pop(0)
                self._after_checkpoint = size
                self._checkpoint(row)
            else:
                place, mark = self._marks.pop(0)
                if mark.root != self.tree.root():
                    self._report.add("fork", f"the log differs from the checkpoint of {size} in {place}")

    def _checkpoint(self, row: Row[Any]) -> None:
        self._report.checkpoints += 1
        self._last = row.size
        try:
            checkpoint = Checkpoint.open(bytes(row.note), self._verifier)
        except AuditError as error:
            self._report.add("checkpoint-invalid", f"the checkpoint of {row.size}: {error}")
            return
        if checkpoint.size != row.size:
            self._report.add(
                "checkpoint-invalid", f"the checkpoint of {row.size} says it is of {checkpoint.size}"
            )
        elif row.size < 1 or checkpoint.root != self.tree.root():
            self._report.add(
                "checkpoint-differs", f"the checkpoint of {row.size} has another root than its entries"
            )

    async def _compare_tiles(self, full: Sequence[tuple[int, int, bytes]]) -> None:
        for level in sorted({one[0] for one in full}):
            expected = {number: content for at, number, content in full if at == level}
            stored = {
                row.number: bytes(row.content)
                for row in await self._tx.rows(
                    "SELECT number, content FROM log_tile "
                    "WHERE level = :level AND number BETWEEN :low AND :high",
                    level=level,
                    low=min(expected),
                    high=max(expected),
                )
            }
            for number, content in expected.items():
                if stored.get(number) != content:
                    self._report.add(
                        "tile-differs", f"tile {number} of level {level} is not that of its entries"
                    )

    async def _finish(self) -> None:
        """Hold what stands at the log's end against the tree."""
        size = self.tree.size
        while await self._next_size() is not None:
            if self._checkpoints:
                self._after_checkpoint = self._checkpoints.pop(0).size
                self._report.add(
                    "entries-lost", f"a checkpoint of {self._after_checkpoint} was signed, {size} are left"
                )
            else:
                place, mark = self._marks.pop(0)
                self._report.add(
                    "rolled-back", f"{place} knows a log of {mark.size} entries, {size} are left"
                )
        if self._last < size:
            self._report.add(
                "unsigned", f"placed, but in no checkpoint: {amount(size - self._last, 'entry')}"
            )
        await self._compare_edges(size)
        state = await self._tx.row(
            "SELECT origin, size, compact_range, published FROM log_state WHERE id = 1"
        )
        if (state or size) and (
            state is None
            or (state.origin, state.size) != (self._verifier.name, size)
            or bytes(state.compact_range) != self.tree.encode()
            or state.published > size
        ):
            self._report.add("state-differs", "the log's state row is not that of its entries")

    async def _compare_edges(self, size: int) -> None:
        stored = {
            row.level: (row.number, bytes(row.content))
            for row in await self._tx.rows("SELECT level, number, content FROM log_edge")
            if row.content
        }
        expected = {level: edge for level, edge in self._edges.items() if edge[1]}
        for level in sorted({*stored, *expected}):
            if stored.get(level) != expected.get(level):
                self._report.add(
                    "tile-differs", f"the growing tile of level {level} is not that of its entries"
                )
        tiles_due = sum(full for _, full, _ in tiles.widths(size))
        if await self._tx.scalar("SELECT count(*) FROM log_tile") != tiles_due:
            self._report.add("tile-extra", f"the log needs {tiles_due} full tiles and has another number")
