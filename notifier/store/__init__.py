"""The store: one database, on SQLite or PostgreSQL, and the transactions every change goes through.

A change is made with ``Transaction.write`` and put on record with ``Transaction.record``. A transaction
that wrote but recorded nothing does not commit: ``UnrecordedChange``. What is lost with the store: all
but the published checkpoints. What a rolled-back store is caught by: ``high_water``, kept outside it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import psycopg
from sqlalchemy import Row, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from notifier.audit.entry import Event, encode, new_event_id
from notifier.clock import Clock, SystemClock, to_instant
from notifier.errors import BadSettings, StoreError, UnrecordedChange
from notifier.keys import Keys

Dialect = Literal["sqlite", "postgresql"]

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA recursive_triggers=ON",  # INSERT OR REPLACE then fires the DELETE guards.
    "PRAGMA busy_timeout=15000",
    "PRAGMA temp_store=FILE",
    "PRAGMA cache_size=-16384",
)


def _no_keys() -> Keys:
    raise BadSettings("this store was opened without the installation's keys")


class Store:
    """The database. Make one with ``Store.open`` and close it with ``close``."""

    def __init__(
        self, engine: AsyncEngine, *, clock: Clock, origin: str, load_keys: Callable[[], Keys]
    ) -> None:
        self.engine = engine
        self._load_keys = load_keys
        self.clock = clock
        self.origin = origin
        self.dialect: Dialect = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
        # SQLite has one writer: waiting here in turn is cheaper and fairer than its busy handler.
        self._turn = asyncio.Lock() if self.dialect == "sqlite" else None

    @cached_property
    def keys(self) -> Keys:
        """The keys that commitments in the audit trail are made with; read when the first is made."""
        return self._load_keys()

    @cached_property
    def has_keys(self) -> bool:
        """Whether they can be read: somebody who only verifies need not have them."""
        try:
            return bool(self.keys)
        except BadSettings:
            return False

    @classmethod
    def open(
        cls,
        url: str,
        *,
        origin: str,
        clock: Clock | None = None,
        load_keys: Callable[[], Keys] = _no_keys,
    ) -> Store:
        """Open the store at a SQLAlchemy ``url`` (``sqlite+aiosqlite:///…`` or ``postgresql+psycopg://…``).

        ``origin`` names the audit log its entries belong to. ``load_keys`` returns the installation's keys;
        without it no commitment can be made or compared. Nothing is read or created yet.
        """
        engine = create_async_engine(url, pool_pre_ping=not url.startswith("sqlite"))
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        return cls(engine, clock=clock or SystemClock(), origin=origin, load_keys=load_keys)

    async def close(self) -> None:
        """Give back all connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction that may write. It commits with its audit entries when the block ends well,
        and leaves nothing behind when the block raises. On SQLite it takes the write lock at once.
        """
        async with self._turn or nullcontext(), self.engine.connect() as connection:
            await connection.execution_options(notifier_write=True)
            async with connection.begin():
                transaction = Transaction(self, connection)
                yield transaction
                await transaction._seal()  # noqa: SLF001 - the two are one mechanism

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a transaction that only reads, on one consistent view of the store."""
        async with self.engine.connect() as connection:
            if self.dialect == "postgresql":
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            async with connection.begin():
                yield Transaction(self, connection, read_only=True)


class Transaction:
    """One transaction of the store.

    ``row``, ``rows``, ``scalar`` and ``stream`` read; ``write`` and ``insert_many`` change and oblige to
    ``record``; ``housekeep`` changes what is no fact about anybody (leases, rate limits, job rows).
    """

    def __init__(self, store: Store, connection: AsyncConnection, *, read_only: bool = False) -> None:
        self.connection = connection
        self.dialect: Dialect = store.dialect
        self.clock = store.clock
        self.origin = store.origin
        self._store = store
        self._read_only = read_only
        self._wrote = False
        self._events: list[tuple[str, Event, datetime, int]] = []

    def now_us(self) -> int:
        """Return the present instant of the injected clock, in microseconds since the epoch."""
        return to_instant(self.clock.now())

    async def db_now_us(self) -> int:
        """Return the present instant on the clock that all workers share: the database server's.

        A SQLite file is used on one machine only, so there it is the injected clock's.
        """
        if self.dialect == "sqlite":
            return self.now_us()
        return int(await self.scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))

    async def rows(self, sql: str, **params: Any) -> Sequence[Row[Any]]:
        """Run a query and return all its rows. For a result that grows with the audience use ``stream``."""
        return (await self.connection.execute(text(sql), params)).all()

    async def row(self, sql: str, **params: Any) -> Row[Any] | None:
        """Run a query and return its first row, if there is one."""
        return (await self.connection.execute(text(sql), params)).first()

    async def scalar(self, sql: str, **params: Any) -> Any:
        """Run a query and return the first column of its first row, or ``None``."""
        return (await self.connection.execute(text(sql), params)).scalar()

    async def stream(
        self, sql: str, *, chunk: int = 1000, **params: Any
    ) -> AsyncIterator[Sequence[Row[Any]]]:
        """Run a query and yield its rows in lists of at most ``chunk``, in flat memory."""
        result = await self.connection.stream(text(sql), params, execution_options={"yield_per": chunk})
        async for part in result.partitions(chunk):
            yield part

    async def write(
        self, sql: str, params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> int:
        """Change something and return the number of rows; if any, the transaction must ``record`` it."""
        self._refuse_if_reading()
        changed = (await self.connection.execute(text(sql), params)).rowcount
        self._wrote = self._wrote or changed != 0
        return changed

    async def write_returning(self, sql: str, params: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Change something and return what the statement's RETURNING yields; if any, ``record`` it."""
        self._refuse_if_reading()
        rows = (await self.connection.execute(text(sql), params)).all()
        self._wrote = self._wrote or bool(rows)
        return rows

    async def insert_many(self, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]]) -> None:
        """Insert plain tuples in bulk (COPY on PostgreSQL); the transaction must also ``record`` it."""
        self._refuse_if_reading()
        self._wrote = True
        await self._insert_many(table, columns, records)

    async def housekeep(self, sql: str, params: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Change what is no fact about an incident, a person or an act; returns RETURNING's rows."""
        result = await self.connection.execute(text(sql), params)
        return result.all() if result.returns_rows else []

    async def make_temporary(
        self, table: str, *, key: str = "", **columns: Literal["bigint", "text", "boolean", "blob"]
    ) -> None:
        """Make an empty table for this transaction alone, in the place of one that an earlier one left.

        ``key`` names the columns of its primary key, with commas between them.
        """
        postgres = self.dialect == "postgresql"
        lines = [
            f"{name} {'bytea' if postgres and kind == 'blob' else kind}" for name, kind in columns.items()
        ]
        if key:
            lines.append(f"PRIMARY KEY ({key})")
        gone = " ON COMMIT DROP" if postgres else ""
        await self.housekeep(f"DROP TABLE IF EXISTS {table}")
        await self.housekeep(f"CREATE TEMP TABLE {table} ({', '.join(lines)}){gone}")

    async def housekeep_many(
        self, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]]
    ) -> None:
        """Insert plain tuples in bulk that are no fact about anybody, such as places in the log."""
        await self._insert_many(table, columns, records)

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """Find out what something would do: whatever the block changes and records is undone at its end."""
        events, wrote = len(self._events), self._wrote
        savepoint = await self.connection.begin_nested()
        try:
            yield
        finally:
            await savepoint.rollback()
            del self._events[events:]
            self._wrote = wrote

    def record(self, *events: Event) -> list[str]:
        """Put facts on the audit trail with this transaction; returns their event ids."""
        if self._read_only:
            raise StoreError("a transaction that only reads records nothing")
        now = self.clock.now()
        instant = to_instant(now)
        made = [(new_event_id(instant), fact, now, instant) for fact in events]
        self._events += made
        return [one[0] for one in made]

    def committing(self, kind: str) -> hmac.HMAC:
        """Begin a commitment to what is given to it bit by bit; its ``hexdigest`` goes into a fact."""
        return self._store.keys.committing(kind)

    def commitment(self, kind: str, words: str) -> str:
        """Return what the trail holds of words that may name somebody, or that could be guessed.

        The same words have the same commitment; without the index key nobody can tell which they are.
        """
        made = self.committing(kind)
        made.update(words.encode())
        return made.hexdigest()

    @property
    def has_keys(self) -> bool:
        """Whether commitments can be made, and so compared."""
        return self._store.has_keys

    def is_committed(self, kind: str, words: str, said: object) -> bool:
        """Say whether ``said`` is the commitment to ``words``; without keys nobody can say that it is not."""
        return not self.has_keys or self.commitment(kind, words) == said

    def recordset(self, param: str, alias: str, **columns: Literal["bigint", "text"]) -> str:
        """Return a FROM item that reads the JSON array of objects bound to ``param`` as rows.

        The same statement then serves both databases: ``UPDATE t SET … FROM {recordset} WHERE …``.
        """
        if self.dialect == "postgresql":
            fields = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            return f"json_to_recordset(CAST(:{param} AS json)) AS {alias}({fields})"
        fields = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns)
        return f"(SELECT {fields} FROM json_each(:{param})) AS {alias}"

    def _refuse_if_reading(self) -> None:
        if self._read_only:
            raise StoreError("a transaction that only reads changes nothing")

    async def _insert_many(
        self, table: str, columns: Sequence[str], records: Iterable[Sequence[Any]]
    ) -> None:
        names = ", ".join(columns)
        if self.dialect == "sqlite":
            marks = ", ".join("?" * len(columns))
            batch = list(records)
            if batch:
                await self.connection.exec_driver_sql(
                    f"INSERT INTO {table} ({names}) VALUES ({marks})",
                    [row if type(row) is tuple else tuple(row) for row in batch],
                )
            return
        raw = await self.connection.get_raw_connection()
        driver = raw.driver_connection
        if driver is None:
            raise StoreError
        try:
            async with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for record in records:
                    await copy.write_row(record)
        except psycopg.Error as error:
            # Everybody who waits for a database to come back knows it by SQLAlchemy's errors.
            raise DBAPIError.instance(
                f"COPY {table}", None, error, psycopg.Error, dialect=self.connection.dialect
            ) from error

    async def _seal(self) -> None:
        """Write the recorded entries, just before the commit."""
        if self._wrote and not self._events:
            raise UnrecordedChange
        if not self._events:
            return
        origin = self.origin
        encoded = [
            (event_id, fact.action, instant, encode(fact, event_id=event_id, origin=origin, at=at))
            for event_id, fact, at, instant in self._events
        ]
        await self._insert_many("audit_event", ("id", "action", "at", "entry"), encoded)
        await self._insert_many("audit_pending", ("event_id",), [(row[0],) for row in encoded])


def _prepare_sqlite(engine: AsyncEngine) -> None:
    """Let us, not the driver, begin transactions, and set what a durable store needs."""

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _SQLITE_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        # A deferred BEGIN that turns into a writer is refused at once instead of waiting its turn.
        immediate = connection.get_execution_options().get("notifier_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
