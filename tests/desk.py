"""A desk for tests of the command line: an installation, an operator in session, and the commands."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from incidents.app import app
from notifier.cli import Application
from notifier.cli.identity import open_session
from notifier.keys import Keys
from notifier.settings import Settings
from notifier.store import Store
from tests.operators import Enrolled, enrolled


@dataclass
class Desk:
    """Where ``alice`` works. ``say`` returns exit code and output."""

    home: Path
    url: str
    keys: Keys = field(default_factory=Keys.generate)
    alice: Enrolled = field(init=False)

    def __post_init__(self) -> None:
        """Install and enrol."""
        self.keys.save(self.home / "keys")
        asyncio.run(self._enrol())

    async def _enrol(self) -> None:
        async with self.store() as store:
            self.alice = await enrolled(store, self.keys, "alice")

            async def same() -> Store:
                return store

            await open_session(Application(Settings(home=self.home), same, lambda: self.keys), store, "alice")

    def store(self) -> Any:
        """Open the store for a test's own look."""
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opened() -> Any:
            store = Store.open(self.url, origin="notices.example.com/audit")
            try:
                yield store
            finally:
                await store.close()

        return opened()

    def say(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        """Run a command and return its exit code and everything it printed; ``typed`` is its input."""
        environment = {"NOTIFIER_STORE__URL": self.url, "COLUMNS": "250"}
        done = CliRunner().invoke(app, ["--home", str(self.home), *arguments], env=environment, input=typed)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    def ask(self, *arguments: str) -> Any:
        """Run a command that must succeed and return its JSON."""
        code, said = self.say("--json", *arguments)
        assert code == 0, said
        return json.loads(said.splitlines()[-1])

    def acts(self, *arguments: str) -> Any:
        """Run a command as alice that must succeed and return its JSON."""
        return self.ask(*arguments, "--operator", "alice")

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        url = self.url.replace("+aiosqlite", "")
        engine = create_engine(url)
        with engine.connect() as connection:
            found = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        engine.dispose()
        return int(found)

    def file(self, name: str, content: str | bytes) -> str:
        """Write a file and return its path."""
        path = self.home / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)
