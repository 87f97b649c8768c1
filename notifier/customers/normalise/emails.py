"""E-mail addresses: validated by the email-validator library, never by asking the DNS.

The library takes some 40 µs an address. Almost all local parts are plain ASCII and almost all domains
come again, so the domain's verdict is remembered and a plain local part is recognised here; whatever is
not plain goes to the library whole. A property test compares the two.
"""

from __future__ import annotations

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from notifier.customers.faults import Faulty
from notifier.customers.values import ChannelName, ContactPoint

_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*")
_NAMED = re.compile(r"<\s*([^<>]+?)\s*>")
_NAMES = re.compile(r'"[^"]*"|<[^<>]*>')
_SEPARATORS = re.compile(r"[;,|\s]+")
# RFC 2142 mailboxes (webmaster, the longest, has 10 letters), whose case the library folds, go to it whole.
_ROLE_LENGTH = 10
# Where a plus begins a tag, and where dots do not count, by what the providers document.
_DOTLESS = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
_PLUS = frozenset(
    (
        *_DOTLESS, "outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com", "me.com", "mac.com",
        "fastmail.com", "fastmail.fm", "proton.me", "protonmail.com", "pm.me",
    )
)  # fmt: skip


def split(cell: str) -> list[str]:
    """Return the addresses of a cell, which may hold several, or a name before an address in brackets."""
    if "<" in cell and (named := _NAMED.findall(cell)):
        rest = _SEPARATORS.split(_NAMES.sub(" ", cell))
        return named + [part for part in rest if "@" in part]
    if cell.count("@") < 2:
        return [cell]
    return [part for part in _SEPARATORS.split(cell) if part]


@lru_cache(maxsize=50_000)
def contact_domain(domain: str) -> str:
    """Return a domain in lower-case ASCII (IDNA); empty if no e-mail address may have it."""
    try:
        return validate_email(f"a@{domain}", check_deliverability=False, test_environment=True).ascii_domain
    except EmailNotValidError:
        return ""


def email(text: str) -> ContactPoint:
    """Return the contact point of one address, or raise ``Faulty``."""
    address = normalise(text)
    local, _, domain = address.rpartition("@")
    return ContactPoint(ChannelName.EMAIL, address, _fold(local.lower(), domain), domain)


def normalise(text: str) -> str:
    """Return an address as it is written on an envelope: ASCII domain, the local part's case kept.

    Reserved top-level domain names are refused, but for ``test`` (RFC 6761), which no mail can reach.
    """
    local, at, domain = text.removeprefix("mailto:").rpartition("@")
    if not at:
        raise Faulty("email-at")
    if len(local) <= 64 and len(domain) < 128 and _PLAIN_LOCAL.fullmatch(local):
        host = contact_domain(domain)
        if not host:
            raise Faulty("email-domain")
        if len(local) > _ROLE_LENGTH and len(host) < 128:
            return f"{local}@{host}"
    return _by_library(local, domain)


def _by_library(local: str, domain: str) -> str:
    try:
        valid = validate_email(f"{local}@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        if "@" in local:
            raise Faulty("email-several") from None
        raise Faulty("email-syntax" if contact_domain(domain) else "email-domain") from None
    return valid.ascii_email or f"{valid.local_part}@{valid.ascii_domain}"


def _fold(local: str, domain: str) -> str:
    if "+" in local and domain in _PLUS:
        local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        return f"{local.replace('.', '')}@{_DOTLESS[domain]}"
    return f"{local}@{domain}"
