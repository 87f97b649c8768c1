"""DKIM signatures (RFC 6376, relaxed/relaxed), RSA and Ed25519 (RFC 8463), over a finished message.

The same message and key give the same signature: there is no time in it. Signing with RSA costs most of a
millisecond and holds Python's lock, so threads do not make it faster; Ed25519 costs a tenth.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from notifier.errors import BadInput, BadSettings
from notifier.settings import DkimSettings

OVERSIGNED = (
    "From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "Auto-Submitted", "Feedback-ID",
    "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type",
)  # fmt: skip
"""Signed once more often than they occur: adding another one breaks the signature (RFC 6376, 8.15)."""

_SHORTEST_RSA = 2048
_RUNS = re.compile(rb"[ \t]+")
_LINE = 72


@dataclass(frozen=True)
class _Key:
    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.private, RSAPrivateKey) else "ed25519-sha256"

    def sign(self, signed: bytes) -> bytes:
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(signed, PKCS1v15(), SHA256())
        return self.private.sign(hashlib.sha256(signed).digest())  # RFC 8463, section 3.

    def record(self) -> str:
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            kind, encoded = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            kind, encoded = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k={kind}; p={b64encode(encoded).decode()}"


class DkimSigner:
    """Signs with every key of the settings; a key that cannot be used stops the start."""

    def __init__(self, settings: Sequence[DkimSettings]) -> None:
        self._keys = tuple(
            _Key(one.domain.lower(), one.selector.lower(), _load(Path(one.key_file))) for one in settings
        )

    def records(self) -> dict[str, str]:
        """Return what must be published in the DNS as TXT, by name."""
        return {f"{key.selector}._domainkey.{key.domain}": key.record() for key in self._keys}

    def sign(self, message: bytes) -> bytes:
        """Return the signature fields, to be put in front of ``message`` as it is."""
        head, found, body = message.partition(b"\r\n\r\n")
        if not found:
            raise BadInput("a message without a body cannot be signed")
        fields = _fields(head)
        names = [name for name in OVERSIGNED for _ in range(len(fields.get(name.lower().encode(), ())) + 1)]
        signed = b"".join(
            one for name in OVERSIGNED for one in reversed(fields.get(name.lower().encode(), ()))
        )
        digest = b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
        return b"".join(self._field(key, names, signed, digest) for key in self._keys)

    def _field(self, key: _Key, names: list[str], signed: bytes, digest: str) -> bytes:
        tags = (
            f"v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n d={key.domain}; s={key.selector};\r\n"
            f" h={_wrapped(names)};\r\n bh={digest};\r\n b="
        )
        # The field itself comes last, with an empty b= and without its CRLF (RFC 6376, section 3.7).
        own = relaxed_field(f"DKIM-Signature: {tags}".encode()).removesuffix(b"\r\n")
        signature = b64encode(key.sign(signed + own)).decode()
        folded = "\r\n  ".join(signature[start : start + _LINE] for start in range(0, len(signature), _LINE))
        return f"DKIM-Signature: {tags}{folded}\r\n".encode()


def relaxed_field(field: bytes) -> bytes:
    """Return one field in the relaxed form, with its CRLF (RFC 6376, section 3.4.2)."""
    name, _, value = field.partition(b":")
    return name.strip().lower() + b":" + _RUNS.sub(b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """Return a body in the relaxed form (RFC 6376, section 3.4.4)."""
    if b"  " in body or b"\t" in body:
        body = _RUNS.sub(b" ", body)
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    while body.endswith(b"\r\n"):
        body = body[:-2]
    body = body.removesuffix(b" ")
    while body.endswith(b"\r\n"):
        body = body[:-2]
    return body + b"\r\n" if body else b""


def _fields(head: bytes) -> dict[bytes, list[bytes]]:
    """Return the relaxed fields by lower-case name, in their order."""
    fields: dict[bytes, list[bytes]] = {}
    for field in re.split(rb"\r\n(?![ \t])", head):
        relaxed = relaxed_field(field)
        fields.setdefault(relaxed.partition(b":")[0], []).append(relaxed)
    return fields


def _wrapped(names: list[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) + 1 > _LINE:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n  ".join(lines).removesuffix(":")


def _load(path: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    advice = "Give an unencrypted PEM file with an RSA key of at least 2048 bits, or an Ed25519 key."
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError:
        raise BadSettings(f"the DKIM key {path.name} cannot be read", advice=advice) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadSettings(f"the DKIM key {path.name} is not one we can use", advice=advice) from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < _SHORTEST_RSA:
            raise BadSettings(f"the DKIM key {path.name} has only {key.key_size} bits", advice=advice)
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise BadSettings(f"the DKIM key {path.name} is neither RSA nor Ed25519", advice=advice)
