"""What every response carries unless its route says otherwise, and what the access log may say.

Neither path nor query of a request is logged, only the route it matched: somebody may have put a reference
there.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from notifier.clock import Clock

_log = structlog.get_logger(__name__)

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS = "max-age=31536000"


def policy(style_hashes: Iterable[str]) -> str:
    """Return the Content-Security-Policy of the pages: nothing is loaded, nothing runs."""
    styles = " ".join(f"'{one}'" for one in style_hashes) or "'none'"
    return (
        f"default-src 'none'; style-src {styles}; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


class Protection:
    """Middleware that puts the security headers on every response and writes the access log."""

    def __init__(self, app: ASGIApp, *, content_policy: str, clock: Clock) -> None:
        self._app = app
        self._headers = _HEADERS | {"Content-Security-Policy": content_policy}
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.now()
        status = 500

        async def protected(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = _HSTS
            await send(message)

        try:
            await self._app(scope, receive, protected)
        finally:
            route = scope.get("route")
            _log.info(
                "web.answered",
                method=scope["method"],
                route=getattr(route, "path", ""),
                status=status,
                milliseconds=round((self._clock.now() - began).total_seconds() * 1000),
            )
