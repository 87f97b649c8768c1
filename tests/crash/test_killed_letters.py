"""Printing is killed at each step: no letter is lost, and none is printed twice without a record of the doubt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.audiences import Someone
from tests.crash.harness import ROOT
from tests.crash.killed import LETTER_MOMENTS
from tests.desk import Desk
from tests.mailhouse import manifest, waiting_desk

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]
PEOPLE = [Someone(f"Anna Albrecht {n}", f"p{n}@mail.test", street=f"Weg {n}") for n in range(5)]


def sql(desk: Desk, statement: str, *, write: bool = False) -> list[tuple[object, ...]]:
    """Ask the store something, or change what only time would."""
    engine = create_engine(desk.url.replace("+aiosqlite", ""))
    with engine.begin() as connection:
        done = connection.execute(text(statement))
        rows = [] if write else [tuple(row) for row in done]
    engine.dispose()
    return rows


def kill(desk: Desk, code: str, to: Path, moment: str) -> None:
    """Print in a process that kills itself at ``moment``."""
    words = ["--home", str(desk.home), "letters", "batch", code, "--out", str(to), "--operator", "alice"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.killed", moment, *words],
        cwd=ROOT,
        env={**os.environ, "NOTIFIER_STORE__URL": desk.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("moment", LETTER_MOMENTS)
def test_a_killed_batch_loses_and_doubles_nothing(store_url: str, tmp_path: Path, moment: str) -> None:
    """The next batch has whoever is in doubt, with that on record; an archive is whole or not there."""
    desk, code = waiting_desk(store_url, tmp_path, PEOPLE)
    kill(desk, code, tmp_path / "first.zip", moment)
    there = (tmp_path / "first.zip").exists()
    assert not list(tmp_path.glob(".*")), "a part of an archive was left"
    assert there == (moment in {"published-not-closed", "before-giving-back", "after-giving-back"})
    sql(desk, "UPDATE send_batch SET lease_until = 1 WHERE state = 'leased'", write=True)
    said = desk.say("letters", "batch", code, "--out", str(tmp_path / "next.zip"), "--operator", "alice")
    assert (said[0] == 0) is (moment not in {"before-giving-back", "after-giving-back"}), said
    archives = list(tmp_path.glob("*.zip"))
    copies = Counter(one["reference"].replace("-", "") for path in archives for one in manifest(path))
    doubts = dict(sql(desk, "SELECT d.reference, count(t.id) FROM delivery d LEFT JOIN attempt t"
                      " ON t.delivery_id = d.id AND t.outcome = 'unknown' WHERE d.channel = 'letter'"
                      " GROUP BY d.reference"))  # fmt: skip
    assert copies.keys() == doubts.keys()
    assert all(count <= 1 + int(str(doubts[reference])) for reference, count in copies.items())
    assert sql(desk, "SELECT state, count(*) FROM delivery WHERE channel = 'letter' GROUP BY state") == [
        ("accepted", 5)
    ]
    for words in (("audit", "sequence"), ("audit", "verify")):
        assert desk.say(*words)[0] == 0, desk.say(*words)


def test_what_the_mail_house_has_is_not_printed_again(store_url: str, tmp_path: Path) -> None:
    """Killed with the archive there: its return file settles the doubt."""
    desk, code = waiting_desk(store_url, tmp_path, PEOPLE)
    kill(desk, code, tmp_path / "first.zip", "published-not-closed")
    sql(desk, "UPDATE send_batch SET lease_until = 1 WHERE state = 'leased'", write=True)
    rows = "".join(f"{one['reference']},printed\n" for one in manifest(tmp_path / "first.zip"))
    returned = desk.file("returns.csv", f"reference,status\n{rows}")
    desk.acts("letters", "returns", returned)
    told = desk.say("letters", "batch", code, "--out", str(tmp_path / "next.zip"), "--operator", "alice")
    assert (told[0], (tmp_path / "next.zip").exists()) == (1, False)
    assert sql(desk, "SELECT DISTINCT state FROM delivery WHERE channel = 'letter'") == [("accepted",)]
