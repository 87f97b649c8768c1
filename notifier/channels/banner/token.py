"""The token with which the host application vouches for its signed-in account: a JWT (RFC 7519).

Verification is total: any text gives claims or None, never an exception, and None says nothing of the
reason. The algorithm belongs to the key that ``kid`` names; the token's own word on it must agree with the
key (RFC 8725, sections 3.1 and 3.5).
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Self

import orjson
from jwt import PyJWS, PyJWTError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from notifier.channels.banner.keys import TokenKey, load_key
from notifier.clock import Clock
from notifier.errors import BadSettings
from notifier.settings import BannerSettings

LONGEST = 4096
"""Characters of a token worth looking at."""
LIFETIME = timedelta(minutes=15)
"""The longest time between ``iat`` and ``exp``."""
SKEW = timedelta(seconds=60)
"""How far the host's clock may be ahead of ours."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MEMBERS = frozenset((("alg", "kid"), ("alg", "kid", "typ")))


@dataclass(frozen=True, slots=True)
class Claims:
    """What the host vouches for."""

    sub: str
    """The number of the customer who is signed in."""
    key_id: str
    expires_at: datetime
    token_id: str = ""
    customary_place: bool | None = None
    authenticated_at: datetime | None = None


class _Said(BaseModel):
    """The claims as they must be written: no number as text, no truth as number."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    iss: str
    aud: str
    sub: Annotated[str, Field(min_length=1, max_length=128)]
    iat: int
    exp: int
    nbf: int | None = None
    jti: Annotated[str, Field(max_length=128)] = ""
    customary_place: bool | None = None
    auth_time: int | None = None


class Tokens:
    """Verifies tokens of one host. Several keys may be valid at once, so that they can be rotated."""

    @classmethod
    def load(cls, settings: BannerSettings, clock: Clock) -> Self:
        """Read the keys that the settings name; without an issuer and an audience that is ``BadSettings``."""
        if settings.keys and not (settings.issuer and settings.audience):
            raise BadSettings(
                "banner.keys are set without banner.issuer and banner.audience",
                advice="Set both to what the host application puts into its tokens.",
            )
        keys = [load_key(one) for one in settings.keys]
        return cls(keys, issuer=settings.issuer, audience=settings.audience, clock=clock)

    def __init__(self, keys: Iterable[TokenKey], *, issuer: str, audience: str, clock: Clock) -> None:
        listed = list(keys)
        self._keys = {key.id: key for key in listed}
        if len(self._keys) != len(listed):
            raise BadSettings("two banner keys have the same id")
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._jws = PyJWS(algorithms=["EdDSA", "HS256"])

    def verify(self, token: str | bytes) -> Claims | None:
        """Return what the host vouches for; None unless every part of it holds."""
        if len(token) > LONGEST:
            return None
        if isinstance(token, bytes):
            token = token.decode("ascii", "replace")
        if not _TOKEN.fullmatch(token) or (key := self._key(token)) is None:
            return None
        try:
            payload = self._jws.decode(token, key.verifying, algorithms=[key.algorithm])
            said = _Said.model_validate(orjson.loads(payload))
            return self._claims(said, key) if self._holds(said) else None
        except (PyJWTError, ValidationError, ValueError, OverflowError):
            return None

    def _key(self, token: str) -> TokenKey | None:
        """Return the key that the header names, if that header is one we would accept with it."""
        try:
            header = orjson.loads(_decoded(token.partition(".")[0]))
        except ValueError:
            return None
        if not isinstance(header, dict) or tuple(sorted(header)) not in _MEMBERS:
            return None  # No other key (jwk, jku, x5c), no extension (crit), no other encoding (b64).
        kid = header["kid"]
        key = self._keys.get(kid) if isinstance(kid, str) else None
        fits = key is not None and header["alg"] == key.algorithm and header.get("typ", "JWT") == "JWT"
        return key if fits else None

    def _holds(self, said: _Said) -> bool:
        now = self._clock.now().timestamp()
        return (
            said.iss == self._issuer
            and said.aud == self._audience
            and said.iat < said.exp <= said.iat + LIFETIME.total_seconds()
            and said.iat <= now + SKEW.total_seconds()
            and (said.nbf is None or said.nbf <= now + SKEW.total_seconds())
            and now < said.exp
            and said.sub.isprintable()
            and said.jti.isprintable()
        )

    @staticmethod
    def _claims(said: _Said, key: TokenKey) -> Claims:
        """Return what is said. An authentication after the token was made is none."""
        known = said.auth_time is not None and 0 < said.auth_time <= said.iat
        return Claims(
            sub=said.sub,
            key_id=key.id,
            expires_at=datetime.fromtimestamp(said.exp, UTC),
            token_id=said.jti,
            customary_place=said.customary_place,
            authenticated_at=datetime.fromtimestamp(said.auth_time or 0, UTC) if known else None,
        )


def _decoded(part: str) -> bytes:
    """Decode base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
