"""Operators: people enrolled with a password and a code generator, and how they prove who they are.

A password is kept as argon2id (RFC 9106), the code generator's secret (TOTP, RFC 6238) and the e-mail
address sealed under the installation's own key. Every attempt is counted before it is checked, so that
attempts made side by side cannot get past the lock.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NoReturn

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import IntegrityError

from notifier.audit.actions import AuditAction
from notifier.audit.entry import Event
from notifier.clock import from_instant
from notifier.errors import BadInput, Conflict, NotFound, NotPermitted, Refused
from notifier.keys import Keys
from notifier.store import Store, Transaction

ISSUER = "breach-notifier"
SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
FAILURES_ALLOWED = 5
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=4)
_STEP_SECONDS = 30
_HANDLE = re.compile(r"[a-z][a-z0-9._-]{1,31}")
_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class OperatorEntry:
    """One operator as lists show them."""

    handle: str
    created_at: int
    retired_at: int | None
    locked_until: int


@dataclass(frozen=True, slots=True)
class _Proof:
    password_hash: str
    totp_sealed: bytes


def check_handle(handle: str) -> str:
    """Return ``handle`` if it can name an operator; otherwise ``BadInput``."""
    if not _HANDLE.fullmatch(handle):
        raise BadInput(
            "an operator's handle begins with a letter and has 2 to 32 characters of a-z, 0-9, '.', '_', '-'",
            advice="Give it with --operator HANDLE; `notifier operators list` shows who is enrolled.",
        )
    return handle


def check_password(handle: str, password: str) -> str:
    """Return the password as it is hashed (NFKC, NIST SP 800-63B); one that is too weak is ``BadInput``."""
    normal = unicodedata.normalize("NFKC", password)
    if not SHORTEST_PASSWORD <= len(normal) <= LONGEST_PASSWORD:
        raise BadInput(
            f"a password has at least {SHORTEST_PASSWORD} characters", advice="Several words make a good one."
        )
    if normal.casefold() == handle.casefold() or len(set(normal)) < 4:
        raise BadInput(
            "a password is neither the handle nor one character repeated",
            advice="Several words make a good one.",
        )
    return normal


def new_secret() -> str:
    """Make the secret of a new code generator, in base32."""
    return pyotp.random_base32()


def provisioning_uri(handle: str, secret: str) -> str:
    """Return the otpauth URI that code generators read."""
    return pyotp.TOTP(secret).provisioning_uri(name=handle, issuer_name=ISSUER)


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step that ``code`` belongs to: the present one or a neighbour; else ``None``."""
    typed = code.replace(" ", "").strip()
    totp = pyotp.TOTP(secret)
    present = int(now.timestamp()) // _STEP_SECONDS
    found = [
        step
        for step in (present - 1, present, present + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), typed.encode())
    ]
    return max(found, default=None)


async def enrol(
    store: Store, keys: Keys, *, handle: str, email: str, password: str, secret: str, code: str, voucher: str
) -> None:
    """Enrol an operator whose code generator has proved itself with one ``code``.

    ``voucher`` is the handle of the operator who answers for them, already identified. It may be empty
    for the very first operator only. A taken handle, retired ones too, is a ``Conflict``.
    """
    normal = check_password(check_handle(handle), password)
    step = matching_step(secret, code, store.clock.now())
    if step is None:
        raise BadInput(
            "the code does not fit the secret; nobody was enrolled",
            advice="Check the clock of the device that makes the codes, then start again.",
        )
    hashed = await asyncio.to_thread(_hasher.hash, normal)
    house = keys.house()
    async with store.begin() as tx:
        active = await tx.scalar("SELECT count(*) FROM operator WHERE retired_at IS NULL")
        if active and not voucher:
            raise NotPermitted(
                "somebody is enrolled already, so a new operator needs one who vouches for them",
                advice="Add --operator with the handle of an enrolled operator.",
            )
        try:
            await tx.write(
                "INSERT INTO operator (handle, role, email_sealed, password_hash, totp_wrapped,"
                " totp_last_step, failures, locked_until, created_at)"
                " VALUES (:handle, 'operator', :email, :hash, :totp, :step, 0, 0, :now)",
                {
                    "handle": handle,
                    "email": house.seal(check_address(email).encode(), b"operator-email:" + handle.encode()),
                    "hash": hashed,
                    "totp": house.seal(secret.encode(), b"operator-totp:" + handle.encode()),
                    "step": step,
                    "now": tx.now_us(),
                },
            )
        except IntegrityError:
            raise taken(handle) from None
        actor = f"operator:{voucher}" if voucher else "system"
        tx.record(Event(AuditAction.OPERATOR_ADDED, {"actor": actor, "handle": handle}))


