"""The host application's keys, with which its tokens are verified. Each has one algorithm and no other."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from notifier.errors import BadSettings
from notifier.settings import BannerKeySettings

Algorithm = Literal["EdDSA", "HS256"]

_SHORTEST_SECRET = 32  # RFC 7518, section 3.2: at least as long as the hash.
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class TokenKey:
    """One key of the host's: of a public Ed25519 key or a shared secret. Anything else is ``BadSettings``."""

    __slots__ = ("algorithm", "id", "verifying")

    def __init__(self, key_id: str, algorithm: Algorithm, material: bytes) -> None:
        """Take the PEM text of a public key for ``EdDSA``, the bytes of the secret for ``HS256``."""
        if not _KEY_ID.fullmatch(key_id):
            raise BadSettings(f"the banner key {key_id!r} has an id that no token can name")
        self.id = key_id
        self.algorithm = algorithm
        self.verifying = _public(key_id, material) if algorithm == "EdDSA" else _secret(key_id, material)


def _public(key_id: str, pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadSettings(
            f"the banner key {key_id} is no public Ed25519 key",
            advice="Give the public half as PEM: openssl pkey -in banner.pem -pubout.",
        )
    return key


def _secret(key_id: str, secret: bytes) -> bytes:
    if len(secret) < _SHORTEST_SECRET or secret.lstrip().startswith(b"-----BEGIN"):
        raise BadSettings(
            f"the banner key {key_id} is no secret of at least {_SHORTEST_SECRET} random bytes",
            advice="Make one with: openssl rand -base64 32.",
        )
    return secret


def load_key(settings: BannerKeySettings) -> TokenKey:
    """Read a key's file; one that cannot be used stops the start with ``BadSettings``."""
    try:
        content = Path(settings.key_file).read_bytes()
    except OSError:
        raise BadSettings(f"the file of the banner key {settings.id} cannot be read") from None
    if settings.algorithm == "HS256":
        try:
            content = b64decode(b"".join(content.split()), validate=True)
        except ValueError:
            content = b""
    return TokenKey(settings.id, settings.algorithm, content)
