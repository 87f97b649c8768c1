"""A record that names a customer, through the command line: found, refused, reworded or meant, and approved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from incidents.app import app
from notifier.audit.log_key import LogKey
from tests.desk import Desk

PEOPLE = (
    "Number,Name,E-Mail,Language\nC-1,Zoë Álvarez-Brandt,one@example.com,en\nC-2,Two Person,two@example.com,en\n"
    "C-3,मीरा शर्मा,three@example.com,hi\n"
)
RECORD = """
title: Mail read by a stranger
contact: {{name: Two Person, email: privacy@example.com}}
check_address: notices.example.com/check
texts:
  en:
    summary: Somebody read mail of our shop, and yours was part of it. Change your password first.
    what_happened: ["On one day the account of {who} was used to read mail."]
    consequences: {{"*": [Somebody may write to you in our name.]}}
    advice: {{"*": [Change your password.]}}
"""


@pytest.fixture
def desk(sqlite_template: Path, tmp_path: Path) -> Desk:
    """A desk with three customers, one of whom the incident does not concern, and a draft that names her."""
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True)
    shutil.copy(sqlite_template, home / "state" / "store.db")
    LogKey.generate("notices.example.com/audit").save(home / "keys")
    made = Desk(home, f"sqlite+aiosqlite:///{home}/state/store.db")
    made.ask("customers", "import", made.file("people.csv", PEOPLE), "--yes")
    return made


def _drafted(desk: Desk, who: str) -> str:
    code = desk.acts("incidents", "declare", desk.file("record.yaml", RECORD.format(who=who)))["code"]
    by_list = desk.file("list.csv", "Number\nC-2\n")
    desk.acts(
        "incidents",
        "affect",
        code,
        "--list",
        by_list,
        "--basis",
        "log",
        "--exposed",
        "messages",
        "--as-given",
    )
    desk.acts("incidents", "freeze", code)
    desk.acts("incidents", "announce", code, "--audience", f"{code}/1")
    return str(code)


def _says(desk: Desk, *words: str) -> Result:
    return CliRunner().invoke(
        app,
        ["--home", str(desk.home), *words, "--operator", "alice"],
        input=desk.alice.lines() + "1\n",
        env={"NOTIFIER_STORE__URL": desk.url, "COLUMNS": "400"},
    )


def _preflight(desk: Desk, code: str) -> Result:
    return _says(desk, "announcements", "preflight", f"{code}/1/A1")


@pytest.mark.parametrize(
    ("who", "number"), [("Zoë Álvarez", "C-1"), ("ALVAREZ-BRANDT, ZOE", "C-1"), ("मीरा शर्मा", "C-3")]
)
def test_a_customers_name_in_the_record_stops_it(desk: Desk, who: str, number: str) -> None:
    """Exit code 1, place and number but no name, no approval, and no notice that could be approved."""
    code = _drafted(desk, who)
    refused = _preflight(desk, code)
    assert refused.exit_code == 1, refused.output
    assert f"en what_happened 1 (customer {number})" in refused.stderr
    assert "names_meant" in refused.stderr
    assert who.casefold() not in refused.output.casefold()
    approval = _says(desk, "announcements", "approve", f"{code}/1/A1")
    assert (approval.exit_code, "is in state draft" in approval.stderr) == (1, True), approval.output


@pytest.mark.parametrize(
    "record",
    [RECORD.format(who="one customer"), RECORD.format(who="Zoë Álvarez") + "names_meant: Zoë Álvarez\n"],
)
def test_reworded_or_meant_it_goes(desk: Desk, record: str) -> None:
    """After a revision of the record the same announcement passes; the revision says who meant it."""
    code = _drafted(desk, "Zoë Álvarez")
    assert _preflight(desk, code).exit_code == 1
    desk.acts("incidents", "revise", code, desk.file("record.yaml", record), "--reason", "looked at")
    facts = _says(desk, "incidents", "facts", code, "--announcement", f"{code}/1/A1")
    assert facts.exit_code == 0, facts.output
    done = _preflight(desk, code)
    assert done.exit_code == 0, done.output
    shown = desk.ask("announcements", "show", f"{code}/1/A1")
    assert shown["state"] == "preflighted"
    assert shown["names_meant"] == json.loads(facts.stdout)["names_meant"]


def test_the_contact_may_be_a_customer(desk: Desk) -> None:
    """Whoever answers questions is named on purpose, even where they are a customer themselves."""
    assert _preflight(desk, _drafted(desk, "Two Person")).exit_code == 0
