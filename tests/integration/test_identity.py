"""Who acts, through the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pyotp
import pytest
from typer.testing import CliRunner

from incidents.app import app as notifier
from notifier.cli import Application
from notifier.cli.identity import identify, open_session
from notifier.errors import BadInput, NotPermitted
from notifier.keys import Keys
from notifier.operators import retire
from notifier.settings import Settings
from notifier.store import Store
from notifier.testing import FakeClock
from tests.operators import Enrolled, enrolled


@pytest.fixture
def application(store: Store, keys: Keys, clock: FakeClock, tmp_path: Path) -> Application:
    """An application around the test's store."""

    async def open_store() -> Store:
        return store

    return Application(Settings(home=tmp_path), open_store, lambda: keys, clock)


def _types(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(text))


async def test_a_session_spares_the_next_proof_for_fifteen_minutes(
    application: Application, store: Store, keys: Keys, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one proof no question is asked until the time is over; a fresh one is always asked for."""
    alice = await enrolled(store, keys, "alice")
    _types(monkeypatch, alice.lines())
    assert await identify(application, store, "alice") == "alice"
    _types(monkeypatch, "")
    assert await identify(application, store, "alice") == "alice"
    with pytest.raises(BadInput, match="standard input ended"):
        await identify(application, store, "alice", fresh=True)
    clock.advance(minutes=15)
    with pytest.raises(BadInput):
        await identify(application, store, "alice")


async def test_a_session_file_is_private_and_signed(
    application: Application, store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others cannot read it; one that was copied to another handle, altered or opened up counts for nothing."""
    await enrolled(store, keys, "alice")
    await enrolled(store, keys, "bob", voucher="alice")
    await open_session(application, store, "alice")
    path = application.settings.state_folder / "sessions" / "alice"
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    (path.parent / "bob").write_bytes(whole)
    (path.parent / "bob").chmod(0o600)
    _types(monkeypatch, "")
    with pytest.raises(BadInput):
        await identify(application, store, "bob")
    path.write_bytes(b"A" + whole[1:])
    with pytest.raises(BadInput):
        await identify(application, store, "alice")
    path.write_bytes(whole)
    path.chmod(0o644)
    with pytest.raises(BadInput):
        await identify(application, store, "alice")


async def test_a_retired_operators_session_ends_at_once(
    application: Application, store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retirement does not wait for the session to run out."""
    alice = await enrolled(store, keys, "alice")
    await enrolled(store, keys, "bob", voucher="alice")
    await open_session(application, store, "alice")
    await retire(store, "alice", actor="bob")
    _types(monkeypatch, alice.lines())
    with pytest.raises(NotPermitted):
        await identify(application, store, "alice")


@pytest.mark.parametrize("handle", ["", "../../etc/passwd", "Alice", "a b"])
async def test_a_handle_that_cannot_be_one_is_bad_input(
    application: Application, store: Store, handle: str
) -> None:
    """It is refused before it becomes a file name."""
    with pytest.raises(BadInput, match="handle"):
        await identify(application, store, handle)


@pytest.fixture
def home(sqlite_url: str, tmp_path: Path) -> Path:
    """A folder with keys, whose configuration names a migrated store."""
    Keys.generate().save(tmp_path / "keys")
    (tmp_path / "notifier.toml").write_text(f'[store]\nurl = "{sqlite_url}"\n')
    return tmp_path


def _first_operator(home: Path, monkeypatch: pytest.MonkeyPatch) -> Enrolled:
    """Enrol through the command, typing a code of the secret that it has just shown."""
    from notifier.clock import SystemClock

    person = Enrolled("alice", SystemClock())
    monkeypatch.setattr("notifier.cli.operators.new_secret", lambda: person.secret)
    result = CliRunner().invoke(
        notifier,
        ["--home", str(home), "operators", "add", "alice", "--email", "alice@example.com"],
        input=person.lines(steps=-1),
    )
    assert result.exit_code == 0, result.output
    assert re.search(rf"otpauth://totp/\S+secret={person.secret}", result.output)
    return person


def test_operators_are_added_listed_and_logged_in_by_command(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """add, login, list, logout; a wrong code leaves with exit code 1 and one clear sentence."""
    alice = _first_operator(home, monkeypatch)
    runner, where = CliRunner(), ["--home", str(home), "operators"]
    assert runner.invoke(notifier, [*where, "login", "alice"], input=alice.lines()).exit_code == 0
    listed = runner.invoke(notifier, ["--home", str(home), "--json", "operators", "list"])
    assert '"handle": "alice"' in listed.output
    wrong = runner.invoke(notifier, [*where, "login", "alice"], input=f"{alice.password}\n000000\n")
    assert wrong.exit_code == 1
    assert "handle, password or code is wrong" in wrong.output
    assert "is closed" in runner.invoke(notifier, [*where, "logout", "alice"]).output


def test_the_second_operator_needs_the_first_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a voucher the command asks for no password and refuses."""
    alice = _first_operator(home, monkeypatch)
    add = ["--home", str(home), "operators", "add", "bob", "--email", "bob@example.com"]
    assert CliRunner().invoke(notifier, add).exit_code == 1
    secret = pyotp.random_base32()
    monkeypatch.setattr("notifier.cli.operators.new_secret", lambda: secret)
    lines = alice.lines() + "another long password\n" + pyotp.TOTP(secret).now() + "\n"
    result = CliRunner().invoke(notifier, [*add, "--operator", "alice"], input=lines)
    assert result.exit_code == 0, result.output
