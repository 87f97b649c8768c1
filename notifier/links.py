"""Links to a person's own notice page: ``<base>/notices/<reference>-<mac>``. Ids only, nothing personal.

Whoever has the link may read the notice, as whoever has the message may. The authentication code is what
keeps others out: references are told on the telephone and typed into the check page.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode

from notifier.keys import Keys

NOTICES_PATH = "/notices/"
_PURPOSE = "notice-page"
_TOKEN = re.compile(r"([0-9a-f]{16})-([a-z2-7]{16})", re.ASCII)
_LONGEST = 33


def notice_link(keys: Keys, base: str, reference: str) -> str:
    """Return the address of a notice's page; empty where ``base``, ``organisation.notices_url``, is."""
    return f"{base.rstrip('/')}{NOTICES_PATH}{make_token(keys, reference)}" if base else ""


def make_token(keys: Keys, reference: str) -> str:
    """Return what opens the page of the notice with this reference: there is one token for each."""
    stem = reference.lower()
    return f"{stem}-{_mac(keys, stem)}"


def read_token(keys: Keys, token: str) -> str | None:
    """Return the reference of a token, in capitals; ``None`` unless we made it.

    The same work is done whether or not the code is right; ``compare_digest`` takes the same time wherever
    two codes differ.
    """
    found = _TOKEN.fullmatch(token) if len(token) <= _LONGEST else None
    stem, mac = found.groups() if found else ("", "")
    same = hmac.compare_digest(_mac(keys, stem), mac)
    return stem.upper() if found and same else None


def _mac(keys: Keys, stem: str) -> str:
    return b32encode(keys.token_mac(_PURPOSE, stem.encode())).decode().lower()
