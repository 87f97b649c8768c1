"""The key that signs the log's checkpoints.

Its file has the form of Go's ``sumdb/note``: ``PRIVATE+KEY+name+id+base64``, so the key is bound to the
log's origin and other tools read it. If it is lost, the log can still be verified but not continued; if it
is stolen, checkpoints can be forged, which outside copies and witnesses show.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from notifier.audit.note import ED25519, Verifier, decode_base64, valid_name
from notifier.errors import BadSettings, Conflict

FILE_NAME = "log.key"
_MARK = "PRIVATE+KEY+"


class LogKey:
    """An Ed25519 key (RFC 8032) of the log called ``name``, which is its origin."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not valid_name(name):
            raise BadSettings(
                "the log's origin must not be empty nor hold spaces or plus signs",
                advice="Set audit.origin to a schema-less URL such as notices.example.com/audit.",
            )
        self.name = name
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())
        self.key_id = self.verifier.key_id

    @classmethod
    def generate(cls, origin: str) -> LogKey:
        """Make a fresh key for the log called ``origin``."""
        return cls(origin, os.urandom(32))

    @classmethod
    def load(cls, folder: Path, origin: str) -> LogKey:
        """Read ``log.key`` in ``folder``; a key of another log than ``origin`` is ``BadSettings``."""
        try:
            text = (folder / FILE_NAME).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise BadSettings(f"{FILE_NAME} is missing", advice="Run `notifier init` first.") from None
        name, _, rest = text.removeprefix(_MARK).partition("+")
        named_id, _, encoded = rest.partition("+")
        material = decode_base64(encoded)
        if not text.startswith(_MARK) or len(material) != 33 or material[:1] != ED25519:
            raise BadSettings(f"{FILE_NAME} does not hold a log key", advice="Restore the keys folder.")
        if name != origin:
            raise BadSettings(
                f"{FILE_NAME} belongs to the log {name}, but audit.origin is {origin}",
                advice="A log keeps its origin for life: set audit.origin back, or start a new store.",
            )
        key = cls(name, material[1:])
        if key.key_id.hex() != named_id:
            raise BadSettings(f"{FILE_NAME} does not match its own key id", advice="Restore the keys folder.")
        return key

    def save(self, folder: Path) -> None:
        """Write the key into ``folder``, for the owner alone; an existing key is never replaced."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        encoded = base64.b64encode(ED25519 + self._seed).decode()
        try:
            handle = os.open(folder / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise Conflict(f"{FILE_NAME} is there already and is never replaced") from None
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{_MARK}{self.name}+{self.key_id.hex()}+{encoded}\n")

    @property
    def vkey(self) -> str:
        """Return the public half, as verifiers take it."""
        return self.verifier.vkey

    def sign(self, text: bytes) -> bytes:
        """Return the signature of a note's text."""
        return self._key.sign(text)
