"""Worker processes end with their parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import multiprocessing, sys, time
from concurrent.futures import ProcessPoolExecutor
from notifier.processes import end_with_parent

if __name__ == "__main__":
    pool = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), initializer=end_with_parent)
    list(pool.map(abs, range(4)))
    print("ready", flush=True)
    time.sleep(600)
"""


def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    """Once all of them are gone, the pipe they inherited reaches its end."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    parent = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    parent.kill()
    assert parent.communicate(timeout=30)[0] == ""
