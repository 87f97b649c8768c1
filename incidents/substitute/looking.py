"""A look at a public page as a stranger has it: bounded in size and time, without redirects."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from incidents.substitute.making import page_digest

_TIMEOUT = 10.0
_MOST_BYTES = 2_097_152


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found: the HTTP status, 0 where nothing answered, and the SHA-256 of the body, hex."""

    status: int
    digest: str = ""


Look = Callable[[str], Awaitable[Seen]]
"""Looks at an address; never raises because of what is there, or not."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        """Follow none: the page stands at its own address or not."""


async def look(url: str) -> Seen:
    """Get a page of at most 2 MiB within ten seconds; a longer one counts as another."""
    if not url.startswith(("https://", "http://")):
        return Seen(0)
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await asyncio.to_thread(_get, url)
    except TimeoutError:
        return Seen(0)


def _get(url: str) -> Seen:
    here = url.startswith("http://")
    # A proxy of the environment is not asked for a server of ours in the clear, which is next door.
    proxies = urllib.request.ProxyHandler({} if here else None)
    opener = urllib.request.build_opener(_NoRedirects, proxies)
    try:
        with opener.open(url, timeout=_TIMEOUT) as answer:
            return Seen(answer.status, page_digest(answer.read(_MOST_BYTES + 1)))
    except urllib.error.HTTPError as error:
        with error:
            return Seen(error.code)
    except (OSError, HTTPException, ValueError):  # URLError is an OSError.
        return Seen(0)
