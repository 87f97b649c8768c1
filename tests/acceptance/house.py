"""A house that uses the program: a folder, the people in it, and the command line they type into."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp
from typer.testing import CliRunner

from incidents.app import app
from notifier.settings import load
from notifier.store import Store

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "incidents", "--home"]
STEP = 30


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str = ""

    @property
    def value(self) -> Any:
        """Return what it said as JSON."""
        return json.loads(self.out)


@dataclass
class House:
    """Everything happens through commands: in this process, or in one of their own where that matters."""

    home: Path
    secrets: dict[str, str] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)

    def say(self, *words: str, types: list[str] | None = None) -> Said:
        """Run a command in this process; ``types`` are the lines on its standard input."""
        done = CliRunner().invoke(
            app,
            ["--home", str(self.home), *words],
            input="".join(f"{line}\n" for line in types or []),
            env={"COLUMNS": "200"},
        )
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def does(self, *words: str, types: list[str] | None = None) -> Said:
        """Run a command that must succeed."""
        said = self.say(*words, types=types)
        assert said.code == 0, f"{words}: {said}"
        return said

    def ask(self, *words: str) -> Any:
        """Run a command that must succeed and return its JSON."""
        return self.does("--json", *words).value

    def shell(self, *words: str, types: list[str] | None = None) -> Said:
        """Run a command as a process of its own."""
        done = subprocess.run(
            [*COMMAND, str(self.home), *words],
            cwd=ROOT,
            input="".join(f"{line}\n" for line in types or []),
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def enrol(self, handle: str, voucher: str = "") -> None:
        """Enrol somebody as they would do it: read the secret from the screen, type a code from it."""
        words = ["operators", "add", handle, "--email", f"{handle}@example.com"]
        process = subprocess.Popen(
            [*COMMAND, str(self.home), *words, *(["--operator", voucher] if voucher else [])],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            lines = [*(self.proof(voucher) if voucher else []), password(handle)]
            process.stdin.write("".join(f"{line}\n" for line in lines))
            process.stdin.flush()
            while not (shown := re.match(r"secret: (\w+)", process.stdout.readline())):
                assert process.poll() is None
            self.secrets[handle] = shown[1]
            process.stdin.write(f"{self.code(handle)}\n")
            process.stdin.flush()
            assert "is enrolled" in process.stdout.read()

    def proof(self, handle: str) -> list[str]:
        """Return what somebody types to prove who they are."""
        return [password(handle), self.code(handle)]

    def code(self, handle: str) -> str:
        """Return a code not used before that counts for half a minute yet; where all were, time has passed."""
        present = int(time.time()) // STEP
        step = max(self.used.get(handle, 0) + 1, present)
        if step > present + 1:
            self._rest()
            step = present
        self.used[handle] = step
        return pyotp.TOTP(self.secrets[handle]).generate_otp(step)

    def _rest(self) -> None:
        """Forget which codes were used, as if some minutes had passed. A code is good once."""

        async def act() -> None:
            settings = load(self.home)
            store = Store.open(settings.store_url, origin=settings.audit.origin)
            async with store.begin() as tx:
                await tx.housekeep("UPDATE operator SET totp_last_step = 0")
            await store.close()

        asyncio.run(act())
        self.used.clear()

    def file(self, name: str, content: str) -> str:
        """Write a file and return its path."""
        path = self.home / name
        path.write_text(content)
        return str(path)


def password(handle: str) -> str:
    """Return somebody's password."""
    return f"four words nobody guesses {handle}"
