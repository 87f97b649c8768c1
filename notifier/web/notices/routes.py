"""``/notices/{token}``: shows a notice to whoever has its link, and takes their word that they have read it.

Only a pressed button says so: mail scanners and previews open links, they press nothing. Every token that is
not right, whatever is wrong with it, gets one and the same answer, after the same work.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import parse_qs

import structlog
from fastapi import FastAPI, Request, Response

from notifier.acknowledgements import acknowledge
from notifier.errors import Refused
from notifier.keys import Keys
from notifier.links import NOTICES_PATH, read_token
from notifier.preflight.recipe import own_templates
from notifier.settings import Settings
from notifier.store import Store
from notifier.web.body import bounded
from notifier.web.health import TROUBLE
from notifier.web.limits import Limiter
from notifier.web.notices.pages import NoticePages
from notifier.web.notices.told import Notices, Told
from notifier.web.pages import Pages

_log = structlog.get_logger(__name__)
_LONGEST_FORM = 2048
_ANSWER_TIME = timedelta(milliseconds=250)
"""A right token and a wrong one take the same time to the eye of whoever watches the line."""
_NO_REFERENCE = ""
_TROUBLE_WAIT = 60


def add_notice_pages(app: FastAPI, settings: Settings, store: Store, keys: Keys, pages: Pages) -> None:
    """Add the routes to an application."""
    door = _Door(settings, store, keys, pages)
    path = f"{NOTICES_PATH}{{token:path}}"
    app.add_api_route(path, door.show, methods=["GET", "HEAD"])
    app.add_api_route(path, door.read, methods=["POST"])


class _Door:
    """Answers requests for notices."""

    def __init__(self, settings: Settings, store: Store, keys: Keys, pages: Pages) -> None:
        self._store = store
        self._keys = keys
        self._notices = Notices(keys, own_templates(settings))
        self._pages = NoticePages(pages, settings.organisation)
        self._limiter = Limiter(store.clock, settings.web.notices_per_minute)

    async def show(self, request: Request, token: str) -> Response:
        """Show a notice. Nothing is put on record: whoever fetches it need not be a person."""
        if wait := self._wait(request):
            return self._slow_down(request, wait)
        return await self._shown(request, token, self._store.clock.now() + _ANSWER_TIME)

    async def read(self, request: Request, token: str) -> Response:
        """Put on record that a notice was read, where its button was pressed, and show it."""
        if wait := self._wait(request):
            return self._slow_down(request, wait)
        pressed = await _pressed(request)
        answer_at = self._store.clock.now() + _ANSWER_TIME
        if pressed:
            try:
                await self._acknowledge(read_token(self._keys, token) or _NO_REFERENCE)
            except TROUBLE as error:
                # Without its text: a statement's values stand in it.
                _log.warning("web.acknowledgement_failed", error=type(error).__name__)
                return self._trouble(request, "trouble")
        return await self._shown(request, token, answer_at, pressed=pressed)

    async def _shown(
        self, request: Request, token: str, answer_at: datetime, *, pressed: bool = False
    ) -> Response:
        try:
            told = await self._find(token)
        except TROUBLE as error:
            _log.warning("web.notice_unread", error=type(error).__name__)
            return self._trouble(request, "unread")
        answer = self._answer(request, told, pressed=pressed)
        await self._store.clock.sleep_until(answer_at)
        return answer

    async def _find(self, token: str) -> Told | None:
        reference = read_token(self._keys, token) or _NO_REFERENCE
        async with self._store.read() as tx:
            return await self._notices.find(tx, reference)

    async def _acknowledge(self, reference: str) -> None:
        try:
            async with self._store.begin() as tx:
                await acknowledge(tx, self._keys, reference=reference, how="page")
        except Refused:
            return  # What is shown next says why: there is no such notice, or nothing of its reader is kept.

    def _answer(self, request: Request, told: Told | None, *, pressed: bool = False) -> Response:
        locale = self._locale(request, told)
        if told is None:
            return _html(self._pages.nothing(locale), locale, 404)
        return _html(self._pages.notice(locale, told, pressed=pressed), locale)

    def _slow_down(self, request: Request, wait: int) -> Response:
        locale = self._locale(request, None)
        return _html(self._pages.nothing(locale, state="slow-down", wait=wait), locale, 429, wait)

    def _trouble(self, request: Request, state: str) -> Response:
        locale = self._locale(request, None)
        return _html(self._pages.nothing(locale, state=state), locale, 503, _TROUBLE_WAIT)

    def _wait(self, request: Request) -> int:
        return self._limiter.wait(request.client.host if request.client else "")

    def _locale(self, request: Request, told: Told | None) -> str:
        wanted = request.query_params.get("lang", "")[:35]
        return self._pages.locale(told, wanted, request.headers.get("accept-language", ""))


async def _pressed(request: Request) -> bool:
    """Say whether the page's button was pressed; a body that is no form of ours presses nothing."""
    body = await bounded(request, _LONGEST_FORM, "The form is too long.")
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=5)
    except ValueError:
        return False
    return fields.get("read") == ["yes"]


def _html(body: bytes, locale: str, status: int = 200, wait: int = 0) -> Response:
    headers = {
        "Content-Language": locale,
        "Vary": "Accept-Language",
        "X-Robots-Tag": "noindex, nofollow, noarchive",
    }
    if wait:
        headers["Retry-After"] = str(wait)
    return Response(body, status, headers, "text/html; charset=utf-8")
