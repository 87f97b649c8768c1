"""Making an installation and keeping it current, through the command line."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from incidents.app import app
from notifier.audit.log_key import LogKey
from notifier.keys import Keys
from notifier.settings import load

runner = CliRunner()


@pytest.fixture(autouse=True)
def mask() -> Iterator[None]:
    """Run with the mask that the program sets itself when it starts."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def _notifier(home: Path, *arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, ["--home", str(home), *arguments])
    return result.exit_code, result.output


def test_init_makes_a_whole_home_for_its_owner_alone(tmp_path: Path) -> None:
    """Configuration, keys and store are there, and nobody else can read them."""
    home = tmp_path / "home"
    code, said = _notifier(home, "init", "--brand", "Acme", "--domain", "acme.example")
    assert code == 0
    settings = load(home)
    assert LogKey.load(settings.keys_folder, "notices.acme.example/audit").vkey in said
    assert len(Keys.load(settings.keys_folder).master) == 32
    assert (settings.state_folder / "store.db").exists()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [home, *home.rglob("*")]}
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    """A second init is refused and leaves every byte as it was."""
    _notifier(tmp_path, "init")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, said = _notifier(tmp_path, "init")
    assert code == 1
    assert "already holds notifier.toml" in said
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--domain", "https://acme.example"], 2),
        (["--store-url", "mysql://u@db/x"], 2),
        (["--store-url", "postgresql+psycopg://u:p@127.0.0.1:1/x?connect_timeout=2"], 1),
    ],
)
def test_a_failed_init_leaves_nothing_behind(tmp_path: Path, arguments: list[str], code: int) -> None:
    """Whatever goes wrong on the way, the folder is as it was."""
    assert _notifier(tmp_path / "a" / "b", "init", *arguments)[0] == code
    assert list(tmp_path.iterdir()) == []


def test_init_refuses_a_database_that_holds_a_store(tmp_path: Path, postgres_url: str) -> None:
    """New keys for old data would make the data unreadable."""
    code, said = _notifier(tmp_path, "init", "--store-url", postgres_url)
    assert code == 1
    assert "already holds a store" in said
    assert list(tmp_path.iterdir()) == []


def test_a_drill_installation_has_a_log_of_its_own(tmp_path: Path) -> None:
    """Its origin differs, so nothing it proves passes for the real log."""
    assert _notifier(tmp_path, "init", "--drill", "--domain", "acme.example")[0] == 0
    settings = load(tmp_path)
    assert settings.drill
    assert settings.audit.origin == "drill.acme.example/audit"


def test_upgrade_needs_a_store_and_may_be_repeated(tmp_path: Path) -> None:
    """Without a store it says what to do; with a current one it changes nothing."""
    code, said = _notifier(tmp_path, "upgrade")
    assert code == 1
    assert "notifier init" in said
    assert list(tmp_path.iterdir()) == []
    _notifier(tmp_path, "init")
    assert _notifier(tmp_path, "upgrade") == (0, "The tables are current.\n")


def test_upgrade_does_not_pull_the_tables_from_under_a_worker(tmp_path: Path) -> None:
    """While one sends, it is refused and says so."""
    _notifier(tmp_path, "init")
    with (tmp_path / "state" / "worker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = _notifier(tmp_path, "upgrade")
    assert code == 1
    assert "another worker" in said


def test_settings_say_where_each_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment goes before the file, the file before the default."""
    _notifier(tmp_path, "init", "--brand", "Acme")
    monkeypatch.setitem(os.environ, "NOTIFIER_WEB__PORT", "9001")
    rows = json.loads(_notifier(tmp_path, "--json", "settings")[1])
    found = {row["setting"]: (row["value"], row["from"]) for row in rows}
    assert found["organisation.brand"] == ('"Acme"', "file")
    assert found["web.port"] == ("9001", "environment")
    assert found["web.host"] == ('"127.0.0.1"', "default")