async def authenticate(store: Store, keys: Keys, handle: str, password: str, code: str) -> str:
    """Return ``handle`` once its password and a fresh code are proven; otherwise ``NotPermitted``.

    A code is good once. Five failures lock the operator for a minute, each further one twice as long.
    Who is not enrolled costs as much time as who is, and failures go on record without what was typed.
    """
    async with store.begin() as tx:
        proof, locked_until = await _count_attempt(tx, handle)
    if locked_until:
        raise NotPermitted(
            f"{handle} is locked until {from_instant(locked_until):%Y-%m-%d %H:%M:%S} UTC"
            " after too many failures"
        )
    normal = unicodedata.normalize("NFKC", password)[:LONGEST_PASSWORD]
    if proof is None:
        await asyncio.to_thread(_verify, _nobody(), normal)
        await _refuse(store, "", "unknown")
    known = await asyncio.to_thread(_verify, proof.password_hash, normal)
    secret = keys.house().open(proof.totp_sealed, b"operator-totp:" + handle.encode()).decode()
    step = matching_step(secret, code, store.clock.now())
    if not known or step is None:
        await _refuse(store, handle, "password-or-code")
    async with store.begin() as tx:
        fresh = await tx.write(
            "UPDATE operator SET failures = 0, locked_until = 0, totp_last_step = :step"
            " WHERE handle = :handle AND retired_at IS NULL AND totp_last_step < :step",
            {"handle": handle, "step": step},
        )
        if fresh:
            tx.record(
                Event(AuditAction.OPERATOR_IDENTIFIED, {"actor": f"operator:{handle}", "handle": handle})
            )
            return handle
        tx.record(_refusal(handle, "code-used"))
    raise NotPermitted("this code was used already", advice="Wait for the next code, at most 30 seconds.")


def taken(handle: str) -> Conflict:
    """Return the refusal of a handle that somebody has or had."""
    return Conflict(f"an operator {handle} is, or was, enrolled", advice="Choose another handle.")


async def retire(store: Store, handle: str, *, actor: str) -> None:
    """End an operator's rights; their approvals stay on record. The last one cannot be retired."""
    async with store.begin() as tx:
        active = {row.handle for row in await tx.rows("SELECT handle FROM operator WHERE retired_at IS NULL")}
        if handle not in active:
            raise NotFound(f"no operator {handle} is enrolled", advice="See `notifier operators list`.")
        if len(active) == 1:
            raise Refused(f"{handle} is the last operator", advice="Enrol another one first.")
        await tx.write(
            "UPDATE operator SET retired_at = :now WHERE handle = :handle AND retired_at IS NULL",
            {"handle": handle, "now": tx.now_us()},
        )
        tx.record(Event(AuditAction.OPERATOR_RETIRED, {"actor": f"operator:{actor}", "handle": handle}))


async def operators(tx: Transaction) -> list[OperatorEntry]:
    """List everybody who is or was enrolled, by handle."""
    rows = await tx.rows("SELECT handle, created_at, retired_at, locked_until FROM operator ORDER BY handle")
    return [OperatorEntry(row.handle, row.created_at, row.retired_at, row.locked_until) for row in rows]


async def active_since(tx: Transaction, handle: str) -> int | None:
    """Return when an operator was enrolled; ``None`` for nobody and for a retired one."""
    found = await tx.scalar(
        "SELECT created_at FROM operator WHERE handle = :handle AND retired_at IS NULL", handle=handle
    )
    return None if found is None else int(found)


async def alert_addresses(tx: Transaction, keys: Keys) -> dict[str, str]:
    """Return the e-mail addresses of the active operators by handle, for alerts."""
    house = keys.house()
    rows = await tx.rows(
        "SELECT handle, email_sealed FROM operator WHERE retired_at IS NULL AND email_sealed IS NOT NULL"
        " ORDER BY handle"
    )
    return {
        row.handle: house.open(bytes(row.email_sealed), b"operator-email:" + row.handle.encode()).decode()
        for row in rows
    }


async def _count_attempt(tx: Transaction, handle: str) -> tuple[_Proof | None, int]:
    """Count one attempt as failed until it is proven, with the lock that this brings.

    Returns what to check it against (``None`` for nobody) and until when the operator is locked, if so.
    """
    now = tx.now_us()
    found = await tx.housekeep(
        "UPDATE operator SET failures = failures + 1"
        " WHERE handle = :handle AND retired_at IS NULL AND locked_until <= :now"
        " RETURNING failures, password_hash, totp_wrapped",
        {"handle": handle, "now": now},
    )
    if found:
        over = found[0].failures - FAILURES_ALLOWED
        if over >= 0:
            lock = min(FIRST_LOCK * 2 ** min(over, 16), LONGEST_LOCK)
            await tx.housekeep(
                "UPDATE operator SET locked_until = :until WHERE handle = :handle",
                {"handle": handle, "until": now + int(lock.total_seconds()) * 1_000_000},
            )
        return _Proof(found[0].password_hash, bytes(found[0].totp_wrapped)), 0
    until = await tx.scalar(
        "SELECT locked_until FROM operator WHERE handle = :handle AND retired_at IS NULL", handle=handle
    )
    if until:
        tx.record(_refusal(handle, "locked"))
    return None, int(until or 0)


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except VerificationError:
        return False


@cache
def _nobody() -> str:
    """Return a hash that no password fits, to spend the same time on."""
    return _hasher.hash(pyotp.random_base32(64))


def _refusal(handle: str, reason: str) -> Event:
    # An unknown handle is not repeated: people type passwords into the wrong field.
    return Event(
        AuditAction.OPERATOR_REFUSED, {"actor": "system", "handle": handle or "unknown", "reason": reason}
    )


async def _refuse(store: Store, handle: str, reason: str) -> NoReturn:
    async with store.begin() as tx:
        tx.record(_refusal(handle, reason))
    raise NotPermitted("handle, password or code is wrong", advice="After 5 failures the operator is locked.")


def check_address(email: str) -> str:
    """Return an operator's e-mail address as it is kept; ``BadInput`` if it is none."""
    try:
        return validate_email(email, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise BadInput(
            "the operator's e-mail address is not a valid one", advice="Give it with --email."
        ) from None
