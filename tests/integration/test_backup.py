"""Copying the store while it is written to."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
from pathlib import Path

import orjson
import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from incidents.app import app
from notifier import backup
from notifier.audit.entry import Event
from notifier.errors import Conflict, NotifierError, Refused
from notifier.keys import Keys
from notifier.store import Store
from tests import world

ADD = "INSERT INTO account (number, name, country) VALUES (:number, 'A', '')"


async def test_a_copy_is_whole_and_on_record(store: Store, keys: Keys, tmp_path: Path) -> None:
    """The file is for its owner alone, and the trail names its digest and size."""
    if store.dialect == "postgresql" and not shutil.which("pg_dump") and not os.environ.get("CI"):
        pytest.skip("no pg_dump: install postgresql-client")
    await world.released(store, keys, 20)
    made = await backup.back_up(store, tmp_path / "copy")
    content = (tmp_path / "copy").read_bytes()
    assert (made.size, made.digest) == (len(content), hashlib.sha256(content).hexdigest())
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.partial"))
    async with store.read() as tx:
        entry = await tx.scalar("SELECT entry FROM audit_event WHERE action = 'store:backed-up'")
    assert orjson.loads(entry)["data"]["sha256"] == made.digest


async def test_writers_are_not_held_up_and_the_copy_is_one_moment(sqlite_url: str, tmp_path: Path) -> None:
    """Change and audit entry are in the copy together or not at all, however many commits pass by."""
    store = Store.open(sqlite_url, origin="x")
    done = asyncio.Event()

    async def write() -> int:
        count = 0
        while not done.is_set():
            async with store.begin() as tx:
                await tx.write(ADD, {"number": str(count)})
                tx.record(Event("account:added", {"number": count}))
            count += 1
        return count

    writing = asyncio.create_task(write())
    for number in range(5):
        await backup.back_up(store, tmp_path / f"copy{number}")
    done.set()
    assert await writing > 0
    await store.close()
    for number in range(5):
        engine = create_engine(f"sqlite:///{tmp_path / f'copy{number}'}")
        with engine.connect() as copy:
            accounts, entries = copy.execute(
                text(
                    "SELECT (SELECT count(*) FROM account), "
                    "(SELECT count(*) FROM audit_event WHERE action = 'account:added')"
                )
            ).one()
        engine.dispose()
        assert accounts == entries


async def test_nothing_is_overwritten(store: Store, tmp_path: Path) -> None:
    """An existing file, and another backup that is still running, are left as they are."""
    for name in ("copy", "copy.partial"):
        (tmp_path / name).write_text("precious")
        with pytest.raises(Conflict):
            await backup.back_up(store, tmp_path / "copy")
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()


async def test_a_file_that_appears_meanwhile_is_left_alone(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's file under that name stays, and no copy lies beside it."""
    store = Store.open(sqlite_url, origin="x")
    copied = backup._copy_sqlite
    monkeypatch.setattr(
        backup, "_copy_sqlite", lambda *given: (copied(*given), (tmp_path / "copy").write_text("theirs"))
    )
    with pytest.raises(Conflict):
        await backup.back_up(store, tmp_path / "copy")
    await store.close()
    assert [(path.name, path.read_text()) for path in tmp_path.glob("copy*")] == [("copy", "theirs")]


async def test_a_copy_that_cannot_be_made_leaves_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """Neither a file nor an entry; the message says what to do."""
    store = Store.open(sqlite_url, origin="x")
    with pytest.raises(Refused, match="cannot be written"):
        await backup.back_up(store, tmp_path / "nowhere" / "copy")
    await store.close()
    lost = Store.open(f"sqlite+aiosqlite:///{tmp_path}/no/such/store.db", origin="x")
    with pytest.raises(NotifierError) as caught:
        await backup.back_up(lost, tmp_path / "copy")
    await lost.close()
    assert caught.value.advice()
    assert not list(tmp_path.glob("copy*"))


async def test_postgresql_without_its_tool_is_refused(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which tool is missing."""
    store = Store.open(postgres_url, origin="x")
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(Refused, match="pg_dump is not installed"):
        await backup.back_up(store, tmp_path / "copy")
    await store.close()
    assert not list(tmp_path.glob("copy*"))


def test_the_command_warns_of_what_is_inside(tmp_path: Path) -> None:
    """Whoever makes a copy reads that it holds the subject keys."""
    runner = CliRunner()
    runner.invoke(app, ["--home", str(tmp_path / "home"), "init"])
    arguments = ["--home", str(tmp_path / "home"), "backup", "--to", str(tmp_path / "copy")]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0
    assert "it holds every person's key" in done.output
    assert runner.invoke(app, arguments).exit_code == 1
