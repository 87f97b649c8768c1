"""``/check``: is this notice ours? A form for its reference, what is out now, and what we never ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import parse_qs

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from notifier.keys import Keys
from notifier.references import read_reference
from notifier.settings import Settings
from notifier.store import Store
from notifier.web.body import bounded
from notifier.web.current import Also, Current, CurrentAnnouncements
from notifier.web.health import TROUBLE
from notifier.web.limits import Limiter
from notifier.web.pages import Pages
from notifier.web.references import Genuine, find

_log = structlog.get_logger(__name__)

LATER = 60
"""Seconds after which somebody may try again whose question the store could not answer."""
_LONGEST_FORM = 2048
_ANSWER_TIME = timedelta(milliseconds=250)
"""Yes and no take the same time to the eye of whoever watches the line."""


def add_check_page(
    app: FastAPI, settings: Settings, store: Store, keys: Keys, pages: Pages, *, also: Also | None
) -> None:
    """Add the routes to an application; ``also`` is what is listed beside announcements."""
    door = _Door(settings, store, keys, pages, also)
    app.add_api_route("/", _front, methods=["GET", "HEAD"])
    app.add_api_route("/check", door.ask, methods=["GET", "HEAD"])
    app.add_api_route("/check", door.answer, methods=["POST"])


async def _front() -> Response:
    """Lead to the check page whoever typed the host alone."""
    return RedirectResponse("/check", 303)


class _Door:
    """Answers those who ask."""

    def __init__(self, settings: Settings, store: Store, keys: Keys, pages: Pages, also: Also | None) -> None:
        self._store = store
        self._keys = keys
        self._pages = pages
        self._current = CurrentAnnouncements(store, settings.organisation.default_locale, also)
        self._limiter = Limiter(store.clock, settings.web.checks_per_minute)

    async def ask(self, request: Request) -> Response:
        """Show the form and what is out now."""
        locale = self._locale(request)
        listed = await self._listed(locale)
        body = self._pages.render(locale, listed)
        return _html(body, locale) if listed is not None else _html(body, locale, 503, LATER)

    async def answer(self, request: Request) -> Response:
        """Say whether a notice with the typed reference is ours. The reference is in no URL and no log."""
        locale = self._locale(request)
        listed = await self._listed(locale)
        if wait := self._limiter.wait(request.client.host if request.client else ""):
            body = self._pages.render(locale, listed, verdict="slow-down", wait=wait)
            return _html(body, locale, 429, wait)
        answer_at = self._store.clock.now() + _ANSWER_TIME
        reference = read_reference(await _typed(request))
        genuine: Genuine | None = None
        try:
            if reference is not None:
                genuine = await find(self._store, self._keys, reference)
        except TROUBLE as error:
            # Without its text: the reference stands in it.
            _log.warning("web.check_failed", error=type(error).__name__)
            return _html(self._pages.render(locale, listed, verdict="later"), locale, 503, LATER)
        verdict = "malformed" if reference is None else "yes" if genuine else "no"
        body = self._pages.render(locale, listed, verdict=verdict, genuine=genuine)
        await self._store.clock.sleep_until(answer_at)
        return _html(body, locale)

    async def _listed(self, locale: str) -> Sequence[Current] | None:
        try:
            return await self._current.listed(locale)
        except TROUBLE as error:
            _log.warning("web.list_unread", error=type(error).__name__)
            return None

    def _locale(self, request: Request) -> str:
        wanted = request.query_params.get("lang", "")[:35]
        return self._pages.choose_locale(wanted, request.headers.get("accept-language", ""))


def _html(body: bytes, locale: str, status: int = 200, wait: int = 0) -> Response:
    headers = {"Content-Language": locale, "Vary": "Accept-Language"}
    if wait:
        headers["Retry-After"] = str(wait)
    return Response(body, status, headers, "text/html; charset=utf-8")


async def _typed(request: Request) -> str:
    """Return the form's one field; a body that is no form has an empty one."""
    body = await bounded(request, _LONGEST_FORM, "The form is too long.")
    text = body.decode("utf-8", "replace")
    try:
        fields = parse_qs(text, max_num_fields=5, encoding="utf-8", errors="replace")
    except ValueError:
        raise HTTPException(400, "The form has too many fields.") from None
    return fields.get("reference", [""])[0]
