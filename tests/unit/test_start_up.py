"""What a command costs before it does anything: it imports what it needs and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory

from incidents.app import Commands
from incidents.cli.lazy import Unloaded
from incidents.migrations import FOLDER
from incidents.revision import NEEDED

HEAVY = {
    "aiohttp", "alembic", "apscheduler", "argon2", "babel", "cryptography", "fastapi", "jinja2", "openpyxl",
    "phonenumbers", "psycopg", "pycountry", "pydantic", "sqlalchemy", "sqlmodel", "twilio", "uvicorn",
}  # fmt: skip


def _imported(home: str, *command: str) -> set[str]:
    """Return the top-level modules that a command has imported by its end."""
    code = (
        "import sys\nfrom incidents.app import app\ntry:\n    app(sys.argv[1:])\n"
        "except SystemExit:\n    print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--home", home, *command], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_an_overview_loads_nothing_heavy(tmp_path, option: str) -> None:
    """Who asks what there is waits for nothing."""
    assert _imported(str(tmp_path), option) & HEAVY == set()


def test_an_everyday_command_loads_neither_pages_nor_workbooks(tmp_path) -> None:
    """Holds are looked at when something is on fire."""
    imported = _imported(str(tmp_path), "announcements", "holds")
    assert "sqlalchemy" in imported
    assert imported & {"alembic", "fastapi", "uvicorn", "openpyxl", "apscheduler"} == set()


@pytest.mark.parametrize("name", Commands.entries)
def test_the_overview_says_what_the_command_says(name: str) -> None:
    """Its line is the first of the command's own help."""
    entry = Commands.entries[name]
    loaded = Unloaded(name, entry).load()
    assert (loaded.help.splitlines()[0], loaded.hidden) == (entry.help, entry.hidden)


def test_the_tables_that_are_needed_are_those_of_the_last_migration() -> None:
    """The number in the program and the newest script agree."""
    assert ScriptDirectory(str(FOLDER)).get_current_head() == NEEDED
