"""Every command given something bad: one clear sentence, what to do, exit code 1 or 2, nothing left behind."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.core import TyperGroup
from typer.testing import CliRunner

from incidents import examples
from incidents.app import app
from notifier.audit.log_key import LogKey
from tests.desk import Desk
from tests.docs import reference

CODE, DRAFT = "{code}", "{code}/1/A1"
ALICE = ("--operator", "alice")
NOBODY = ("INC-1999-404/1/A1", *ALICE)

BAD: dict[str, list[tuple[str, ...]]] = {
    "announcements approve": [NOBODY, (DRAFT, *ALICE)],
    "announcements approve-locale": [("X/1/A1", "en", *ALICE), (DRAFT, "tlh", *ALICE), (DRAFT, *ALICE)],
    "announcements cancel": [(*NOBODY, "--reason", "x"), (DRAFT, *ALICE, "--reason", "")],
    "announcements close": [NOBODY, (DRAFT, *ALICE)],
    "announcements decide": [
        ("X/1/A1", "leave", *ALICE, "--reason", "x"),
        (DRAFT, "send-again", *ALICE, "--reason", "x"),
        (DRAFT, "forget", *ALICE, "--reason", "x"),
    ],
    "announcements forecast": [("X/1/A1",), (DRAFT, "--per-second", "0")],
    "announcements held": [("X/1/A1",)],
    "announcements next-wave": [NOBODY, (DRAFT, *ALICE)],
    "announcements pause": [(*NOBODY, "--reason", "x"), (DRAFT, *ALICE, "--reason", "x")],
    "announcements preflight": [NOBODY, (DRAFT, "--operator", "Not A Handle")],
    "announcements release": [NOBODY, (DRAFT, *ALICE)],
    "announcements repair": [NOBODY],
    "announcements resend": [
        (*NOBODY, "--reason", "x"),
        (DRAFT, *ALICE, "--reason", "x"),
        (DRAFT, *ALICE, "--reason", "x", "--channel", "pigeon"),
        (DRAFT, *ALICE, "--reason", " "),
    ],
    "announcements resume": [NOBODY, (DRAFT, *ALICE)],
    "announcements send-again": [("0123456789ABCDEF", *ALICE), ("no reference", *ALICE)],
    "announcements set-aside": [("X/1/A1",)],
    "announcements show": [("X/1/A1",)],
    "announcements status": [("X/1/A1",)],
    "announcements stop": [NOBODY, (DRAFT, *ALICE)],
    "announcements take": [("404", *ALICE), ("one", *ALICE)],
    "audit checkpoint": [("--at", "7")],
    "audit entries": [("--delivery", "no reference"), ("--most", "0")],
    "audit export": [("--to", "{home}"), ("--to", "{home}/new", "--key", "no key")],
    "audit verify": [("--key", "no key"), ("--memory", "{home}"), ("--memory", "/proc/no-file")],
    "banner tag": [
        ("--prefix", "javascript:alert(1)"),
        ("--prefix", '/x" onload="y'),
        ("--prefix", "//other.test"),
    ],
    "banner token": [()],
    "backup": [("--to", "{home}/state"), ("--to", "{home}/no/such/folder/copy.db")],
    "customers correct": [
        ("404", "--email", *ALICE, "--learned", "call"),
        ("404", *ALICE, "--learned", "call"),
        ("404", "--email", *ALICE, "--learned", "dream"),
    ],
    "customers duplicates decide": [("404", "--same", *ALICE), ("one", "--same", *ALICE)],
    "customers duplicates list": [("--state", "undecided"), ("--limit", "0")],
    "customers import": [
        ("{home}/missing.csv", "--yes"),
        ("{empty}", "--yes"),
        ("{binary}", "--yes"),
        ("{people}", "--yes", "--map", "email=No such column"),
        ("{people}", "--yes", "--map", "e-mail"),
        ("{people}", "--yes", "--default-country", "Atlantis"),
        ("{people}", "--yes", "--date-order", "ymd"),
        ("{people}", "--yes", "--encoding", "no-such-encoding"),
        ("{people}", "--yes", "--problems", "{people}"),
    ],
    "customers list": [("--country", "Atlantis"), ("--limit", "0")],
    "customers sample": [("{people}",), ("{home}/no/such/folder/c.csv",), ("{home}/new.csv", "--count", "0")],
    "customers show": [
        ("C-404", *ALICE),
        ("C-1", *ALICE, "--raw", "{people}"),
        ("C-1", *ALICE, "--reference", "x"),
    ],
    "demo": [("--to", "{home}"), ("--people", "3")],
    "demo-code": [("anna", "--to", "{home}")],
    "email test": [(), ("--to", "somebody@example.com")],
    "incidents affect": [
        (CODE, *ALICE, "--basis", "log"),
        ("INC-1999-404", *ALICE, "--basis", "log", "--where", "everybody"),
        (CODE, *ALICE, "--basis", "", "--where", "everybody"),
        (CODE, *ALICE, "--basis", "log", "--where", "country is DE; DROP TABLE customer"),
        (CODE, *ALICE, "--basis", "log", "--where", "everybody", "--exposed", "shoe-size"),
        (CODE, *ALICE, "--basis", "log", "--where", "everybody", "--compromised", "pigeon"),
        (CODE, *ALICE, "--basis", "log", "--list", "{home}/missing.csv"),
        (CODE, *ALICE, "--basis", "log", "--list", "{people}", "--report", "{people}"),
        (CODE, *ALICE, "--basis", "log", "--list", "{people}", "--report", "{home}/no/folder/r.csv"),
        (CODE, *ALICE, "--basis", "log", "--person", ",x@example.com"),
        (CODE, *ALICE, "--basis", "log", "--for-account", "A-404"),
    ],
    "incidents affected": [("INC-1999-404",), (CODE, "--people", "-1")],
    "incidents announce": [
        (CODE, *ALICE, "--audience", "{code}/9"),
        (CODE, *ALICE, "--audience", "{code}/1", "--window", "morning"),
        (CODE, *ALICE, "--audience", "{code}/1", "--start", "tomorrow"),
        (CODE, *ALICE, "--audience", "{code}/1", "--canary", "many"),
        (CODE, *ALICE, "--audience", "{code}/1", "--waves", "3"),
        (CODE, *ALICE, "--audience", "{code}/1", "--deadline", "1999-01-01T00:00:00Z"),
    ],
    "incidents audiences": [("INC-1999-404",)],
    "incidents check": [("{home}/missing.yaml",), ("{binary}",), ("{people}",), ("{naive}",)],
    "incidents compromise": [
        (CODE, *ALICE, "--because", "x"),
        (CODE, *ALICE, "--because", "x", "--channel", "pigeon"),
        (CODE, *ALICE, "--because", "x", "--list", "{home}/missing.csv"),
        (CODE, *ALICE, "--because", "x", "--list", "{people}", "--report", "{people}"),
    ],
    "incidents correct": [
        (CODE, *ALICE),
        ("X/1/A1", *ALICE),
        (DRAFT, *ALICE),
        (CODE, *ALICE, "--not-affected"),
        ("INC-1999-404", *ALICE, "--not-affected"),
        (DRAFT, *ALICE, "--what-was-wrong", "{home}/missing.yaml"),
        (DRAFT, *ALICE, "--what-was-wrong", "{binary}"),
        (DRAFT, *ALICE, "--what-was-wrong", "{record}"),
        (DRAFT, *ALICE, "--number", "C-1", "--where", "everybody"),
        (DRAFT, *ALICE, "--where", "country is"),
        (DRAFT, *ALICE, "--window", "morning"),
    ],
    "incidents declare": [
        ALICE,
        ("{people}", *ALICE),
        ("{naive}", *ALICE),
        ("{home}/missing.yaml", *ALICE),
        ("{record}", *ALICE, "--title", "both"),
        ("--title", "x", "--detected", "yesterday", *ALICE),
        ("--title", "x", "--category", "shoe-size", *ALICE),
    ],
    "incidents example": [("alien-invasion",)],
    "incidents exclude": [
        (CODE, *ALICE, "--because", "x"),
        (CODE, *ALICE, "--because", "x", "--number", "C-404"),
        (CODE, *ALICE, "--because", "", "--number", "C-1"),
    ],
    "incidents accounts": [
        ("INC-1999-404",),
        (CODE, "--export", "{home}/out.csv"),
        (CODE, "--export", "{home}", *ALICE),
        (CODE, "--export", "{home}/no/such/folder.csv", *ALICE),
    ],
    "incidents facts": [("INC-1999-404",), (CODE, "--announcement", "X/1/A1", *ALICE)],
    "incidents freeze": [("INC-1999-404", *ALICE), (CODE, *ALICE, "--replace", "{code}/9")],
    "incidents history": [("INC-1999-404",)],
    "incidents revise": [
        ("INC-1999-404", "{record}", *ALICE),
        (CODE, "{people}", *ALICE),
        (CODE, "{record}", *ALICE),
    ],
    "incidents show": [("INC-1999-404",), ("../../etc/passwd",)],
    "incidents step": [
        (CODE, "close", *ALICE),
        (CODE, "explode", *ALICE),
        (CODE, "stand-down", *ALICE),
        (CODE, "hold", *ALICE, "--reason", "police", "--order", "7", "--expires", "soon"),
    ],
    "incidents unaffect": [
        ("INC-1999-404", *ALICE, "--because", "x", "--number", "C-1"),
        (CODE, *ALICE, "--because", "x"),
        (CODE, *ALICE, "--because", "x", "--number", "C-404"),
        (CODE, *ALICE, "--because", "", "--number", "C-1"),
        (CODE, *ALICE, "--because", "x", "--where", "number = C-404"),
    ],
    "incidents update": [
        (CODE, *ALICE),
        ("INC-1999-404", *ALICE, "--what-is-new", "{said}"),
        (CODE, *ALICE, "--what-is-new", "{said}"),
        (CODE, *ALICE, "--what-is-new", "{people}"),
        (CODE, *ALICE, "--what-is-new", "{home}/missing.yaml"),
        (CODE, *ALICE, "--what-is-new", "{said}", "--then", "pigeon:always"),
    ],
    "incidents substitute approve": [
        ("INC-1999-404", *ALICE, "--digest", "0" * 64),
        (CODE, *ALICE, "--digest", "x"),
        (CODE, *ALICE),
    ],
    "incidents substitute draft": [
        ("INC-1999-404", *ALICE, "--days", "30"),
        (CODE, *ALICE),
        (CODE, *ALICE, "--days", "30", "--until", "2099-01-01"),
        (CODE, *ALICE, "--days", "-1"),
        (CODE, *ALICE, "--until", "soon"),
        (CODE, *ALICE, "--from", "1999-01-01", "--days", "30"),
        (CODE, *ALICE, "--from", "9999-12-31", "--days", "30"),
        (CODE, *ALICE, "--days", "29", "--law-days", "30"),
        (CODE, *ALICE, "--days", "30", "--law-days", "-1"),
        (CODE, *ALICE, "--days", "30", "--language", "tlh"),
        (CODE, "--operator", "Not A Handle", "--days", "30"),
    ],
    "incidents substitute media": [("INC-1999-404",), (CODE,), (CODE, "--out", "{people}")],
    "incidents substitute publish": [("INC-1999-404", *ALICE), (CODE, *ALICE)],
    "incidents substitute show": [("INC-1999-404",), (CODE,), (CODE, "--save", "{home}")],
    "incidents substitute take": [("INC-1999-404", *ALICE), (CODE, *ALICE)],
    "incidents substitute withdraw": [("INC-1999-404", *ALICE, "--reason", "a long reason"), (CODE, *ALICE)],
    "init": [(), ("--domain", "https://example.com/"), ("--store-url", "oracle://example.com/x")],
    "notices acknowledge": [
        ("no reference", *ALICE, "--reason", "x"),
        ("0123456789ABCDEF", *ALICE, "--reason", "x"),
        ("0123456789ABCDEF", *ALICE, "--reason", " "),
        ("0123456789ABCDEF", *ALICE, "--reason", "x" * 501, "--identified"),
    ],
    "notices link": [("no reference", *ALICE), ("0123456789ABCDEF", *ALICE)],
    "notices lint": [("--facts", "{home}/missing.json"), ("--facts", "{binary}"), ("--facts", "{people}")],
    "notices locales": [("--notice", "no-such-notice"), ("--notice", "../../etc")],
    "notices preview": [
        ("--announcement", DRAFT, *ALICE),
        ("--announcement", "X/1/A1", "--worst", *ALICE),
        ("--announcement", DRAFT, "--customer", "C-404", *ALICE),
        ("--announcement", DRAFT, "--customer", "C-1", "--out", "{people}", *ALICE),
        ("--announcement", DRAFT, "--customer", "C-1", "--out", "{people}/sub", *ALICE),
        ("--announcement", DRAFT, "--customer", "C-1", "--out", "/proc/no-folder", *ALICE),
        ("--announcement", DRAFT, "--customer", "C-1", "--locale", "tlh", *ALICE),
    ],
    "operators add": [
        ("bob", "--email", "bob@example.com"),
        ("alice", "--email", "alice@example.com", *ALICE),
        ("Not A Handle", "--email", "x@example.com", *ALICE),
        ("bob", "--email", "no address", *ALICE),
    ],
    "operators login": [("../alice",)],
    "operators logout": [("../alice",)],
    "operators retire": [("mallory", *ALICE), ("alice", *ALICE)],
    "serve": [("--port", "99999"), ("--host", "no.such.host.invalid")],
    "letters batch": [
        ("X/1/A1", "--out", "{home}/new.zip", *ALICE),
        (DRAFT, "--out", "{home}/new.zip", *ALICE),
        (DRAFT, "--out", "{people}", *ALICE),
        (DRAFT, "--out", "{home}/new.zip", *ALICE, "--most", "0"),
    ],
    "letters returns": [
        ("{home}/missing.csv", *ALICE),
        ("{people}", *ALICE),
        ("{binary}", *ALICE),
        ("{empty}", *ALICE),
        ("{people}", *ALICE, "--map", "reference"),
        ("{people}", *ALICE, "--map", "reference=Number", "--map", "status=Nowhere"),
        ("{people}", *ALICE, "--status", "x=eaten"),
        ("{people}", *ALICE, "--zone", "Nowhere/Land"),
    ],
    "letters preview": [
        ("X/1/A1", "--out", "{home}/new.pdf"),
        (DRAFT, "--out", "{home}/new.pdf"),
        (DRAFT, "--out", "{home}/new.pdf", "--country", "XX"),
    ],
    "receipts match": [("404", "0123456789ABCDEF", *ALICE), ("one", "x", *ALICE)],
    "receipts parked": [("--limit", "0")],
    "receipts read": [("{home}/missing.mbox",)],
    "receipts set-aside": [("404", *ALICE, "--reason", "x"), ("404", *ALICE, "--reason", " ")],
    "receipts show": [("404", *ALICE)],
    "sms preview": [("X/1/A1",), (DRAFT, "--locale", "tlh")],
    "sms test": [()],
    "suppressions add": [
        ("nobody@example.com", *ALICE, "--reason", "dead", "--because", "x"),
        ("no address", *ALICE, "--reason", "dead", "--because", "x"),
        ("nobody@example.com", *ALICE, "--reason", "bored", "--because", "x"),
        ("nobody@example.com", *ALICE, "--reason", "dead", "--because", ""),
    ],
    "suppressions lift": [("nobody@example.com", *ALICE, "--reason", "dead", "--because", "x")],
    "suppressions list": [("--limit", "0"), ("--reason", "bored")],
}
"""A few bad calls of each command that takes input. ``{…}`` names a file or the incident of the fixture."""

WITHOUT_INPUT = {
    *("announcements list", "announcements holds", "audit key", "audit sequence", "customers count"),
    *("email dkim", "incidents list", "incidents examples", "incidents schema", "operators list"),
    *("settings", "upgrade"),
}
NO_STORE_NEEDED = {"email dkim", "incidents examples", "incidents schema", "settings"}
STRANGERS = [
    ("announcements approve", (DRAFT, "--operator", "mallory")),
    ("customers import", ("{people}", "--yes", "--operator", "mallory")),
    ("operators login", ("mallory",)),
]


def commands() -> Iterator[str]:
    """Return the name of each command."""
    for name, one in reference.commands():
        if not isinstance(one, TyperGroup):
            yield name.removeprefix("notifier ")


@pytest.fixture(scope="module")
def desk(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk with two customers, a declared incident, its frozen audience and a draft."""
    folder = tmp_path_factory.mktemp("desk")
    home = folder / "home"
    (home / "state").mkdir(parents=True)
    shutil.copy(sqlite_template, home / "state" / "store.db")
    LogKey.generate("notices.example.com/audit").save(home / "keys")
    made = Desk(home, f"sqlite+aiosqlite:///{home}/state/store.db")
    people = made.file("people.csv", "Number,Name,E-Mail\nC-1,One,one@example.com\nC-2,Two,two@example.com\n")
    made.ask("customers", "import", people, "--yes")
    made.file("empty.csv", "")
    made.file("binary.bin", b"\x7fELF\x00\x01\xff\xfe" * 40)
    made.file("naive.yaml", "title: x\ndetected: 2026-11-16T05:50:00\n")
    made.file("said.yaml", "en: [One thing is new.]\n")
    record = made.file("record.yaml", examples.text("credential-stuffing"))
    code = made.acts("incidents", "declare", record)["code"]
    made.acts(
        "incidents",
        "affect",
        code,
        "--where",
        "everybody",
        "--basis",
        "log",
        "--exposed",
        "email",
        "--as-given",
    )
    made.acts("incidents", "freeze", code)
    made.acts("incidents", "announce", code, "--audience", f"{code}/1")
    return made


