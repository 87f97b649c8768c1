"""A whole incident through the command line, on both databases: from a list of people to a draft."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from incidents import examples
from tests.affected import add, person
from tests.desk import Desk

PEOPLE = [
    person("C-1", "one@example.com", country="DE", locale="de", data_held=("email", "name")),
    person("C-2", "two@example.com", country="FR", locale="fr"),
    person("C-3", country="FR"),
]
OWNER = person("C-9", "owner@a.example", account=("A", "Alpha", "owner"))


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """A desk with three customers."""
    made = Desk(tmp_path / "home", store_url)

    async def fill() -> None:
        async with made.store() as store:
            await add(store, made.keys, PEOPLE)

    asyncio.run(fill())
    return made


def _declare(desk: Desk) -> str:
    record = desk.file("r.yaml", examples.text("credential-stuffing"))
    return desk.acts("incidents", "declare", record)["code"]


def test_an_incident_from_declaration_to_draft(desk: Desk) -> None:
    """Affect, exclude, compromise, look, freeze, announce; then a top-up."""
    code = _declare(desk)
    done = desk.acts(
        "incidents", "affect", code, "--where", "everybody", "--exposed", "email,name", "--basis", "log"
    )
    assert (done["added"], done["people"]) == (3, 3)
    assert desk.acts("incidents", "exclude", code, "--number", "C-2", "--because", "told by phone") == {
        "excluded": 1,
        "moved": [],
        "without_contact": [],
    }
    shown = desk.ask("incidents", "affected", code)
    assert shown["counts"]["data"] == {"email, name": 3}
    assert "one@example.com" not in json.dumps(shown)
    frozen = desk.acts("incidents", "freeze", code)
    assert frozen["counts"]["state"] == {"due": 1, "excluded": 1, "needs-channel": 1}
    said, exit_code = desk.say("incidents", "freeze", code, "--operator", "alice")[::-1]
    assert (exit_code, "nobody new" in said) == (1, True)
    made = desk.acts(
        "incidents",
        "announce",
        code,
        "--audience",
        frozen["code"],
        "--canary",
        "1",
        "--window",
        "08:00-21:00",
    )
    assert made["announcement"].startswith(frozen["code"])
    assert desk.ask("incidents", "show", code)["state"] == "notifying"
    typed = ("--person", "Lea,lea@example.com,de,email", "--person", "Kim,kim@example.com,hi")
    assert desk.acts("incidents", "affect", code, *typed, "--basis", "they called")["added"] == 2
    assert desk.acts("incidents", "freeze", code)["kind"] == "top-up"
    assert [one["people"] for one in desk.ask("incidents", "audiences", code)] == [3, 2]
    for command in (
        ("audiences", code),
        ("show", code),
        ("affected", code),
        ("history", code),
        ("list",),
        ("examples",),
    ):
        exit_code, said = desk.say("incidents", *command)
        assert exit_code == 0
        assert said.strip()


def test_an_unreleased_announcement_follows_the_record(desk: Desk) -> None:
    """`facts --announcement` brings the draft up to the newest revision."""
    code = _declare(desk)
    desk.acts("incidents", "affect", code, "--where", "everybody", "--basis", "log")
    frozen = desk.acts("incidents", "freeze", code)
    draft = desk.acts("incidents", "announce", code, "--audience", frozen["code"])["announcement"]
    newer = examples.text("credential-stuffing").replace("next_update: 2026-11-30", "next_update: 2199-01-31")
    desk.acts("incidents", "revise", code, desk.file("r.yaml", newer))
    exit_code, said = desk.say("incidents", "facts", code, "--announcement", draft, "--operator", "alice")
    assert exit_code == 0
    assert json.loads(said)["next_update"] == "2199-01-31"
    assert "internal" not in said
    assert "SEC-0001" not in said


def test_rows_that_cannot_be_used_are_reported(desk: Desk) -> None:
    """Exit code 3, lines on the screen, the rows in a file that no spreadsheet takes for formulas."""
    code = _declare(desk)
    people = desk.file("l.csv", "id;comment\nC-1;x\nC-404;=1+1\n")
    report = desk.home / "report.csv"
    exit_code, said = desk.say(
        *(
            "incidents",
            "affect",
            code,
            "--list",
            people,
            "--basis",
            "leak",
            "--report",
            str(report),
            "--operator",
            "alice",
        )
    )
    assert exit_code == 3
    assert "line 3: unmatched" in said
    assert "C-404" not in said
    assert "'=1+1" in report.read_text(encoding="utf-8-sig")
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("way", ["relative", "symlink", "linked-list", "compromised-list"])
def test_a_report_never_overwrites_a_list(desk: Desk, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the file is named, wrong input comes before anything is changed, and the list stays."""
    monkeypatch.chdir(desk.home)
    code, people = _declare(desk), desk.file("l.csv", "id\nC-1\nC-404\n")
    link = desk.home / "link.csv"
    link.symlink_to(people)
    listed, report = {
        "relative": (people, "l.csv"),
        "symlink": (people, str(link)),
        "linked-list": (str(link), people),
        "compromised-list": (people, str(link)),
    }[way]
    given = ["--where", "everybody", "--compromised-list"] if way == "compromised-list" else ["--list"]
    more = ("--report", report, "--operator", "alice")
    exit_code, said = desk.say("incidents", "affect", code, *given, listed, "--basis", "leak", *more)
    assert (exit_code, "--report would overwrite" in said, desk.count("affected")) == (2, True, 0)
    exit_code, said = desk.say("incidents", "compromise", code, "--list", listed, "--because", "x", *more)
    assert (exit_code, "--report would overwrite" in said) == (2, True)
    assert Path(people).read_text() == "id\nC-1\nC-404\n"


