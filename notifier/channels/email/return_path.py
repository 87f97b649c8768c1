"""The return path: a bounce comes back to an address that names the attempt and proves that we made it.

``b+<reference>-<attempt>-<mac>@<bounce domain>``. Relays may change the case of what comes back, so nothing
in it depends on case.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode

from notifier.channels.email.address import wire_address
from notifier.keys import Keys

_PURPOSE = "return-path"
_LOCAL = re.compile(r"b\+([0-9a-z]{1,24})-([0-9]{1,6})-([a-z2-7]{16})", re.ASCII)
_WITHIN = re.compile(rb"(?<![0-9a-z])b\+[0-9a-z]{1,24}-[0-9]{1,6}-[a-z2-7]{16}(?![0-9a-z])", re.IGNORECASE)
_MOST_TRIED = 20


class ReturnPaths:
    """Makes return paths and reads them back; ``domain`` receives our bounces."""

    def __init__(self, keys: Keys, domain: str) -> None:
        self._keys = keys
        self._domain = wire_address(f"b@{domain}").partition("@")[2].lower()

    def make(self, reference: str, attempt: int) -> str:
        """Return the envelope sender of one attempt."""
        return f"{self.make_token(reference, attempt)}@{self._domain}"

    def make_token(self, reference: str, attempt: int) -> str:
        """Return the local part alone, for carriers that use an envelope sender of their own."""
        stem = f"{reference.lower()}-{attempt}"
        return f"b+{stem}-{self._mac(stem)}"

    def read(self, address: str) -> tuple[str, int] | None:
        """Return the reference, in capitals, and the attempt; None unless we made this address."""
        local, _, domain = address.strip().removeprefix("<").removesuffix(">").lower().rpartition("@")
        return self.read_token(local) if domain == self._domain else None

    def read_token(self, token: str) -> tuple[str, int] | None:
        """Return what ``make_token`` was given; None unless we made this token."""
        found = _LOCAL.fullmatch(token.lower())
        if found is None:
            return None
        reference, attempt, mac = found.groups()
        stem = f"{reference}-{attempt}"
        # compare_digest takes the same time wherever the two differ.
        return (reference.upper(), int(attempt)) if hmac.compare_digest(self._mac(stem), mac) else None

    def found_in(self, text: bytes) -> list[tuple[str, int]]:
        """Return what the return paths of ours in ``text`` name, each once, in their order; twenty are tried.

        Forwarders wrap a return path into one of their own (SRS, BATV) and put another domain behind it, so
        the domain is not asked for here: the signature alone proves that we made it.
        """
        tried = list(dict.fromkeys(match[0].lower() for match in _WITHIN.finditer(text)))[:_MOST_TRIED]
        read = (self.read(f"{local.decode()}@{self._domain}") for local in tried)
        return [one for one in read if one is not None]

    def _mac(self, stem: str) -> str:
        return b32encode(self._keys.token_mac(_PURPOSE, stem.encode())).decode().lower()
