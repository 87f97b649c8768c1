"""An installation at each step before sending; its commands, run here or killed as processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
from typer.testing import CliRunner

from incidents import examples
from incidents.app import app
from incidents.building import build_sequencer
from incidents.demo import make_home
from incidents.demo.home import APPROVER, AUTHOR
from incidents.trail import CHECKS
from notifier.audit.high_water import HighWater
from notifier.audit.log_key import LogKey
from notifier.audit.verify import verify
from notifier.cli import PARTIAL, Application
from notifier.cli.identity import open_session
from notifier.clock import SystemClock
from notifier.customers.sample import write_sample
from notifier.keys import Keys
from notifier.settings import load
from notifier.store import Store
from tests.crash.harness import ROOT, opened

INCIDENT = f"DRILL-{datetime.now(UTC).year}-001"
AUDIENCE = f"{INCIDENT}/1"
CODE = f"{AUDIENCE}/A1"
PEOPLE = 300
ACTS: dict[str, tuple[str, ...]] = {
    "import": ("customers", "import", "customers.csv", "--yes", "--workers", "0"),
    "declare": ("incidents", "declare", "record.yaml", "--operator", AUTHOR),
    "affect": (
        "incidents", "affect", INCIDENT, "--where", "country in (US, IN, DE, FR, ES, EG)",
        "--basis", "on the list of files", "--operator", AUTHOR,
    ),
    "freeze": ("incidents", "freeze", INCIDENT, "--operator", AUTHOR),
    "announce": (
        *("incidents", "announce", INCIDENT, "--audience", AUDIENCE, "--then", "none"),
        *("--operator", AUTHOR),
    ),
    "preflight": ("announcements", "preflight", CODE, "--operator", AUTHOR),
    "approve-locale": ("announcements", "approve-locale", CODE, "--all", "--operator", APPROVER),
    "approve": ("announcements", "approve", CODE, "--operator", APPROVER),
    "release": ("announcements", "release", CODE, "--operator", AUTHOR),
}  # fmt: skip
"""The commands from the customer file to the countdown, in their order."""

ENVIRONMENT = {"NOTIFIER_APPROVAL__COUNTDOWN_SECONDS": "0", "NOTIFIER_WEB__PORT": "0", "COLUMNS": "200"}
PROVEN = {"approve": APPROVER, "release": AUTHOR}
"""Acts that always ask who it is."""


@dataclass
class Done:
    """A command that has ended."""

    code: int
    output: str


class Desk:
    """An installation with two operators in session, on which commands are run and killed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = load(home)
        self._used: dict[str, int] = {}

    def act(self, name: str) -> Done:
        """Run an act, answering what it asks."""
        done = CliRunner().invoke(app, self._words(*ACTS[name]), input=self.answers(name), env=ENVIRONMENT)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.output)

    def kill(self, name: str, moment: str) -> bool:
        """Run an act in a process that kills itself at ``moment``; false if it ended before."""
        process = self.start(*ACTS[name], killed=moment)
        output, _ = process.communicate(self.answers(name), timeout=120)
        assert process.returncode in (-signal.SIGKILL, 0, PARTIAL), output
        return process.returncode == -signal.SIGKILL

    def start(self, *words: str, killed: str = "") -> subprocess.Popen[str]:
        """Start a command as a process."""
        program = ("tests.crash.killed", killed) if killed else ("incidents",)
        return subprocess.Popen(
            [sys.executable, "-m", *program, *self._words(*words)],
            cwd=ROOT,
            env={**os.environ, **ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _words(self, *words: str) -> list[str]:
        files = {"customers.csv", "record.yaml"}
        return [
            "--home",
            str(self.home),
            *(str(self.home / word) if word in files else word for word in words),
        ]

    def answers(self, name: str) -> str:
        """Return what an operator types: who they are, and for an approval the number of people."""
        if (who := PROVEN.get(name)) is None:
            return ""
        known = json.loads((self.home / "demo-operators.json").read_text())
        step = max(self._used.get(who, 0) + 1, int(time.time()) // 30)
        self._used[who] = step
        code = pyotp.TOTP(known["secrets"][who]).generate_otp(step)
        people = f"{self.scalar(DUE)}\n" if name == "approve" else ""
        return f"{known['passwords'][who]}\n{code}\n{people}"

    def scalar(self, sql: str) -> Any:
        """Ask the store something."""
        return self.rows(sql)[0][0]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the store something that has several rows."""
        with closing(sqlite3.connect(self.settings.state_folder / "store.db")) as connection:
            return connection.execute(sql).fetchall()

    def copy(self, to: Path) -> Desk:
        """Return a desk on a copy of the installation."""
        shutil.copytree(self.home, to)
        return Desk(to)


DUE = "SELECT count(*) FROM audience_member WHERE state = 'due'"


async def make_desk(folder: Path) -> Desk:
    """Make an installation with a file of customers, a record, and two operators in session."""
    made = await make_home(folder, SystemClock())
    write_sample(folder / "customers.csv", PEOPLE, 34)
    (folder / "record.yaml").write_text(examples.text("lost-backup-at-a-vendor"))
    async with opened(made.settings) as store:
        office = Application(
            made.settings, lambda: _same(store), lambda: Keys.load(made.settings.keys_folder)
        )
        for handle in (AUTHOR, APPROVER):
            await open_session(office, store, handle)
    return Desk(folder)


async def _same(store: Store) -> Store:
    return store


async def verified(desk: Desk) -> list[str]:
    """Sequence what waits and return what is wrong with the audit trail: nothing, one hopes."""
    settings = desk.settings
    async with opened(settings) as store:
        await build_sequencer(settings, store).drain()
        signer = LogKey.load(settings.keys_folder, settings.audit.origin)
        report = await verify(
            store,
            signer.verifier,
            high_water=HighWater(settings.high_water_file, signer.verifier),
            memory=HighWater(settings.home / "seen", signer.verifier),
            also=CHECKS,
        )
    return [] if report.verified else [str(one) for one in report.findings]
