"""Whom we take mail for: return paths that we made ourselves, and a few names that must be there."""

from __future__ import annotations

from collections.abc import Iterable

from notifier.channels.email.address import wire_address
from notifier.channels.email.return_path import ReturnPaths
from notifier.channels.email.text import UnsafeText

_LONGEST = 320
_ROLES = ("postmaster", "abuse")  # RFC 2142, sections 2 and 5; RFC 5321, section 4.5.1.


class Recipients:
    """The addresses at ``domain``, our bounce domain, that exist, and the ``feedback`` addresses."""

    def __init__(self, return_paths: ReturnPaths, domain: str, feedback: Iterable[str] = ()) -> None:
        self._return_paths = return_paths
        # RFC 5321, section 4.5.1: postmaster must also be reachable without a domain.
        self._named = {_plain(f"{role}@{domain}") for role in _ROLES} | {"postmaster"}
        self._named |= {_plain(address) for address in feedback}

    def __contains__(self, address: str) -> bool:
        """Say whether mail for ``address`` is taken; a made-up return path has no proof in it, and is not."""
        if len(address) > _LONGEST:
            return False
        plain = _plain(address)
        return plain in self._named or self._return_paths.read(plain) is not None


def _plain(address: str) -> str:
    """Return the address in lower case, its domain in ASCII; what is no address comes back as it is."""
    try:
        return wire_address(address).lower()
    except UnsafeText:
        return address.lower()
