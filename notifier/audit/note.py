"""Signed notes and checkpoints, in the formats of C2SP *signed-note* and *tlog-checkpoint*.

A note may carry signature lines of several keys and kinds: a reader ignores those it does not know and
refuses the note when one it does know is wrong. Ed25519 (kind 1) is what we sign with.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from notifier.audit.merkle import HASH_BYTES
from notifier.errors import AuditError

ED25519 = b"\x01"
_DASH = "— "
_MOST_SIGNATURES = 100  # As Go's reader has it; more is somebody's attempt to make us work.


class Signer(Protocol):
    """Somebody who signs notes."""

    name: str
    key_id: bytes

    def sign(self, text: bytes) -> bytes:
        """Return the bare signature of a note's text."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key by which a note's signature is checked; written as a *vkey*."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Return the four bytes that name the key in a signature line."""
        return key_id(self.name, ED25519 + self.public)

    @property
    def vkey(self) -> str:
        """Return the key as others' tools read it: ``name+id+base64``."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a vkey; a malformed one is an ``AuditError``."""
        name, _, rest = vkey.strip().partition("+")
        named_id, _, encoded = rest.partition("+")
        material = decode_base64(encoded)
        if not valid_name(name) or len(material) != 33 or material[:1] != ED25519:
            raise AuditError("this is no Ed25519 verifier key of a signed note")
        made = cls(name, material[1:])
        if named_id != made.key_id.hex():
            raise AuditError("the verifier key does not match its own key id")
        return made

    def accepts(self, text: bytes, signature: bytes) -> bool:
        """Say whether ``signature`` is this key's under ``text``."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


def key_id(name: str, material: bytes) -> bytes:
    """Return the key id: the first four bytes of SHA-256 over name, newline, kind and public key."""
    return sha256(name.encode() + b"\n" + material).digest()[:4]


def valid_name(name: str) -> bool:
    """Say whether a key may be called so: not empty, no space, no plus."""
    return bool(name) and "+" not in name and name.isprintable() and not any(map(str.isspace, name))


def sign(text: str, signers: Iterable[Signer]) -> bytes:
    """Return the note of ``text`` (which ends in a newline) with one signature line per signer."""
    if not text.endswith("\n"):
        raise ValueError("a note's text ends in a newline")
    body = text.encode()
    lines = [
        f"{_DASH}{signer.name} {base64.b64encode(signer.key_id + signer.sign(body)).decode()}\n"
        for signer in signers
    ]
    return body + b"\n" + "".join(lines).encode()


def open_note(note: bytes, verifiers: Sequence[Verifier]) -> str:
    """Return a note's text when at least one of ``verifiers`` signed it; else raise ``AuditError``.

    Signatures of unknown keys are ignored, a wrong one of a known key is not.
    """
    body, lines = _parts(note)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signed = False
    for line in lines:
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        blob = decode_base64(encoded)
        if not line.startswith(_DASH) or not valid_name(name) or len(blob) < 5:
            raise AuditError("a signature line of the note is malformed")
        verifier = known.get((name, blob[:4]))
        if verifier is None:
            continue
        if not verifier.accepts(body.encode(), blob[4:]):
            raise AuditError("the note's signature is wrong")
        signed = True
    if not signed:
        raise AuditError("the note is not signed by the expected key")
    return body


def _parts(note: bytes) -> tuple[str, list[str]]:
    """Split a note at its last blank line into text and signature lines."""
    try:
        text = note.decode()
    except UnicodeDecodeError:
        raise AuditError("the note is not UTF-8") from None
    if any(character < " " and character != "\n" for character in text):
        raise AuditError("the note holds control characters")
    at = text.rfind("\n\n")
    if at < 0 or not text.endswith("\n") or at + 2 == len(text):
        raise AuditError("the note has no signature")
    # Not splitlines(), which also splits on U+2028 and its like.
    lines = text[at + 2 : -1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise AuditError("the note has too many signatures")
    return text[: at + 1], lines


def decode_base64(encoded: str) -> bytes:
    """Decode base64 strictly: one text per value; anything else is empty bytes."""
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.b64encode(raw).decode() == encoded else b""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's size and root at one moment."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the text that is signed: origin, size and root, no extension lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, signers: Iterable[Signer]) -> bytes:
        """Return the signed note of this checkpoint."""
        return sign(self.text(), signers)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read a checkpoint's text; anything but the three lines we write is an ``AuditError``."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise AuditError("a checkpoint has the lines origin, size and root")
        origin, size, root = lines[0], lines[1], decode_base64(lines[2])
        if not origin or not (size.isascii() and size.isdigit()) or str(int(size)) != size:
            raise AuditError("the checkpoint's size is malformed")
        if len(root) != HASH_BYTES:
            raise AuditError("the checkpoint's root is malformed")
        return cls(origin, int(size), root)

    @classmethod
    def open(cls, note: bytes, verifier: Verifier) -> Checkpoint:
        """Read a signed checkpoint of the log that ``verifier`` names; else raise ``AuditError``."""
        checkpoint = cls.parse(open_note(note, [verifier]))
        if checkpoint.origin != verifier.name:
            raise AuditError("the checkpoint is of another log", advice=f"Expected {verifier.name}.")
        return checkpoint
