"""Fetching a small document over HTTPS: bounded in size and time, without redirects."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException
from typing import Any

Fetch = Callable[[str], Awaitable[bytes]]
"""Returns what a GET of an ``https`` address answers with 200; anything else is ``FetchFailed``."""

_TIMEOUT = 10.0
_MOST_BYTES = 65_536


class FetchFailed(Exception):
    """A document could not be fetched. Without a text: that could hold the address."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        """Follow none: the host was chosen, the next one would not be."""


async def fetch(url: str) -> bytes:
    """Fetch over HTTPS, through the proxy of the environment if there is one."""
    if not url.startswith("https://"):
        raise FetchFailed
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await asyncio.to_thread(_get, url)
    except TimeoutError:
        raise FetchFailed from None


def _get(url: str) -> bytes:
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=_TIMEOUT) as answer:
            found: bytes = answer.read(_MOST_BYTES + 1)
            if answer.status != 200 or len(found) > _MOST_BYTES:
                raise FetchFailed
            return found
    except (OSError, HTTPException, ValueError):  # URLError is an OSError.
        raise FetchFailed from None
