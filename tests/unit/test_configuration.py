"""The configuration as text for people."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr

from notifier.configuration import commented, effective, tables, toml
from notifier.settings import RelaySettings, Settings, load


def test_every_setting_has_a_meaning() -> None:
    """A setting without a sentence would be a blank line in the file and in the reference."""
    assert [item for table in tables() for item in table.items if not item.meaning] == []


def test_the_commented_file_sets_nothing(tmp_path: Path) -> None:
    """As written, the file leaves every default in force."""
    (tmp_path / "notifier.toml").write_text(commented({}))
    assert load(tmp_path) == Settings(home=tmp_path)


def test_the_defaults_it_shows_are_the_defaults(tmp_path: Path) -> None:
    """With all comments taken off that show a default, it still says the same."""
    text = commented({}).split("# [[email.relays]]")[0]
    shown = re.sub(r"(?m)^# (\w+ = .+)$", r"\1", text)
    assert "\nbrand = " in shown
    (tmp_path / "notifier.toml").write_text(shown)
    assert load(tmp_path).email == Settings().email


def test_values_are_set_in_their_tables() -> None:
    """What is given is set, under its own table, whatever characters it has."""
    odd = 'Bär & "Söhne" \\ \x7f 🎉'
    written = tomllib.loads(commented({"organisation.brand": odd, "drill": True}))
    assert written["organisation"] == {"brand": odd}
    assert written["drill"] is True


def test_secrets_are_masked() -> None:
    """Neither a relay's password nor the one in the database's URL is shown."""
    relay = RelaySettings(name="r", host="mail.example.com", password=SecretStr("hunter2"))
    settings = Settings.model_validate(
        {"email": {"relays": [relay]}, "store": {"url": "postgresql+psycopg://u:hunter2@db/x"}}
    )
    shown = {f"{item.table}.{item.name}": value for item, value in effective(settings)}
    assert shown["email.relays[0].password"] == "(set)"
    assert "hunter2" not in " ".join(shown.values())


def test_toml_writes_what_toml_reads() -> None:
    """Every kind of value a setting has comes back as it was."""
    for value in (True, 3, 0.5, "x\ny", ["a", 1], {"*": 2.5, "a b": 1}, {}):
        assert tomllib.loads(f"v = {toml(value)}")["v"] == value


def test_the_home_that_is_named_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home given on the command line is not replaced by the one in the environment."""
    monkeypatch.setenv("NOTIFIER_HOME", "/somewhere/else")
    assert load(tmp_path).keys_folder == tmp_path / "keys"
