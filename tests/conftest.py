"""Fixtures shared by all tests: a store on either database, keys, a clock that stands still."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text

from incidents.migrations import upgrade
from notifier.keys import Keys
from notifier.store import Store
from notifier.testing import FakeClock
from tests import postgres

ORIGIN = "notify.example.com/audit"

# No test asserts a time, an example's neither: the machine may be busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


async def _migrate(url: str) -> None:
    store = Store.open(url, origin=ORIGIN)
    await upgrade(store.engine)
    await store.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "store.db"
    asyncio.run(_migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A running PostgreSQL with a migrated database named ``template``; skipped where there is none."""
    try:
        with postgres.server() as url:
            name = f"template_{uuid.uuid4().hex[:8]}"
            _administer(url, f"CREATE DATABASE {name}")
            asyncio.run(_migrate(_database(url, name)))
            yield f"{url}#{name}"
            _administer(url, f"DROP DATABASE {name}")
    except LookupError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


def _database(url: str, name: str) -> str:
    return (
        url.replace("/postgres?", f"/{name}?") if "/postgres?" in url else f"{url.rsplit('/', 1)[0]}/{name}"
    )


def _administer(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of an empty migrated SQLite store."""
    shutil.copy(sqlite_template, tmp_path / "store.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty migrated PostgreSQL store, dropped afterwards."""
    url, template = postgres_server.split("#")
    name = f"t_{uuid.uuid4().hex[:12]}"
    _administer(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(url, name)
    _administer(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty migrated store, once on each database."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
def clock() -> FakeClock:
    """A clock that moves only when told."""
    return FakeClock()


@pytest.fixture
async def store(store_url: str, clock: FakeClock, keys: Keys) -> AsyncIterator[Store]:
    """An empty store, once on each database."""
    opened = Store.open(store_url, origin=ORIGIN, clock=clock, load_keys=lambda: keys)
    yield opened
    await opened.close()


@pytest.fixture
def keys() -> Keys:
    """A fresh set of keys."""
    return Keys.generate()
