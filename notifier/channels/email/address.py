"""E-mail addresses as they go over the wire: a dot-atom, and a domain in A-labels (RFC 5890)."""

from __future__ import annotations

import re

import idna

from notifier.channels.email.text import UnsafeText

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\ud7ff\ue000-\U0010ffff-]"
_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_ASCII = re.compile(
    rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})*"
)
_LONGEST_LOCAL = 64
_LONGEST = 254


def wire_address(address: str) -> str:
    """Return ``address`` with its domain in ASCII; anything that is no plain mailbox is ``UnsafeText``.

    The local part is kept as it is: where it is not ASCII, the message needs SMTPUTF8 (RFC 6531).
    """
    local, at, domain = address.rpartition("@")
    if _ASCII.fullmatch(address):
        wire = address
    else:
        if not at or not _LOCAL.fullmatch(local) or any(character.isspace() for character in local):
            raise UnsafeText("the address is not of the form local@domain")
        try:
            wire = f"{local}@{idna.encode(domain, uts46=True).decode()}"
        except idna.IDNAError:
            raise UnsafeText("the domain of the address is not valid") from None
    if len(local.encode()) > _LONGEST_LOCAL or len(wire.encode()) > _LONGEST:
        raise UnsafeText("the address is too long (RFC 5321, section 4.5.3.1)")
    return wire


def domain_of(address: str) -> str:
    """Return the domain of an address in lower case."""
    return address.rpartition("@")[2].lower()
