"""A banner to test against: an account desk in memory that follows the contract, keys, notices, a host."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from notifier.channels.banner import rules
from notifier.channels.banner.keys import TokenKey
from notifier.channels.banner.notices import BannerEvent, BannerNotice, CallToAction, Section
from notifier.channels.banner.repository import Facts
from notifier.channels.banner.token import Tokens
from notifier.clock import Clock, SystemClock

ISSUER = "https://app.example.com"
AUDIENCE = "https://notices.example.com/banner"
SECRET = bytes(range(32))


@dataclass(frozen=True)
class Recorded:
    """One row of the record."""

    sub: str
    reference: str
    event: BannerEvent
    facts: Facts


class Desk:
    """Accounts and their notices in memory; one event loop is its transaction."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.accounts: dict[str, list[BannerNotice]] = defaultdict(list)
        self.recorded: list[Recorded] = []
        self.reads = 0
        self._listening: dict[str, set[asyncio.Event]] = defaultdict(set)

    def give(self, sub: str, *notices: BannerNotice) -> None:
        """Add notices, or put a revision in the place of the one before it."""
        for notice in notices:
            kept = [one for one in self.accounts[sub] if one.reference != notice.reference]
            self.accounts[sub] = [*kept, notice]
        self._tell(sub)

    def events(self, sub: str) -> list[str]:
        """Return what is on record for an account, in order."""
        return [str(one.event) for one in self.recorded if one.sub == sub]

    async def notices(self, sub: str, _locale: str) -> Sequence[BannerNotice]:
        """Return what the account has, in the one language there is."""
        self.reads += 1
        return tuple(self.accounts.get(sub, ()))

    async def report(self, sub: str, reference: str, event: BannerEvent, at: datetime, facts: Facts) -> bool:
        """Record it if the rules allow."""
        if any(one.facts.event_id == facts.event_id and one.sub == sub for one in self.recorded):
            return True
        for place, notice in enumerate(self.accounts.get(sub, ())):
            if (notice.reference, notice.revision) != (reference, facts.revision):
                continue
            reading = rules.record(notice, event, at)
            if reading is None:
                return False
            if reading != notice.current:
                self.accounts[sub][place] = replace(notice, reading=reading)
                self.recorded.append(Recorded(sub, reference, event, facts))
                self._tell(sub)
            return True
        return False

    async def changes(self, sub: str) -> AsyncGenerator[None]:
        """Yield when the account's notices or readings change."""
        news = asyncio.Event()
        self._listening[sub].add(news)
        try:
            while True:
                await news.wait()
                news.clear()
                yield
        finally:
            self._listening[sub].discard(news)

    def listeners(self, sub: str) -> int:
        """Return how many iterate ``changes``."""
        return len(self._listening[sub])

    def _tell(self, sub: str) -> None:
        for news in self._listening[sub]:
            news.set()


class Host:
    """The host application's side of the tokens."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        pem = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.keys = [TokenKey("ed-1", "EdDSA", pem), TokenKey("hs-1", "HS256", SECRET)]
        self.pem = pem

    def tokens(self, clock: Clock) -> Tokens:
        """Return what verifies this host's tokens."""
        return Tokens(self.keys, issuer=ISSUER, audience=AUDIENCE, clock=clock)

    def mint(self, sub: str, now: float | None = None, kid: str = "ed-1", /, **more: Any) -> str:
        """Return a token for ``sub``; ``more`` replaces or adds claims, None takes one away."""
        iat = int(time.time() if now is None else now)
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": iat, "exp": iat + 600} | more
        claims = {name: value for name, value in claims.items() if value is not None}
        key, algorithm = (self.private, "EdDSA") if kid.startswith("ed") else (SECRET, "HS256")
        return jwt.api_jws.encode(json.dumps(claims).encode(), key, algorithm, headers={"kid": kid})


def encoded(value: Any) -> str:
    """Return JSON in base64url, as a token's parts are."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def notice(reference: str = "3F9A-02BC-77D1-E04B", **facts: Any) -> BannerNotice:
    """Return a critical notice; ``facts`` replace what it says."""
    made = BannerNotice(
        reference=reference,
        revision=1,
        severity="critical",
        locale="en",
        title="Your e-mail address and password were copied",
        summary="On 3 March somebody copied sign-in data from our shop. Your data was among it. Change your password now.",
        sections=(
            Section(
                "What happened",
                (
                    "On 3 March 2026 somebody used a flaw in our shop to copy a table of accounts. We closed the flaw the "
                    "same day and told the data protection authority on 4 March.",
                ),
            ),
            Section("What information about you was involved", ("Your e-mail address and your password.",)),
            Section(
                "What you can do",
                (),
                (
                    "Change your password in Settings, Security (2 minutes).",
                    "Change it wherever else you use the same one.",
                    "Be wary of messages that mention your orders.",
                ),
            ),
        ),
        action=CallToAction("Open the whole notice", "/account/notices"),
    )
    return replace(made, **facts)
