"""Make a home: the folder that holds the configuration, the keys and the state of one installation.

A home is made whole or not at all. What is lost with it: without ``keys/`` nothing personal in the store
can be read and the log cannot be continued; without ``state/`` (SQLite) the store itself is gone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from notifier.audit.log_key import LogKey
from notifier.errors import Conflict, Refused
from notifier.keys import Keys
from notifier.settings import Settings, load

CONFIGURATION = "notifier.toml"


@dataclass(frozen=True, slots=True)
class Installed:
    """A home that was made: its settings and the public half of its log key."""

    settings: Settings
    vkey: str


async def install(
    home: Path, configuration: str, make_store: Callable[[Settings], Awaitable[None]]
) -> Installed:
    """Write configuration and keys into ``home`` and let ``make_store`` create the tables.

    Everything is on disk on return. Nothing that exists is touched: ``Conflict``. When anything fails,
    nothing is left behind.
    """
    for name in (CONFIGURATION, "keys", "state"):
        if (home / name).exists():
            raise Conflict(
                f"{home} already holds {name}",
                advice="Choose an empty folder with --home, or run `notifier upgrade` on what is there.",
            )
    made: list[Path] = []
    try:
        installed = _write_home(home, configuration, made)
        await make_store(installed.settings)
        _sync_home(installed.settings)
    except BaseException as error:
        for path in reversed(made):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Refused(
                f"{home} cannot be written: {error.strerror}",
                advice="Check the path, its owner and the disk.",
            ) from None
        raise
    return installed


def _write_home(home: Path, configuration: str, made: list[Path]) -> Installed:
    """Write all but the store, noting in ``made`` what was created, in order."""
    above = next(path for path in (home, *home.parents) if path.exists())
    if above != home:
        made.append(above / home.relative_to(above).parts[0])
        home.mkdir(mode=0o700, parents=True)
    _write(home / CONFIGURATION, configuration, made)
    settings = load(home)
    for folder in (settings.keys_folder, settings.state_folder):
        made.append(folder)
        folder.mkdir(mode=0o700)
    log_key = LogKey.generate(settings.audit.origin)
    Keys.generate().save(settings.keys_folder)
    log_key.save(settings.keys_folder)
    return Installed(settings, log_key.vkey)


def _sync_home(settings: Settings) -> None:
    for path in (*settings.keys_folder.iterdir(), settings.keys_folder, settings.state_folder, settings.home):
        sync(path)


def _write(path: Path, content: str, made: list[Path]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    made.append(path)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Return once a file, or the entries of a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
