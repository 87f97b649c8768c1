"""Public notices under ``/substitute``: cacheable, without a script, in each of their languages."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from incidents.substitute.making import PATH, page_digest
from incidents.substitute.standing import Shelf, Shown
from notifier.clock import Clock
from notifier.rendering.public import style_hash
from notifier.web.pages import by_preference
from notifier.web.protection import policy

_KEPT_SECONDS = 300
_ENDED_SECONDS = 60
_UNKNOWN = "Not Found"


def add_substitute_routes(app: FastAPI, shelf: Shelf, clock: Clock) -> None:
    """Add the address of each notice, and one for each of its languages. Before its first day a notice is
    answered as an unknown one is; after its last, with 410 and a short page.
    """

    @app.api_route(f"{PATH}/{{slug}}", methods=["GET", "HEAD"])
    async def negotiated(slug: str, request: Request) -> Response:
        """Show a notice in the language the browser prefers."""
        shown = await _found(shelf, slug)
        wanted = [*by_preference(request.headers.get("accept-language", "")), shelf.default_locale]
        return _answer(shown, shown.best(wanted), request, clock, vary=True)

    @app.api_route(f"{PATH}/{{slug}}/{{locale}}", methods=["GET", "HEAD"])
    async def in_one_language(slug: str, locale: str, request: Request) -> Response:
        """Show a notice in one language: always the same bytes, those that were approved."""
        shown = await _found(shelf, slug)
        if locale not in shown.pages:
            raise HTTPException(404, _UNKNOWN)
        return _answer(shown, locale, request, clock, vary=False)


async def _found(shelf: Shelf, slug: str) -> Shown:
    shown = await shelf.find(slug)
    if shown is None:
        raise HTTPException(404, _UNKNOWN)
    return shown


def _answer(shown: Shown, locale: str, request: Request, clock: Clock, *, vary: bool) -> Response:
    body = shown.pages[locale]
    left = int((shown.until - clock.now()).total_seconds())
    age = min(_KEPT_SECONDS, max(0, left)) if shown.ended is None else _ENDED_SECONDS
    tag = f'"{page_digest(body)}"'
    headers = {
        "Cache-Control": f"public, max-age={age}",
        "Content-Language": locale,
        "Content-Security-Policy": policy([style_hash(body)]),
        "ETag": tag,
    }
    if vary:
        headers["Vary"] = "Accept-Language"
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if shown.ended is None and known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, 200 if shown.ended is None else 410, headers, "text/html; charset=utf-8")
