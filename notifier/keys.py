"""Keys: what protects personal data at rest, and what makes it searchable without being readable.

Each person has a random *subject key* of 32 bytes, wrapped by the deployment's master key
(AES-256-GCM, NIST SP 800-38D) and kept in a table of its own. Everything personal is sealed under it,
so destroying one row makes one person unreadable, in backups too.
"""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from notifier.errors import BadSettings, StoreError

KEY_BYTES = 32
_NONCE_BYTES = 12
_SEAL_VERSION = b"\x01"


def _derive(key: bytes, purpose: bytes) -> bytes:
    """Derive a 32-byte key for one purpose: HKDF-Expand (RFC 5869) with a single block."""
    return hmac.digest(key, purpose + b"\x01", "sha256")


class SubjectKey:
    """One person's key: seals and opens their values, and makes the salts of their disclosures."""

    __slots__ = ("_aead", "_salt_key")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError("a subject key has 32 bytes")
        self._aead = AESGCM(_derive(secret, b"breach-notifier payload v1"))
        self._salt_key = _derive(secret, b"breach-notifier salt v1")

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Encrypt ``plain``; ``context`` names the field it is for and must be given again to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return _SEAL_VERSION + nonce + self._aead.encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt what ``seal`` made for the same ``context``; anything else is a ``StoreError``."""
        if sealed[:1] != _SEAL_VERSION:
            raise StoreError("a sealed value has an unknown version")
        try:
            return self._aead.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context)
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce.
            raise StoreError("a sealed value does not belong to this person and field") from None

    def salt(self, event_id: str, field: str) -> bytes:
        """Return 16 bytes that salt one disclosure; the same while the key lives, gone with it."""
        return hmac.digest(self._salt_key, f"{event_id}\x00{field}".encode(), "sha256")[:16]


@dataclass(frozen=True, repr=False)
class Keys:
    """The deployment's secrets. ``master`` wraps subject keys, ``index`` makes blind indexes,
    ``token`` signs what leaves the house and comes back (return paths, links).
    """

    master: bytes
    index: bytes
    token: bytes

    @classmethod
    def generate(cls) -> Keys:
        """Make a fresh random set."""
        return cls(*(secrets.token_bytes(KEY_BYTES) for _ in range(3)))

    @classmethod
    def load(cls, folder: Path) -> Keys:
        """Read ``master.key``, ``index.key`` and ``token.key`` (base64) from ``folder``."""
        secrets_read = []
        for name in ("master", "index", "token"):
            path = folder / f"{name}.key"
            try:
                secret = base64.b64decode(path.read_text().strip(), validate=True)
            except FileNotFoundError:
                raise BadSettings(f"{path.name} is missing", advice="Run `notifier init` first.") from None
            except ValueError:
                secret = b""
            if len(secret) != KEY_BYTES:
                raise BadSettings(f"{path.name} does not hold a key of {KEY_BYTES} bytes in base64")
            secrets_read.append(secret)
        return cls(*secrets_read)

    def save(self, folder: Path) -> None:
        """Write the keys into ``folder``, readable by the owner alone; existing keys are never replaced."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, secret in (("master", self.master), ("index", self.index), ("token", self.token)):
            handle = os.open(folder / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(base64.b64encode(secret).decode() + "\n")

    def new_subject(self, uid: str) -> tuple[SubjectKey, bytes]:
        """Make a person's key; returns it and its wrapped form for the store, bound to ``uid``."""
        secret = os.urandom(KEY_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        return SubjectKey(secret), nonce + AESGCM(self.master).encrypt(nonce, secret, uid.encode())

    def subject(self, uid: str, wrapped: bytes) -> SubjectKey:
        """Unwrap the key of the person ``uid``; a wrong master key or person is a ``StoreError``."""
        try:
            secret = AESGCM(self.master).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], uid.encode())
        except (InvalidTag, ValueError):
            raise StoreError(
                "a subject key cannot be unwrapped",
                advice="The master key is not the one this store was written with; restore the keys folder.",
            ) from None
        return SubjectKey(secret)

    def house(self) -> SubjectKey:
        """Return the key of what belongs to the installation itself, such as its operators' secrets."""
        return SubjectKey(_derive(self.master, b"breach-notifier house v1"))

    def blind_index(self, kind: str, normalised: str) -> bytes:
        """Return the 16-byte keyed index of a normalised value; equal values of a kind are equal."""
        return hmac.digest(self.index, f"{kind}\x00{normalised}".encode(), "sha256")[:16]

    def committing(self, kind: str) -> hmac.HMAC:
        """Begin a commitment of the audit trail: keyed, so that nobody without the key can try guesses."""
        return hmac.new(_derive(self.index, b"breach-notifier trail v1"), f"{kind}\x00".encode(), "sha256")

    def token_mac(self, purpose: str, payload: bytes) -> bytes:
        """Return the 10-byte authentication code of a token that leaves the house."""
        return hmac.digest(self.token, purpose.encode() + b"\x00" + payload, "sha256")[:10]
