"""Which other origins' pages may use the banner. None, unless they are named: then it is one's own site."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class BannerOrigins:
    """Middleware that answers CORS (WHATWG Fetch) below ``prefix``, and nowhere else.

    Credentials are not allowed: the banner has no cookie.
    """

    def __init__(self, app: ASGIApp, *, prefix: str, origins: Sequence[str]) -> None:
        self._app = app
        self._below = f"{prefix}/"
        self._cors = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            max_age=3600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        answering = scope["type"] == "http" and scope["path"].startswith(self._below)
        await (self._cors if answering else self._app)(scope, receive, send)