def test_an_account_with_nobody_left_is_named(desk: Desk) -> None:
    """Excluding its only contact ends with exit code 3."""

    async def fill() -> None:
        async with desk.store() as store:
            await add(store, desk.keys, [OWNER])

    asyncio.run(fill())
    code = _declare(desk)
    desk.acts("incidents", "affect", code, "--for-account", "A", "--exposed", "email", "--basis", "x")
    who = ("--number", "C-9", "--because", "x", "--operator", "alice")
    exit_code, said = desk.say("incidents", "exclude", code, *who)
    assert exit_code == 3
    assert "1 person excluded" in said
    assert "nobody to tell: A." in said


def test_data_that_nobody_knows_ends_with_exit_code_3(desk: Desk) -> None:
    """Each line is named, and the row that names nothing else puts nobody on the list."""
    code = _declare(desk)
    people = desk.file("l.csv", "email,data\nnew@example.com,name; hat\nother@example.com,hat\n")
    more = ("--list", people, "--add-unknown", "--basis", "leak", "--operator", "alice")
    exit_code, said = desk.say("incidents", "affect", code, *more)
    assert exit_code == 3
    assert "line 2: partly-used" in said
    assert "line 3: unknown-data" in said
    assert desk.count("affected") == 1


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--where", "contry = DE"], 2),
        (["--where", "country = [bold]"], 2),
        (["--where", "everybody", "--person", "a,b@example.com"], 2),
        ([], 2),
        (["--where", "everybody", "--exposed", "shoes"], 2),
        (["--where", "everybody", "--compromised", "pigeon"], 2),
        (["--list", "missing.csv"], 2),
        (["--person", "Nobody"], 2),
        (["--for-account", "A-1"], 2),
        (["--list", "missing.csv", "--country", "Atlantis"], 2),
        (["--where", "everybody", "--compromised-list", "missing"], 2),
    ],
)
def test_wrong_requests_are_refused_whole(desk: Desk, arguments: list[str], exit_code: int) -> None:
    """A clear message, the right exit code, and nothing left behind."""
    code = _declare(desk)
    found, said = desk.say("incidents", "affect", code, *arguments, "--basis", "x", "--operator", "alice")
    assert found == exit_code
    assert "Wrong input" in said or "Refused" in said
    assert desk.count("affected") == desk.count("affected_act") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--audience", "INC-1/1"],
        ["--audience", "X", "--start", "tomorrow"],
        ["--audience", "X", "--window", "8"],
        ["--audience", "X", "--start", "9999-01-01T00:00:00Z"],
        ["--audience", "X", "--deadline", "2026-01-01 10:00"],
    ],
)
def test_wrong_announcements_are_refused(desk: Desk, arguments: list[str]) -> None:
    """Unknown audience, naive moments, odd windows."""
    code = _declare(desk)
    found, _ = desk.say("incidents", "announce", code, *arguments, "--operator", "alice")
    assert found in {1, 2}
    assert desk.count("announcement") == 0


def test_a_freeze_names_whom_nobody_announces_to(desk: Desk) -> None:
    """A top-up leaves out the people of an audience without announcement: it says so, and what to type."""
    code = _declare(desk)
    affect = ("incidents", "affect", code, "--basis", "log")
    desk.acts(*affect, "--where", "country = DE", "--exposed", "email", "--as-given")
    first = desk.acts("incidents", "freeze", code)
    assert first["unannounced"] == []
    desk.acts(*affect, "--where", "country = FR", "--exposed", "email", "--as-given")
    status, said = desk.say("incidents", "freeze", code, "--operator", "alice")
    assert status == 0
    assert f"Not told yet, and not in this audience: 1 person of {first['code']}" in said
    assert f"notifier incidents announce {code} --audience {first['code']}" in said
    status, said = desk.say("incidents", "freeze", code, "--operator", "alice")
    assert (status, f"Not announced yet: {first['code']}, {code}/2" in said) == (1, True)
    made = desk.acts("incidents", "announce", code, "--audience", first["code"])["announcement"]
    listed = desk.ask("incidents", "audiences", code)
    assert [one["announcements"] for one in listed] == [{made: "draft"}, {}]
    assert f"not announced yet: notifier incidents announce {code} --audience {code}/2" in desk.say(
        "incidents", "audiences", code
    )[1].replace("\n", " ")
    desk.acts(*affect, "--where", "country = DE", "--exposed", "health", "--as-given")
    assert desk.acts("incidents", "freeze", code)["unannounced"] == [f"{code}/2"]


def test_a_row_that_was_cut_ends_with_exit_code_3(desk: Desk) -> None:
    """It is used; the line, the column and the remedy are said and written into the report."""
    code = _declare(desk)
    people = desk.file("l.csv", f"email,records\nnew@example.com,{'r' * 300}\n")
    report = desk.file("r.csv", "")
    more = ("--list", people, "--add-unknown", "--basis", "leak", "--operator", "alice", "--report", report)
    exit_code, said = desk.say("incidents", "affect", code, *more)
    assert exit_code == 3
    assert "line 2: shortened (records). It was used, but cut" in said
    assert "shortened: 1" in said
    assert "shortened (records)" in Path(report).read_text(encoding="utf-8-sig")
    assert desk.count("affected") == 1
