"""Who acts: an operator proves it with password and code, or within 15 minutes of having done so.

A session is a small file in the state folder, signed with the token key, readable by its owner alone and
good for one user of this machine. Approving, releasing and stopping never use it: they always ask.
"""

from __future__ import annotations

import base64
import getpass
import hmac
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from notifier.cli import Application, err
from notifier.clock import to_instant
from notifier.errors import BadInput
from notifier.keys import Keys
from notifier.operators import active_since, authenticate, check_handle
from notifier.store import Store

SESSION = timedelta(minutes=15)
_PURPOSE = "operator-session"


async def identify(app: Application, store: Store, operator: str, *, fresh: bool = False) -> str:
    """Return the handle of the operator who acts, proven; ``NotPermitted`` otherwise.

    ``fresh`` asks for password and code whatever session there is, and opens none.
    """
    handle = check_handle(operator)
    keys = app.load_keys()
    if not fresh and await _in_session(app, store, keys, handle):
        return handle
    password = ask_secret(f"Password of {handle}: ")
    code = ask_line(f"Code of {handle}: ")
    await authenticate(store, keys, handle, password, code)
    if not fresh:
        await open_session(app, store, handle)
    return handle


async def open_session(app: Application, store: Store, handle: str) -> None:
    """Let ``handle``, who has just been proven, act for 15 minutes without being asked again."""
    async with store.read() as tx:
        since = await active_since(tx, handle)
    payload = orjson.dumps(
        {
            "handle": handle,
            "since": since,
            "until": to_instant(app.clock.now() + SESSION),
            "user": os.getuid(),
        }
    )
    path = _path(app, handle)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        mac = app.load_keys().token_mac(_PURPOSE, payload)
        file.write(b".".join(base64.urlsafe_b64encode(part) for part in (payload, mac)))


def close_session(app: Application, handle: str) -> bool:
    """Forget the session of ``handle``; says whether there was one."""
    path = _path(app, check_handle(handle))
    there = path.exists()
    path.unlink(missing_ok=True)
    return there


def ask_secret(prompt: str) -> str:
    """Ask for a secret: unseen on a terminal, otherwise one line of standard input."""
    return getpass.getpass(prompt, stream=sys.stderr) if sys.stdin.isatty() else _line()


def ask_line(prompt: str) -> str:
    """Ask for a line: with a prompt on a terminal, otherwise one line of standard input."""
    if sys.stdin.isatty():
        err.print(prompt, end="", markup=False)
    return _line()


def ask_count(prompt: str) -> int | None:
    """Ask for a number, however its thousands are grouped; ``None`` if something else was typed."""
    typed = ask_line(prompt).strip().replace(",", "").replace(".", "").replace(" ", "")
    return int(typed) if typed.isascii() and typed.isdigit() else None


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise BadInput(
            "standard input ended before everything asked for was given",
            advice="Run it on a terminal, or pipe the password and the code as two lines.",
        )
    return line.rstrip("\r\n")


def _path(app: Application, handle: str) -> Path:
    return app.settings.state_folder / "sessions" / handle


async def _in_session(app: Application, store: Store, keys: Keys, handle: str) -> bool:
    session = _read(_path(app, handle), keys)
    if session.get("handle") != handle or session.get("user") != os.getuid():
        return False
    if session["until"] <= to_instant(app.clock.now()):
        return False
    async with store.read() as tx:
        since = await active_since(tx, handle)
    return since is not None and since == int(session["since"])


def _read(path: Path, keys: Keys) -> dict[str, Any]:
    """Return what the session file says if we signed it and only its owner can read it; else nothing."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            parts = [base64.urlsafe_b64decode(part) for part in file.read(4096).split(b".")]
    except (OSError, ValueError):
        return {}
    if len(parts) != 2 or status.st_uid != os.getuid() or status.st_mode & 0o077:
        return {}
    payload, mac = parts
    if not hmac.compare_digest(mac, keys.token_mac(_PURPOSE, payload)):
        return {}
    return dict(orjson.loads(payload))
