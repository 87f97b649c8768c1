"""A home for the demonstration, with two enrolled operators whose code generator is a file."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyotp

from incidents.migrations import upgrade
from notifier.clock import Clock
from notifier.configuration import commented
from notifier.errors import BadInput, Conflict, NotFound
from notifier.installation import install
from notifier.keys import Keys
from notifier.operators import enrol, new_secret
from notifier.settings import Settings
from notifier.store import Store

AUTHOR, APPROVER = "anna", "ben"
_OPERATORS_FILE = "demo-operators.json"
_STEP = timedelta(seconds=30)
_VALUES = {
    "drill": True,
    "organisation.brand": "Example Company",
    "organisation.verify_address": "notices.example.com/check",
    "organisation.allowed_hosts": ["example.com"],
    "audit.origin": "drill.example.com/audit",
    "letter.sender_name": "Example Company",
    "letter.sender_street": "1 Example Road",
    "letter.sender_postal_code": "12345",
    "letter.sender_city": "Exampletown",
    "letter.sender_country": "US",
    "approval.countdown_seconds": 3,
    "sending.retry_first_seconds": 1,
    "sending.quarantine_seconds": 2,
}


@dataclass(frozen=True)
class DemoHome:
    """The installation of the demonstration and its operators' passwords."""

    settings: Settings
    keys: Keys
    passwords: dict[str, str]
    secrets: dict[str, str]


async def make_home(folder: Path, clock: Clock) -> DemoHome:
    """Make a fresh drill installation in ``folder``; only an earlier demonstration there is replaced."""
    _clear(folder)

    async def make_store(settings: Settings) -> None:
        store = Store.open(settings.store_url, origin=settings.audit.origin)
        try:
            await upgrade(store.engine)
        finally:
            await store.close()

    settings = (await install(folder, commented(_VALUES), make_store)).settings
    keys = Keys.load(settings.keys_folder)
    made = DemoHome(
        settings,
        keys,
        {handle: f"demo-{secrets.token_hex(6)}" for handle in (AUTHOR, APPROVER)},
        {handle: new_secret() for handle in (AUTHOR, APPROVER)},
    )
    store = Store.open(settings.store_url, origin=settings.audit.origin, clock=clock, load_keys=lambda: keys)
    try:
        for handle, voucher in ((AUTHOR, ""), (APPROVER, AUTHOR)):
            await enrol(
                store,
                keys,
                handle=handle,
                email=f"{handle}@example.com",
                password=made.passwords[handle],
                secret=made.secrets[handle],
                # A code is good once: the one before leaves the present one for the approval.
                code=code(made.secrets[handle], clock, steps=-1),
                voucher=voucher,
            )
    finally:
        await store.close()
    _keep(folder, made)
    return made


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _OPERATORS_FILE).exists():
            raise Conflict(
                f"{folder} holds something else than an earlier demonstration",
                advice="Name an empty folder with --to.",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def _keep(folder: Path, made: DemoHome) -> None:
    descriptor = os.open(folder / _OPERATORS_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"passwords": made.passwords, "secrets": made.secrets}, file, indent=1)


def code(secret: str, clock: Clock, *, steps: int = 0) -> str:
    """Return the code of a generator, ``steps`` of 30 seconds from now."""
    return pyotp.TOTP(secret).at(clock.now() + steps * _STEP)


def current_code(folder: Path, handle: str, clock: Clock) -> tuple[str, str]:
    """Return the password and the present code of an operator of the demonstration in ``folder``."""
    try:
        known = json.loads((folder / _OPERATORS_FILE).read_text())
    except FileNotFoundError:
        raise NotFound("there is no demonstration in this folder", advice="Run `notifier demo`.") from None
    if handle not in known["secrets"]:
        raise BadInput(f"the operators of the demonstration are {AUTHOR} and {APPROVER}")
    return known["passwords"][handle], code(known["secrets"][handle], clock)
