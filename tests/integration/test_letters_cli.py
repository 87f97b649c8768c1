"""``notifier letters batch`` and ``returns`` as an operator uses them, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.rendering.folders import shipped
from tests.audiences import Someone
from tests.desk import Desk
from tests.mailhouse import CONFIGURATION, manifest, waiting_desk

PEOPLE = [Someone(f"Anna Albrecht {n}", f"p{n}@mail.test", street=f"Weg {n}") for n in range(3)]


@pytest.fixture
def waits(store_url: str, tmp_path: Path) -> tuple[Desk, str]:
    """An installation whose letters wait."""
    return waiting_desk(store_url, tmp_path, PEOPLE)


def test_letters_are_printed_and_come_back(waits: tuple[Desk, str], tmp_path: Path) -> None:
    """From the hold that asks for them to the mail house's file, with a bad row in it."""
    desk, code = waits
    assert "letters wait to be printed" in desk.say("announcements", "status", code)[1]
    made = desk.acts("letters", "batch", code, "--out", str(tmp_path / "a.zip"), "--workers", "0")
    assert (made["totals"]["letters"], made["waiting"]) == (3, 0)
    assert (tmp_path / "a.zip").stat().st_mode & 0o777 == 0o600
    assert desk.ask("announcements", "holds") == []
    first, second, _ = [one["reference"] for one in manifest(tmp_path / "a.zip")]
    file = desk.file(
        "back.csv", f"Ref,Code\n{first},Z1\n{second},returned\nnonsense,Z1\nFFFF-FFFF-FFFF-FFFF,returned\n"
    )
    words = (
        "letters",
        "returns",
        file,
        "--operator",
        "alice",
        "--status",
        "Z1=printed",
        "--map",
        "status=Code",
    )
    exit_code, said = desk.say(*words)
    assert exit_code == 3, said
    for part in ("4 rows read", "2 new", "reference-unreadable", "notifier receipts parked"):
        assert part in said
    assert "0 new, 3 known before" in desk.say(*words)[1]


def test_no_letter_is_printed_that_nobody_has_approved(waits: tuple[Desk, str], tmp_path: Path) -> None:
    """Another sender than the approved one, or another template, and they go on waiting."""
    desk, code = waits
    words = ("letters", "batch", code, "--out", str(tmp_path / "a.zip"), "--operator", "alice")
    desk.file("notifier.toml", CONFIGURATION.replace("Beispielweg 1", "Beispielweg 11"))
    exit_code, said = desk.say(*words)
    assert (exit_code, "not those that were approved" in said) == (1, True), said
    desk.file("notifier.toml", CONFIGURATION)
    assert desk.acts(*words[:5], "--workers", "0")["totals"]["letters"] == 3


def test_who_prints_must_prove_it(waits: tuple[Desk, str], tmp_path: Path) -> None:
    """Nobody unknown prints anything."""
    desk, code = waits
    out = str(tmp_path / "a.zip")
    exit_code, said = desk.say(
        "letters", "batch", code, "--out", out, "--operator", "mallory", typed="x\n1\n"
    )
    assert exit_code == 1, said
    assert not (tmp_path / "a.zip").exists()


def test_changed_templates_are_not_printed(waits: tuple[Desk, str], tmp_path: Path) -> None:
    """A letter says what was approved, or waits until its templates are put back."""
    desk, code = waits
    name = "letter/breach-notice/en/words.toml"
    words = desk.home / "templates" / name
    words.parent.mkdir(parents=True)
    words.write_text((shipped()[-1] / name).read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    wanted = ("letters", "batch", code, "--out", str(tmp_path / "a.zip"), "--operator", "alice")
    exit_code, said = desk.say(*wanted, typed=desk.alice.lines())
    assert (exit_code, "put them back" in said, (tmp_path / "a.zip").exists()) == (1, True, False)
    words.unlink()
    made = desk.acts("letters", "batch", code, "--out", str(tmp_path / "a.zip"), "--workers", "0")
    assert made["totals"]["letters"] == 3