def counts(desk: Desk) -> dict[str, int]:
    """Return how many rows each table has. That somebody proved who they are stays on record, and is no change."""
    with sqlite3.connect(desk.home / "state" / "store.db") as store:
        names = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: int(store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names}
        proofs = store.execute("SELECT count(*) FROM audit_event WHERE action = 'operator:identified'")
        proven = int(proofs.fetchone()[0])
    store.close()
    return {**found, **{name: found[name] - proven for name in ("audit_event", "audit_pending")}}


def rested(desk: Desk) -> None:
    """Forget which codes were used, as if some minutes had passed."""
    with sqlite3.connect(desk.home / "state" / "store.db") as store:
        store.execute("UPDATE operator SET totp_last_step = 0, failures = 0, locked_until = 0")
    store.close()


def call(desk: Desk, command: str, words: tuple[str, ...]) -> Result:
    """Run a command with everything named in its words filled in, and Alice's proof on its input."""
    home = desk.home
    names = {
        "home": str(home),
        "code": f"INC-{datetime.now(UTC).year}-001",
        **{name: str(home / file) for name, file in FILES.items()},
    }
    typed = [word.format(**names) for word in words]
    rested(desk)
    return CliRunner().invoke(
        app,
        ["--home", str(home), *command.split(), *typed],
        input=desk.alice.lines() + "1\n",
        env={"NOTIFIER_STORE__URL": desk.url, "COLUMNS": "250"},
    )


