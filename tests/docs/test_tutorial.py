"""The tutorial works: every command of it is run, in order, and answered as a person would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pyotp
import pytest

from notifier.cli import PARTIAL

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-notice.md"
PASSWORD = "four words nobody guesses {}"


def blocks(kind: str) -> list[list[str]]:
    """Return the command lines of each shell block of a kind."""
    text = PAGE.read_text().replace("DRILL-2026-", f"DRILL-{datetime.now(UTC).year}-")
    return [found.splitlines() for found in re.findall(rf"(?ms)^```{kind}\n(.*?)^```", text)]


def shape(line: str) -> str:
    """Return a line of output without what differs from one run to the next."""
    return re.sub(r"[0-9A-F]{4}(?:-[0-9A-F]{4}){3}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "#", line.rstrip())


@dataclass
class People:
    """Anna and Ben, with their passwords and code generators. A code is good once."""

    secrets: dict[str, str] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    def proof(self, who: str) -> list[str]:
        """Return the password and a code not used before."""
        return [PASSWORD.format(who), self.code(who)]

    def code(self, who: str, *, asked: bool = False) -> str:
        """Return a code not used before that counts for half a minute yet; the one before if ``asked`` just now.

        What is typed before a program has started is read some seconds later.
        """
        now = int(time.time())
        oldest = now // 30 - (asked and now % 30 < 27)
        step = max(self.used.get(who, 0) + 1, oldest)
        self.used[who] = step
        return pyotp.TOTP(self.secrets[who]).generate_otp(step)


@dataclass
class Reader:
    """Somebody who follows the tutorial in ``folder``."""

    folder: Path
    people: People = field(default_factory=People)

    @property
    def environment(self) -> dict[str, str]:
        """The program on the path; the countdown is not waited for; any free port will do."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"NOTIFIER_APPROVAL__COUNTDOWN_SECONDS": "0", "NOTIFIER_WEB__PORT": "0"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NOTIFIER_")}
        return {**clean, "PATH": path, "COLUMNS": "200", **own}

    def start(self, line: str) -> subprocess.Popen[str]:
        """Start a command line."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )

    def run(self, line: str) -> str:
        """Run a command line, answer what it asks, and return what it said."""
        process = self.start(line)
        assert process.stdin is not None
        assert process.stdout is not None
        heard = self._answer(line, process.stdin, process.stdout)
        out, err = process.communicate(timeout=120)
        assert process.returncode in (0, PARTIAL), f"{line}\n{heard}{out}{err}"
        return heard + out

    def _answer(self, line: str, keyboard: IO[str], screen: IO[str]) -> str:
        heard = ""
        who = re.search(r"--operator (\w+)", line)
        if added := re.match(r"notifier operators add (\w+)", line):
            name = added[1]
            self._type(keyboard, [*(self.people.proof(who[1]) if who else []), PASSWORD.format(name)])
            while not (secret := re.search(r"secret: (\w+)", heard)):
                heard += screen.readline()
            self.people.secrets[name] = secret[1]
            self._type(keyboard, [self.people.code(name, asked=True)])
        elif login := re.match(r"notifier operators login (\w+)", line):
            self._type(keyboard, self.people.proof(login[1]))
        elif who and re.match(r"notifier announcements (approve|release) ", line):
            self._type(keyboard, [*self.people.proof(who[1]), *self._number(line)])
        return heard

    def _number(self, line: str) -> list[str]:
        if " approve " not in line:
            return []
        shown = self.start(f"notifier --json announcements show {line.split()[3]}").communicate(timeout=60)[0]
        return [str(json.loads(shown)["counts"]["ready"])]

    def _type(self, keyboard: IO[str], lines: list[str]) -> None:
        keyboard.write("".join(f"{line}\n" for line in lines))
        keyboard.flush()


@pytest.mark.timeout(600)
def test_the_tutorial_leads_from_an_empty_folder_to_a_proven_notice(tmp_path: Path) -> None:
    """Each step's commands succeed, everybody is told, and the trail verifies."""
    reader = Reader(tmp_path)
    steps = blocks("sh")
    for line in [line for step in steps[:-2] for line in step]:
        reader.run(line)
    ((serve,),) = blocks("sh service")
    service = reader.start(f"exec {serve}")
    try:
        (watch,) = steps[-2]
        as_json = watch.replace("notifier ", "notifier --json ", 1)
        while json.loads(reader.run(as_json))["remaining"]:
            assert service.poll() is None
        status = json.loads(reader.run(as_json))
        table = reader.run(watch)
        _, story, verdict = [reader.run(line) for line in steps[-1]]
    finally:
        service.terminate()
        service.communicate(timeout=60)
    assert service.returncode == 0
    assert status["unaccounted"] == 0
    assert status["deliveries"]["accepted"] > 100
    assert "accepted" in story
    assert "verified" in verdict
    said = {shape(line) for line in (table + story + verdict).splitlines()}
    assert not [line for block in blocks("text") for line in block if shape(line) not in said]
