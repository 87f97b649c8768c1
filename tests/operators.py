"""Operators for tests: enrolled with a known password and a code generator that follows a clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyotp

from notifier.clock import Clock
from notifier.keys import Keys
from notifier.operators import enrol, new_secret
from notifier.store import Store

PASSWORD = "correct horse battery"


@dataclass
class Enrolled:
    """Somebody enrolled, with what they know and hold."""

    handle: str
    clock: Clock
    password: str = PASSWORD
    secret: str = field(default_factory=new_secret)

    def code(self, *, steps: int = 0) -> str:
        """Return the code shown now, or ``steps`` later."""
        return pyotp.TOTP(self.secret).generate_otp(int(self.clock.now().timestamp()) // 30 + steps)

    def lines(self, *, steps: int = 0) -> str:
        """Return what they type when asked who they are."""
        return f"{self.password}\n{self.code(steps=steps)}\n"


async def enrolled(store: Store, keys: Keys, handle: str, *, voucher: str = "") -> Enrolled:
    """Enrol somebody with the code of the step before, so that the present one is still good."""
    person = Enrolled(handle, store.clock)
    await enrol(
        store,
        keys,
        handle=handle,
        email=f"{handle}@example.com",
        password=person.password,
        secret=person.secret,
        code=person.code(steps=-1),
        voucher=voucher,
    )
    return person
