"""What a command that fails says, and how it ends."""

from __future__ import annotations

import pytest
import typer
from sqlalchemy.exc import OperationalError

from notifier.cli import run


def test_a_database_that_fails_is_told_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, what to do, exit code 1; the statement and what was bound to it stay out."""

    async def act() -> None:
        raise OperationalError("INSERT INTO t", {"name": "someone@example.test"}, OSError("gone"))

    with pytest.raises(typer.Exit) as ended:
        run(act())
    said = capsys.readouterr().err
    assert ended.value.exit_code == 1
    assert "the database failed in the middle (OperationalError)" in said
    assert "example.test" not in said
