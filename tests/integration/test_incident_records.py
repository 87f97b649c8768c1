"""Incidents through the command line, on both databases: declared, revised, stepped, looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from incidents import examples
from tests.desk import Desk

DETECTED = "2026-03-01 09:12 Europe/Berlin"


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Desk:
    """A desk on either database."""
    return Desk(tmp_path / "home", store_url)


def _declare(desk: Desk, *more: str) -> str:
    return desk.acts("incidents", "declare", "--title", "T", "--detected", DETECTED, *more)["code"]


def test_ten_options_declare_an_incident(desk: Desk) -> None:
    """A small incident needs no file, and says what is unknown yet."""
    made = desk.acts(
        *("incidents", "declare", "--title", "Wrong attachment", "--category", "email", "--category", "name"),
        *(
            "--detected",
            DETECTED,
            "--summary",
            "We sent your data to somebody else.",
            "--measure",
            "We wrote.",
        ),
        *(
            "--what-happened",
            "A mail went wrong.",
            "--consequence",
            "False calls.",
            "--advice",
            "Be careful.",
        ),
        *("--contact-email", "privacy@example.com", "--next-update", "2027-01-31"),
    )
    assert made["state"] == "declared"
    assert "occurred.from" in made["unknown"]
    shown = desk.ask("incidents", "show", made["code"])
    assert shown["record"]["detected"] == "2026-03-01T09:12:00+01:00[Europe/Berlin]"
    assert shown["record"]["texts.en.advice.*[1]"] == "Be careful."


def test_codes_are_counted_per_year(desk: Desk) -> None:
    """The second incident has the next number."""
    first, second = _declare(desk), _declare(desk)
    assert int(second.rsplit("-", 1)[1]) == int(first.rsplit("-", 1)[1]) + 1
    assert first.startswith("INC-")


@pytest.mark.parametrize("name", list(examples.TITLES))
def test_the_ready_records_can_be_declared(desk: Desk, name: str) -> None:
    """What `example` prints is a record in six languages."""
    code, printed = desk.say("incidents", "example", name)
    assert code == 0
    made = desk.acts("incidents", "declare", desk.file("r.yaml", printed))
    record = desk.ask("incidents", "show", made["code"])["record"]
    assert {path.split(".")[1] for path in record if path.startswith("texts.")} == {
        *["ar", "de", "en", "es", "fr", "hi"]
    }


def test_a_revision_keeps_the_one_before(desk: Desk) -> None:
    """History shows each revision with what it changed; the same record again is refused."""
    code = _declare(desk)
    changed = desk.file(
        "r.yaml", "title: T\ndetected: 2026-03-01T10:00:00Z\ncause: A list was sorted wrongly.\n"
    )
    made = desk.acts("incidents", "revise", code, changed, "--reason", "cause found")
    assert made["revision"] == 2
    told = desk.ask("incidents", "history", code)
    (second,) = [entry for entry in told if entry.get("revision") == 2]
    assert {change["field"] for change in second["changes"]} == {"detected", "cause"}
    assert second["reason"] == "cause found"
    exit_code, said = desk.say("incidents", "revise", code, changed, "--operator", "alice")
    assert exit_code == 1
    assert "nothing new" in said
    assert desk.count("incident_revision") == 2


def test_the_life_cycle_is_walked_step_by_step(desk: Desk) -> None:
    """Every step is on record with who and why; a step out of turn is refused and leaves nothing behind."""
    code = _declare(desk, "--suspected")
    refused, said = desk.say("incidents", "step", code, "close", "--operator", "alice")
    assert refused == 1
    assert "assess" in said
    for step in ("assess", "declare", "notify", "monitor", "close"):
        desk.acts("incidents", "step", code, step)
    taken = [entry["step"] for entry in desk.ask("incidents", "history", code) if "step" in entry]
    assert taken[-1] == "monitoring → closed"
    assert len(taken) == 5


def test_a_hold_needs_order_and_expiry_and_ends_where_it_began(desk: Desk) -> None:
    """Hold and resume: the order is on record, and the incident goes back to its state."""
    code = _declare(desk)
    step = ("incidents", "step", code, "hold", "--reason", "police")
    bad = [
        (),
        ("--order", "X"),
        ("--order", "X", "--expires", "2020-01-01T00:00:00Z"),
        ("--order", "X", "--expires", "9999-01-01T00:00:00Z"),
        ("--expires", "soon"),
    ]
    for options in bad:
        assert desk.say(*step, *options, "--operator", "alice")[0] == 2
    assert desk.count("incident_step") == 2
    desk.acts(*step, "--order", "4 Js 12/26", "--expires", "2199-01-01T00:00:00Z")
    assert "4 Js 12/26" in desk.ask("incidents", "show", code)["hold"]
    assert (
        desk.acts("incidents", "step", code, "resume", "--reason", "order withdrawn")["state"] == "declared"
    )


def test_steps_aside_need_a_reason(desk: Desk) -> None:
    """No notification, stood down: not without a reason."""
    for step, state in (("no-notification", "no-notification-needed"), ("stand-down", "stood-down")):
        code = _declare(desk)
        assert desk.say("incidents", "step", code, step, "--operator", "alice")[0] == 2
        assert desk.acts("incidents", "step", code, step, "--reason", "encrypted")["state"] == state


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"title: [", "not YAML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"title: x\ntitle: y\n", "title (line 2): the name occurs twice"),
        (b"titel: x\n", "titel (line 1): is no field"),
        (b"detected: 2026-03-01 10:00\n", "no time zone"),
        (b"title: &a x\ncause: *a\n", "anchors"),
        (b"title: !!python/object/apply:os.getcwd []\n", "tags"),
        (b"texts:\n  de:\n    summary: 'Hallo {{ name }}'\n", "texts.de.summary (line 3)"),
        (b"- a\n", "not a mapping"),
        (b"x: " + b"[" * 5000, "nested"),
        (b'{"title": 1}', "is not a text"),
        (b'{"title": "a", "title": "b"}', "twice"),
        (b'{"title": ' + b"[" * 100_000, "nested"),
        (b"a" * 300_000, "at most"),
        (b"data_categories: [email, shoe-size]\n", "entry 2 is not a data category"),
        (b"title: \x07\n", "character"),
    ],
)
def test_a_bad_record_is_refused_and_leaves_nothing_behind(desk: Desk, content: bytes, expected: str) -> None:
    """Exit code 2, a sentence with the place, and an empty store."""
    code, said = desk.say("incidents", "declare", desk.file("r.yaml", content), "--operator", "alice")
    assert code == 2
    assert expected in said
    assert desk.count("incident") == 0


def test_wrong_commands_are_refused(desk: Desk) -> None:
    """Unknown incident, unknown operator, missing file, file and options, nothing at all."""
    record = desk.file("r.yaml", "title: T\n")
    assert desk.say("incidents", "show", "INC-1999-001")[0] == 1
    assert desk.say("incidents", "declare", record, "--operator", "mallory")[0] in {1, 2}
    for arguments in (["missing.yaml"], [record, "--title", "T"], []):
        assert desk.say("incidents", "declare", *arguments, "--operator", "alice")[0] == 2
    assert desk.say("incidents", "example", "nothing")[0] == 1
    assert desk.count("incident") == 0
