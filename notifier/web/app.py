"""The web application of an installation: the check page, notice pages and two routes for machines.

Nobody signs in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from notifier.audit.published import published
from notifier.banners import StoreBanners
from notifier.channels.banner.token import Tokens
from notifier.keys import Keys
from notifier.references import read_reference
from notifier.settings import Settings
from notifier.store import Store
from notifier.web.banner import add_banner_routes
from notifier.web.banner.stream import Streams
from notifier.web.body import bounded
from notifier.web.current import Also, CurrentAnnouncements
from notifier.web.health import WorkerState, look
from notifier.web.limits import Limiter
from notifier.web.notices.routes import add_notice_pages
from notifier.web.pages import Pages
from notifier.web.protection import Protection, policy
from notifier.web.references import Genuine, find

_LONGEST_FORM = 2048
# Yes and no take the same time to the eye of whoever watches the line.
_ANSWER_TIME = timedelta(milliseconds=250)


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
    _add_check_page(app, settings, store, keys, pages, also=also)
    add_notice_pages(app, settings, store, keys, pages)
    if settings.banner.keys:
        _add_banner(app, settings, store, keys, stop)
    app.add_exception_handler(HTTPException, _plainly)
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


def _add_check_page(
    app: FastAPI, settings: Settings, store: Store, keys: Keys, pages: Pages, *, also: Also | None
) -> None:
    current = CurrentAnnouncements(store, settings.organisation.default_locale, also)
    limiter = Limiter(store.clock, settings.web.checks_per_minute)

    def locale_of(request: Request) -> str:
        wanted = request.query_params.get("lang", "")[:35]
        return pages.choose_locale(wanted, request.headers.get("accept-language", ""))

    def html(body: bytes, locale: str, status: int = 200, wait: int = 0) -> Response:
        headers = {"Content-Language": locale, "Vary": "Accept-Language"}
        if wait:
            headers["Retry-After"] = str(wait)
        return Response(body, status, headers, "text/html; charset=utf-8")

    @app.api_route("/", methods=["GET", "HEAD"])
    async def front() -> Response:
        """Lead to the check page whoever typed the host alone."""
        return RedirectResponse("/check", 303)

    @app.api_route("/check", methods=["GET", "HEAD"])
    async def ask(request: Request) -> Response:
        """Show the form and what is out now."""
        locale = locale_of(request)
        return html(pages.render(locale, await current.listed(locale)), locale)

    @app.post("/check")
    async def answer(request: Request) -> Response:
        """Say whether a notice with the typed reference is ours. The reference is in no URL and no log."""
        locale = locale_of(request)
        listed = await current.listed(locale)
        if wait := limiter.wait(request.client.host if request.client else ""):
            return html(pages.render(locale, listed, verdict="slow-down", wait=wait), locale, 429, wait)
        answer_at = store.clock.now() + _ANSWER_TIME
        reference = read_reference(await _typed(request))
        genuine: Genuine | None = None
        verdict = "malformed"
        if reference is not None:
            genuine = await find(store, keys, reference)
            verdict = "yes" if genuine else "no"
        body = pages.render(locale, listed, verdict=verdict, genuine=genuine)
        await store.clock.sleep_until(answer_at)
        return html(body, locale)


async def _typed(request: Request) -> str:
    """Return the form's one field; a body that is no form has an empty one."""
    body = await bounded(request, _LONGEST_FORM, "The form is too long.")
    text = body.decode("utf-8", "replace")
    try:
        fields = parse_qs(text, max_num_fields=5, encoding="utf-8", errors="replace")
    except ValueError:
        raise HTTPException(400, "The form has too many fields.") from None
    return fields.get("reference", [""])[0]


async def _plainly(_request: Request, error: Exception) -> Response:
    """Answer an error in one plain sentence, which repeats nothing of the request."""
    status, said, headers = 500, "Internal error", None
    if isinstance(error, HTTPException):
        status, said, headers = error.status_code, error.detail, error.headers
    return PlainTextResponse(f"{said}\n", status, headers)
