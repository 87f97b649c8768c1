"""The web application of an installation: the check page, notice pages and two routes for machines.

Nobody signs in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from notifier.audit.published import published
from notifier.banners import StoreBanners
from notifier.channels.banner.token import Tokens
from notifier.keys import Keys
from notifier.settings import Settings
from notifier.store import Store
from notifier.web.banner import add_banner_routes
from notifier.web.banner.stream import Streams
from notifier.web.checking import LATER, add_check_page
from notifier.web.current import Also
from notifier.web.health import TROUBLE, WorkerState, look
from notifier.web.notices.routes import add_notice_pages
from notifier.web.pages import Pages
from notifier.web.protection import Protection, policy

_log = structlog.get_logger(__name__)


def build(
    settings: Settings,
    store: Store,
    keys: Keys,
    worker: Callable[[], WorkerState],
    also: Also | None = None,
    *,
    stop: asyncio.Event | None = None,
) -> FastAPI:
    """Put the application together. ``worker`` tells how the sending part of this process is, ``also`` what
    is listed as out now beside announcements; with ``stop`` the streams of changes end.
    """
    # No route describes the application to strangers.
    app = FastAPI(title="notifier", docs_url=None, redoc_url=None, openapi_url=None)
    pages = Pages(settings.organisation, drill=settings.drill)
    _add_machine_routes(app, store, worker)
    add_check_page(app, settings, store, keys, pages, also=also)
    add_notice_pages(app, settings, store, keys, pages)
    if settings.banner.keys:
        _add_banner(app, settings, store, keys, stop)
    app.add_exception_handler(HTTPException, _plainly)
    for trouble in TROUBLE:
        app.add_exception_handler(trouble, _later)
    app.add_middleware(Protection, content_policy=policy([pages.style_hash]), clock=store.clock)
    return app


def _add_machine_routes(app: FastAPI, store: Store, worker: Callable[[], WorkerState]) -> None:
    @app.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> Response:
        """Say how the service is: 200 when well, else 503."""
        health = await look(store, worker)
        said = {"status": "ok" if health.well else "failing", **asdict(health)}
        return JSONResponse(said, status_code=200 if health.well else 503)

    @app.api_route("/audit/checkpoint", methods=["GET", "HEAD"])
    async def checkpoint() -> Response:
        """Return the newest checkpoint, a C2SP signed note."""
        async with store.read() as tx:
            note = await published(tx)
        if note is None:
            raise HTTPException(404, "The log has no checkpoint yet.")
        return PlainTextResponse(note)


def _add_banner(
    app: FastAPI, settings: Settings, store: Store, keys: Keys, stop: asyncio.Event | None
) -> None:
    add_banner_routes(
        app,
        StoreBanners(store, keys),
        Tokens.load(settings.banner, store.clock),
        clock=store.clock,
        organisation=settings.organisation,
        drill=settings.drill,
        origins=settings.banner.origins,
        per_minute=settings.banner.requests_per_minute,
        streams=Streams(stop=stop),
    )


async def _later(_request: Request, error: Exception) -> Response:
    """Answer trouble of the store: it is no fault of whoever asks."""
    _log.warning("web.store", error=type(error).__name__)
    return PlainTextResponse("Please try again in a minute.\n", 503, {"Retry-After": str(LATER)})


async def _plainly(_request: Request, error: Exception) -> Response:
    """Answer an error in one plain sentence, which repeats nothing of the request."""
    status, said, headers = 500, "Internal error", None
    if isinstance(error, HTTPException):
        status, said, headers = error.status_code, error.detail, error.headers
    return PlainTextResponse(f"{said}\n", status, headers)
