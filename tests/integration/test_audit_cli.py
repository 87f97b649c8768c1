"""``notifier audit`` as an operator and an auditor use it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from incidents.app import app
from notifier.audit.entry import Event
from notifier.cli.audit import SEEN
from notifier.settings import load
from notifier.store import Store

runner = CliRunner()


@pytest.fixture(autouse=True)
def mask() -> Iterator[None]:
    """Keep the test process's own umask."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh installation."""
    home = tmp_path / "home"
    assert runner.invoke(app, ["--home", str(home), "init"]).exit_code == 0
    return home


def notifier(home: Path, *arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, ["--home", str(home), *arguments])
    return result.exit_code, result.output


def record(home: Path, *events: Event) -> None:
    settings = load(home)

    async def act() -> None:
        store = Store.open(settings.store_url, origin=settings.audit.origin)
        async with store.begin() as tx:
            tx.record(*events)
        await store.close()

    asyncio.run(act())


def test_a_trail_is_verified_after_its_waiting_entries_got_their_place(home: Path) -> None:
    """Verifying says verified, with size and root, and leaves the checkpoint it saw for next time."""
    record(home, *(Event("test:done", {"number": number}) for number in range(3)))
    code, text = notifier(home, "audit", "verify")
    assert code == 0, text
    assert "audit trail: verified" in text
    assert "size: 3" in text
    assert (home / "state" / "audit-seen").read_text() == notifier(home, "audit", "checkpoint")[1]


def test_damage_gives_exit_code_1_and_its_name(home: Path) -> None:
    """A changed entry is named, in words and as JSON."""
    record(home, Event("test:done"))
    assert notifier(home, "audit", "sequence")[0] == 0
    with closing(sqlite3.connect(home / "state" / "store.db")) as plain:
        plain.execute("DROP TRIGGER audit_event_no_update")
        plain.execute("UPDATE audit_event SET action = 'test:undone'")
        plain.commit()
    code, text = notifier(home, "audit", "verify")
    assert code == 1
    assert "not verified" in text
    assert "entry-differs" in text
    code, text = notifier(home, "--json", "audit", "verify")
    assert code == 1
    assert json.loads(text)["counts"] == {"entry-differs": 1, "guard-missing": 1}


def test_a_memory_that_cannot_be_written_is_told(home: Path) -> None:
    """The trail was verified, its checkpoint cannot be kept: refused, with what to do."""
    record(home, Event("test:done", {"number": 1}))
    (load(home).state_folder / f"{SEEN}.lock").mkdir()
    code, text = notifier(home, "audit", "verify")
    assert (code, "verifies, but" in text, "--memory" in text) == (1, True, True)


def test_a_lost_memory_is_a_finding_and_nothing_is_signed(home: Path) -> None:
    """Without its outside memory the log is neither continued nor called whole."""
    record(home, Event("test:done"))
    notifier(home, "audit", "sequence")
    (home / "state" / "high_water").unlink()
    record(home, Event("test:done"))
    code, text = notifier(home, "audit", "verify")
    assert code == 1
    assert "high-water-missing" in text
    assert "not-extended" in text
    code, text = notifier(home, "audit", "sequence")
    assert code == 1
    assert "Put back a copy" in text


def test_an_auditor_needs_the_public_key_alone(home: Path, tmp_path: Path) -> None:
    """With the vkey and a memory of their own an auditor verifies without our secrets."""
    record(home, Event("test:done"))
    notifier(home, "audit", "sequence")
    vkey = notifier(home, "audit", "key")[1].strip()
    (home / "keys" / "log.key").unlink()
    mine = tmp_path / "mine"
    assert notifier(home, "audit", "verify", "--key", vkey, "--memory", str(mine))[0] == 0
    assert mine.exists()
    code, text = notifier(home, "audit", "verify", "--key", "nonsense")
    assert code == 2
    assert "notifier audit key" in text


def test_entries_are_found_and_paged(home: Path) -> None:
    """Entries are listed by announcement and action, page by page, with their places."""
    record(
        home,
        *(Event("test:done", {"announcement": f"A{number % 2}", "number": number}) for number in range(6)),
    )
    assert "waits" in notifier(home, "audit", "entries")[1]
    notifier(home, "audit", "sequence")
    found = json.loads(notifier(home, "--json", "audit", "entries", "--announcement", "A1", "--most", "2")[1])
    assert [one["entry"]["data"]["announcement"] for one in found] == ["A1", "A1"]
    assert all(one["checkpoint"] == 6 for one in found)
    rest = json.loads(
        notifier(home, "--json", "audit", "entries", "--announcement", "A1", "--after", found[1]["id"])[1]
    )
    assert len(rest) == 1
    assert notifier(home, "audit", "entries", "--delivery", "nonsense")[0] == 2


def test_export_and_checkpoint_need_a_log(home: Path, tmp_path: Path) -> None:
    """Before the first entry there is nothing to export; afterwards the folder holds it."""
    assert notifier(home, "audit", "checkpoint")[0] == 1
    assert notifier(home, "audit", "export", "--to", str(tmp_path / "out"))[0] == 1
    assert notifier(home, "audit", "verify")[0] == 0
    record(home, Event("test:done"))
    notifier(home, "audit", "sequence")
    code, text = notifier(home, "audit", "export", "--to", str(tmp_path / "out"))
    assert code == 0, text
    assert (tmp_path / "out" / "checkpoint").exists()
    assert notifier(home, "audit", "export", "--to", str(tmp_path / "out"))[0] == 1
