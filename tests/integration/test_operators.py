"""Enrolment and proof of identity, on both databases."""

from __future__ import annotations

import asyncio

import pyotp
import pytest

from notifier.errors import BadInput, Conflict, NotPermitted, Refused
from notifier.keys import Keys
from notifier.operators import (
    FAILURES_ALLOWED,
    alert_addresses,
    authenticate,
    enrol,
    matching_step,
    new_secret,
    retire,
)
from notifier.store import Store
from notifier.testing import FakeClock
from tests.operators import PASSWORD, enrolled


async def _refusals(store: Store) -> list[bytes]:
    async with store.read() as tx:
        rows = await tx.rows("SELECT entry FROM audit_event WHERE action = 'operator:refused' ORDER BY id")
    return [bytes(row.entry) for row in rows]


async def test_password_and_code_prove_an_operator(store: Store, keys: Keys) -> None:
    """Both right: the handle; either wrong, or nobody: the same refusal."""
    alice = await enrolled(store, keys, "alice")
    assert await authenticate(store, keys, "alice", alice.password, alice.code()) == "alice"
    said = set()
    for handle, password, code in (
        ("alice", "wrong horse battery", alice.code(steps=1)),
        ("alice", alice.password, "000000"),
        ("nobody", alice.password, alice.code(steps=1)),
    ):
        with pytest.raises(NotPermitted) as refused:
            await authenticate(store, keys, handle, password, code)
        said.add(str(refused.value))
    assert len(said) == 1


async def test_a_code_is_good_once(store: Store, keys: Keys, clock: FakeClock) -> None:
    """A replayed code is refused, also after a newer one was used; the next one is taken."""
    alice = await enrolled(store, keys, "alice")
    first, second = alice.code(), alice.code(steps=1)
    await authenticate(store, keys, "alice", alice.password, second)
    for used in (first, second):
        with pytest.raises(NotPermitted, match="used already"):
            await authenticate(store, keys, "alice", alice.password, used)
    clock.advance(seconds=60)
    assert await authenticate(store, keys, "alice", alice.password, alice.code())


async def test_two_uses_of_one_code_at_once_are_one(store: Store, keys: Keys) -> None:
    """Side by side, exactly one of two identical log-ins succeeds."""
    alice = await enrolled(store, keys, "alice")
    tries = [authenticate(store, keys, "alice", alice.password, alice.code()) for _ in range(2)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result) for result in results if isinstance(result, Exception)) == [NotPermitted]


async def test_failures_lock_for_longer_and_longer(store: Store, keys: Keys, clock: FakeClock) -> None:
    """Five failures lock for a minute, the sixth for two; the right words do not help meanwhile."""
    alice = await enrolled(store, keys, "alice")
    for _ in range(FAILURES_ALLOWED):
        with pytest.raises(NotPermitted, match="wrong"):
            await authenticate(store, keys, "alice", "wrong horse battery", "000000")
    with pytest.raises(NotPermitted, match="locked until 2026-03-02 09:01:00"):
        await authenticate(store, keys, "alice", alice.password, alice.code())
    clock.advance(seconds=61)
    with pytest.raises(NotPermitted, match="wrong"):
        await authenticate(store, keys, "alice", "wrong horse battery", "000000")
    with pytest.raises(NotPermitted, match="locked until 2026-03-02 09:03:01"):
        await authenticate(store, keys, "alice", alice.password, alice.code())
    clock.advance(seconds=121)
    assert await authenticate(store, keys, "alice", alice.password, alice.code())


async def test_failures_are_on_record_without_what_was_typed(store: Store, keys: Keys) -> None:
    """The trail names the operator and the kind of failure; an unknown handle may be a password."""
    await enrolled(store, keys, "alice")
    for handle in ("alice", "my-secret-word"):
        with pytest.raises(NotPermitted):
            await authenticate(store, keys, handle, "wrong horse battery", "123123")
    entries = b"".join(await _refusals(store))
    assert b'"handle":"alice"' in entries
    assert b'"handle":"unknown"' in entries
    assert not any(typed in entries for typed in (b"my-secret-word", b"wrong horse", b"123123"))


async def test_only_the_first_operator_needs_no_voucher(store: Store, keys: Keys) -> None:
    """Once somebody is enrolled, the next needs one who answers for them, and a taken handle conflicts."""
    await enrolled(store, keys, "alice")
    with pytest.raises(NotPermitted, match="vouches"):
        await enrolled(store, keys, "bob")
    await enrolled(store, keys, "bob", voucher="alice")
    with pytest.raises(Conflict):
        await enrolled(store, keys, "bob", voucher="alice")
    async with store.read() as tx:
        rows = await tx.rows("SELECT entry FROM audit_event WHERE action = 'operator:added'")
    assert sum(b'"actor":"operator:alice","handle":"bob"' in bytes(row.entry) for row in rows) == 1


@pytest.mark.parametrize("password", ["short", "alice-smith-1", "aaaaaaaaaaaaaaaa"])
async def test_weak_passwords_are_refused(store: Store, keys: Keys, password: str) -> None:
    """Too short, the handle itself, or one character repeated: bad input, and nobody is enrolled."""
    secret = new_secret()
    with pytest.raises(BadInput):
        await enrol(
            store, keys, handle="alice-smith-1", email="a@example.com", password=password, secret=secret,
            code=pyotp.TOTP(secret).at(store.clock.now()), voucher="",
        )  # fmt: skip


async def test_a_wrong_first_code_enrols_nobody(store: Store, keys: Keys) -> None:
    """The code generator must prove itself before the enrolment counts."""
    with pytest.raises(BadInput, match="nobody was enrolled"):
        await enrol(
            store, keys, handle="alice", email="a@example.com", password=PASSWORD, secret=new_secret(),
            code="000000", voucher="",
        )  # fmt: skip
    async with store.read() as tx:
        assert await tx.scalar("SELECT count(*) FROM operator") == 0


async def test_a_retired_operator_is_nobody_and_the_last_one_stays(store: Store, keys: Keys) -> None:
    """Retired: no log-in, no alerts. The last operator cannot be retired."""
    alice = await enrolled(store, keys, "alice")
    with pytest.raises(Refused, match="last operator"):
        await retire(store, "alice", actor="alice")
    await enrolled(store, keys, "bob", voucher="alice")
    await retire(store, "alice", actor="bob")
    with pytest.raises(NotPermitted):
        await authenticate(store, keys, "alice", alice.password, alice.code())
    async with store.read() as tx:
        assert await alert_addresses(tx, keys) == {"bob": "bob@example.com"}


async def test_nothing_secret_lies_in_the_database(store: Store, keys: Keys) -> None:
    """Neither password, TOTP secret nor e-mail address is stored in the clear."""
    alice = await enrolled(store, keys, "alice")
    async with store.read() as tx:
        row = await tx.row("SELECT password_hash, totp_wrapped, email_sealed FROM operator")
    assert row is not None
    assert row.password_hash.startswith("$argon2id$")
    assert alice.secret.encode() not in bytes(row.totp_wrapped)
    assert b"example.com" not in bytes(row.email_sealed)


def test_codes_of_the_neighbouring_steps_fit(clock: FakeClock) -> None:
    """A clock half a minute off is forgiven, more is not, and letters are no code."""
    secret = new_secret()
    totp = pyotp.TOTP(secret)
    step = int(clock.now().timestamp()) // 30
    fits = {
        offset: matching_step(secret, totp.generate_otp(step + offset), clock.now()) for offset in (-1, 0, 1)
    }
    assert fits == {-1: step - 1, 0: step, 1: step + 1}
    assert matching_step(secret, "äöü", clock.now()) is None
