"""Import a file of customers: read, validate and seal in chunks, write each in one transaction.

Memory is flat: at most a handful of chunks are under way, and what must be known of the whole file waits
in a scratch database. Each chunk commits with its entry, so an import that was interrupted is simply
repeated: what is there already is unchanged. Small files are worked here, large ones in worker processes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from sqlalchemy.exc import IntegrityError

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.customers.adding import add_customers, known_fingerprints
from notifier.customers.bulk import drop_scattered_indexes, restore_scattered_indexes
from notifier.customers.changing import change_customers
from notifier.customers.chunks import ChunkWork, NumberedRow, Worked, prepare_process, work_in_process
from notifier.customers.duplicates import Search, search_duplicates
from notifier.customers.faults import Problem
from notifier.customers.guardians import link_guardians
from notifier.customers.locking import only_import
from notifier.customers.normalise.rows import Rules
from notifier.customers.numbering import CHUNK, Numbering, chunks
from notifier.customers.reading import RawRow, Table
from notifier.customers.reading.midway import Reading
from notifier.customers.report import Report
from notifier.customers.scratch import Scratch
from notifier.customers.selectable import remembered
from notifier.errors import Conflict, StoreError
from notifier.keys import Keys
from notifier.store import Store

_BYTES_A_ROW = 150
_SMALL = 2_000_000
"""Bytes below which starting worker processes costs more than it saves."""


@dataclass(slots=True)
class Progress:
    """How far an import is, and what has become of the rows so far."""

    share: float = 0.0
    stage: str = "rows"
    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    progress: Progress
    report: Report
    duplicates: Search
    file: str
    """Keyed digest of the file, as the audit trail names it."""
    broken: int
    """The line at which the file could not be read any further; 0 where it was read to its end."""


def _nothing(_progress: Progress) -> None:
    """Show nothing."""


@dataclass(slots=True)
class _Chunk:
    """A chunk under way: its rows as they were read, and its work."""

    raw: list[RawRow]
    problems: dict[int, list[Problem]] = field(default_factory=dict)
    """By line; those found before the work, or in it."""
    work: asyncio.Future[Worked] | None = None
    share: float = 0.0


class CustomerImport:
    """One import. ``workers`` is the number of processes; 0 means as many as the file deserves."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        table: Table,
        rules: Rules,
        *,
        problems_file: Path | None = None,
        on_progress: Callable[[Progress], None] = _nothing,
        workers: int | None = None,
        actor: str = "system",
    ) -> None:
        self._store = store
        self._keys = keys
        self._table = table
        self._rules = rules
        self._show = on_progress
        self._workers = _worth(table.size) if workers is None else workers
        self._actor = actor
        self._report = Report(table.headers, problems_file)
        self._progress = Progress()
        self._file = keys.blind_index("file", table.digest).hex()
        self._numbering = Numbering(rules.columns)
        self._reading = Reading(table)

    async def run(self) -> Imported:
        """Import every row that can be used; returns what was done and what was wrong.

        Where the file breaks off in the middle, the rows before are in, and the import ends as any other.
        One at a time: ``Conflict`` while another import runs.
        """
        async with only_import(self._store):
            run_id = await self._start()
            try:
                await drop_scattered_indexes(self._store, self._table.size // _BYTES_A_ROW)
                with Scratch() as scratch:
                    await self._rows(scratch)
                    await self._guardians(scratch)
            finally:
                self._report.close()
            self._stage("indexes")
            await restore_scattered_indexes(self._store)
            self._stage("duplicates")
            async with self._store.begin() as tx:
                duplicates = await search_duplicates(tx)
            await self._finish(run_id)
        self._stage("done")
        return Imported(self._progress, self._report, duplicates, self._file, self._reading.broken)

    def _stage(self, stage: str) -> None:
        self._progress.stage = stage
        self._progress.share = 1.0
        self._show(self._progress)

    async def _start(self) -> int:
        mapping = remembered(self._rules.columns)
        async with self._store.begin() as tx:
            (row,) = await tx.write_returning(
                "INSERT INTO import_run "
                "(file_digest, mapping, started_at, rows, added, changed, unchanged, refused) "
                "VALUES (:file, :mapping, :now, 0, 0, 0, 0, 0) RETURNING id",
                {"file": self._file, "mapping": orjson.dumps(mapping).decode(), "now": tx.now_us()},
            )
            tx.record(Event(AuditAction.CUSTOMERS_IMPORT_STARTED, {"actor": self._actor, "file": self._file}))
        return int(row.id)

    async def _finish(self, run_id: int) -> None:
        done = self._progress
        counts = {
            "rows": done.rows,
            "added": done.added,
            "changed": done.changed,
            "unchanged": done.unchanged,
            "refused": done.refused,
        }
        async with self._store.begin() as tx:
            await tx.write(
                "UPDATE import_run SET finished_at = :now, rows = :rows, added = :added, changed = :changed, "
                "unchanged = :unchanged, refused = :refused WHERE id = :id",
                {"id": run_id, "now": tx.now_us(), **counts},
            )
            if self._reading.broken:
                counts["broken"] = self._reading.broken
            tx.record(
                Event(AuditAction.CUSTOMERS_IMPORTED, {"actor": self._actor, "file": self._file, **counts})
            )

    async def _rows(self, scratch: Scratch) -> None:
        """Keep the workers busy, and write their chunks in the order of the file."""
        under_way: deque[_Chunk] = deque()
        here = ChunkWork(self._keys, self._rules)
        pool = self._pool()
        try:
            for raw in chunks(self._reading.rows()):
                chunk = _Chunk(raw, share=self._table.progress())
                rows = await self._numbered(chunk, scratch)
                now = self._store.clock.now()
                chunk.work = _submit(pool, here, rows, int(now.timestamp() * 1_000_000))
                under_way.append(chunk)
                if len(under_way) > 2 * self._workers:
                    await self._write(under_way.popleft(), scratch)
            while under_way:
                await self._write(under_way.popleft(), scratch)
            if self._reading.broken:
                self._report.add([Problem(self._reading.broken, "", "file-broken")], [])
        except BrokenProcessPool:
            raise StoreError(
                "a worker process ended unexpectedly", advice="Check the machine's memory and import again."
            ) from None
        finally:
            if pool:
                pool.shutdown(wait=True, cancel_futures=True)

    def _pool(self) -> Executor | None:
        if not self._workers:
            return None
        return ProcessPoolExecutor(
            self._workers,
            # A fork would copy a process that has threads (the SQLite driver's): not safe.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=prepare_process,
            initargs=(self._keys, self._rules),
        )

    async def _numbered(self, chunk: _Chunk, scratch: Scratch) -> list[NumberedRow]:
        """Return the rows whose number can be used, with what is known of their customers."""
        usable = self._numbering.usable(chunk.raw, scratch, chunk.problems)
        async with self._store.read() as tx:
            known = await known_fingerprints(tx, [number for _, number, _ in usable])
        return [NumberedRow(line, number, cells, known.get(number)) for line, number, cells in usable]

    async def _write(self, chunk: _Chunk, scratch: Scratch) -> None:
        """Commit what became of a chunk, with one entry that holds counts only."""
        if chunk.work is None:
            raise RuntimeError("a chunk is written after its work")
        worked = await chunk.work
        scratch.link(worked.links)
        for problem in worked.problems:
            chunk.problems.setdefault(problem.line, []).append(problem)
        changed = same = 0
        if worked.new or worked.differing:
            try:
                async with self._store.begin() as tx:
                    await add_customers(tx, worked.new, "import")
                    changed, same = await change_customers(tx, self._keys, worked.differing)
                    facts = {
                        "added": len(worked.new),
                        "changed": changed,
                        "unchanged": worked.unchanged + same,
                    }
                    tx.record(
                        Event(
                            AuditAction.CUSTOMERS_IMPORT_CHUNK,
                            {"actor": self._actor, "file": self._file, **facts},
                        )
                    )
            except IntegrityError:
                raise Conflict(
                    "somebody added one of these customers at the same moment",
                    advice="Import the file again.",
                ) from None
        self._report_on(chunk)
        done = self._progress
        done.rows += len(chunk.raw)
        done.added += len(worked.new)
        done.changed += changed
        done.unchanged += worked.unchanged + same
        done.refused = self._report.refused
        done.share = chunk.share
        self._show(done)

    def _report_on(self, chunk: _Chunk) -> None:
        if not chunk.problems:
            return
        for row in chunk.raw:
            if problems := chunk.problems.get(row.line):
                self._report.add(problems, row.cells, row.original)

    async def _guardians(self, scratch: Scratch) -> None:
        """Link guardians; a row whose guardian nobody knows is reported with its original cells."""
        self._stage("guardians")
        header = next((c.header for c in self._rules.columns if c.field == "guardian_number"), "")
        for links in scratch.links(CHUNK):
            async with self._store.begin() as tx:
                linked, unknown = await link_guardians(tx, links)
                tx.record(
                    Event(
                        AuditAction.CUSTOMERS_IMPORT_CHUNK,
                        {"actor": self._actor, "file": self._file, "guardians": linked},
                    )
                )
            scratch.lose(unknown)
        lost = scratch.lost()
        wanted = next(lost, None)
        if wanted is None:
            return
        for row in Reading(self._table).rows():
            if row.line == wanted:
                self._report.add([Problem(row.line, header, "guardian-unknown")], row.cells)
                wanted = next(lost, None)
        while wanted is not None:
            # Their rows cannot be read a second time.
            self._report.add([Problem(wanted, header, "guardian-unknown")], [])
            wanted = next(lost, None)


def _submit(
    pool: Executor | None, here: ChunkWork, rows: list[NumberedRow], now_us: int
) -> asyncio.Future[Worked]:
    loop = asyncio.get_running_loop()
    if pool:
        return loop.run_in_executor(pool, work_in_process, rows, now_us)
    done: asyncio.Future[Worked] = loop.create_future()
    done.set_result(here.do(rows, now_us))
    return done


def _worth(size: int) -> int:
    """Return how many worker processes a file of ``size`` bytes deserves."""
    return 0 if size < _SMALL else min(8, os.cpu_count() or 1)
