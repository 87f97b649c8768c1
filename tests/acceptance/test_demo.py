"""The demonstration, as somebody who has just installed the program runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_the_demonstration_ends_by_itself_with_proof(tmp_path: Path) -> None:
    """Canary, a stop of the texts alone, letters: it goes past each of them, accounts for all, and verifies."""
    done = subprocess.run(
        [sys.executable, "-m", "incidents", "demo", "--to", str(tmp_path / "demo")],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("the canary is out", "the texts stop by themselves", "audit trail: verified", "came back"):
        assert said in done.stdout