FILES = {
    "people": "people.csv",
    "empty": "empty.csv",
    "binary": "binary.bin",
    "naive": "naive.yaml",
    "record": "record.yaml",
    "said": "said.yaml",
}


def test_every_command_is_here() -> None:
    """A new command comes with bad calls of it."""
    assert set(commands()) == set(BAD) | WITHOUT_INPUT


@pytest.mark.parametrize(
    ("command", "words"), [(name, words) for name, several in BAD.items() for words in several]
)
def test_bad_input_is_refused_clearly_and_leaves_nothing(
    desk: Desk, command: str, words: tuple[str, ...]
) -> None:
    """Exit code 1 or 2, a sentence on standard error, no traceback, and the same rows as before."""
    before = counts(desk)
    done = call(desk, command, words)
    assert done.exit_code in (1, 2), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    said = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert said[0].startswith(("Refused: ", "Wrong input: ", "Usage: "))
    assert len(said) > 1, "it does not say what to do"
    assert counts(desk) == before


@pytest.mark.parametrize(("command", "words"), STRANGERS)
def test_a_stranger_leaves_nothing_but_the_refusal(desk: Desk, command: str, words: tuple[str, ...]) -> None:
    """Who is not enrolled is refused; that they tried is the only thing on record."""
    before = counts(desk)
    done = call(desk, command, words)
    assert (done.exit_code, "is wrong" in done.stderr) == (1, True), done.output
    after = counts(desk)
    changed = {table for table in after if after[table] != before[table]}
    assert changed <= {"audit_event", "audit_pending"}
    assert after["audit_event"] == before["audit_event"] + 1


@pytest.mark.parametrize("command", sorted(set(BAD) | WITHOUT_INPUT))
def test_an_unknown_option_is_wrong_usage(command: str) -> None:
    """Exit code 2, the word that is not understood, and where help is."""
    done = CliRunner().invoke(app, [*command.split(), "--no-such-option"])
    assert done.exit_code == 2
    assert "--no-such-option" in done.output
    assert "--help" in done.output


@pytest.mark.parametrize("command", sorted(WITHOUT_INPUT - NO_STORE_NEEDED))
def test_where_nothing_is_installed_every_command_says_so(tmp_path: Path, command: str) -> None:
    """In an empty folder: wrong input, the way to an installation, and the folder stays empty."""
    done = CliRunner().invoke(app, ["--home", str(tmp_path), *command.split()])
    assert done.exit_code in (1, 2), done.output
    assert "notifier init" in done.stderr
    assert not list(tmp_path.iterdir())
