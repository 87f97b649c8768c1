"""The public address of the notice pages: what may be written into a customer's notice as a link."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_SHOWN = re.compile(r"[!-~]{1,200}", re.ASCII)
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?", re.ASCII)


def why_no_base(url: str, hosts: Collection[str]) -> str:
    """Say why links in notices cannot begin with ``url``; empty where they can.

    They lead to https, without user, port, query or fragment, to one of ``hosts`` or below it.
    """
    if not _SHOWN.fullmatch(url):  # Parsing would leave out line ends and tabs in silence.
        return "has more than a host and a path"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme != "https":
        return "does not begin with https://"
    more = parts.query or parts.fragment or parts.username is not None or port is not None
    if more or not _HOST.fullmatch(host) or not _PATH.fullmatch(parts.path):
        return "has more than a host and a path"
    if parts.path.rstrip("/").endswith("/notices"):
        return "ends with /notices, which is added to it: leave that off"
    allowed = [one.lower() for one in hosts]
    ours = any(host == one or host.endswith(f".{one}") for one in allowed)
    return "" if ours else "is on none of organisation.allowed_hosts"
