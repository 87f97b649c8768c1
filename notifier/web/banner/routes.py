"""The banner's endpoints. Whoever asks must be vouched for by the host's token; all else gets nothing.

*Nothing* is the same answer, after the same time, for a token that is missing, forged, expired or of an
account that we do not know, and for an account without notices.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from notifier.channels.banner.notices import BannerEvent, BannerNotice
from notifier.channels.banner.repository import BannerRepository, Facts
from notifier.channels.banner.rules import shown, vouched
from notifier.channels.banner.token import Claims, Tokens
from notifier.clock import Clock
from notifier.errors import NotifierError
from notifier.settings import Organisation
from notifier.web.banner import answers, reports
from notifier.web.banner.assets import Asset, element, style
from notifier.web.banner.fragment import Fragments
from notifier.web.banner.origins import BannerOrigins
from notifier.web.banner.stream import Streams
from notifier.web.banner.words import Speech, Words
from notifier.web.limits import Limiter

_log = structlog.get_logger(__name__)

ANSWER_TIME = timedelta(milliseconds=50)
"""No answer is given sooner, so that the time tells nothing. It costs no work, and nobody waits for it."""

_NOSNIFF = {"X-Content-Type-Options": "nosniff"}
_PRIVATE = {"Cache-Control": "no-store", **_NOSNIFF}
_FOR_EVER = "public, max-age=31536000, immutable"
_JSON = "application/json"
_TROUBLE = (NotifierError, SQLAlchemyError, OSError)


def add_banner_routes(
    app: FastAPI,
    repository: BannerRepository,
    tokens: Tokens,
    *,
    clock: Clock,
    organisation: Organisation,
    drill: bool = False,
    origins: Sequence[str] = (),
    per_minute: int = 120,
    answer_time: timedelta = ANSWER_TIME,
    streams: Streams | None = None,
    prefix: str = "/banner",
) -> None:
    """Add the endpoints to ``app`` below ``prefix``.

    ``origins`` are the other origins whose pages may use them; ``per_minute`` the requests one account may
    make a minute.
    """
    desk = _Desk(repository, tokens, clock, Speech(organisation, drill=drill), answer_time)
    limiter = Limiter(clock, per_minute, whose=str)
    _add_notices(app, desk, limiter, prefix)
    _add_reports(app, desk, limiter, prefix)
    _add_stream(app, desk, limiter, prefix, streams or Streams())
    for asset in (element(), style()):
        _add_asset(app, asset, prefix)
    app.add_middleware(BannerOrigins, prefix=prefix, origins=origins)


@dataclass(frozen=True)
class _Desk:
    """What all endpoints need."""

    repository: BannerRepository
    tokens: Tokens
    clock: Clock
    speech: Speech
    answer_time: timedelta

    def language(self, request: Request) -> tuple[str, Words]:
        lang = request.query_params.get("lang", "")
        wanted = self.speech.wanted(lang, request.headers.get("accept-language", ""))
        return wanted, self.speech.words(wanted)

    async def shown(self, claims: Claims | None, wanted: str) -> answers.Shown:
        """Return what this account is shown now; trouble with the store is 503."""
        if claims is None:
            return ()
        try:
            found = await self.repository.notices(claims.sub, wanted)
        except _TROUBLE as error:
            _log.warning("banner.unread", kind=type(error).__name__)
            raise HTTPException(503, "Please try again.", {"Retry-After": "30"}) from None
        now = self.clock.now()
        fresh = vouched(claims.authenticated_at, claims.customary_place, now)
        return [
            answers.Card(notice, standing, sign_in_first=notice.doubtful and not fresh)
            for notice, standing in shown(found, now)
        ]

    async def report(
        self, claims: Claims, form: Literal["element", "fragment", "json"], said: Sequence[reports.Report]
    ) -> list[str]:
        """Hand reports on in their order; return the ids of those on record. Trouble with the store is 503:
        whoever reports repeats it, and what is on record already is not recorded again.
        """
        done = []
        for one in said:
            facts = _facts(claims, form, one.revision, one.id, one.lang)
            try:
                if await self._record(claims, one.reference, one.kind, facts):
                    done.append(one.id)
            except _TROUBLE as error:
                _log.warning("banner.unrecorded", report=one.event, kind=type(error).__name__)
                raise HTTPException(503, "Please try again.", {"Retry-After": "5"}) from None
        return done

    async def served(self, claims: Claims, form: Literal["fragment", "json"], found: answers.Shown) -> None:
        """Note what was just given out, once for each revision. What cannot be noted now is noted when it is
        given out next.
        """
        for notice in (card.notice for card in found):
            if notice.current.served_at is None:
                facts = _facts(claims, form, notice.revision, _served_id(notice), notice.locale)
                try:
                    await self._record(claims, notice.reference, BannerEvent.SERVED, facts)
                except _TROUBLE as error:
                    _log.warning("banner.unrecorded", report="served", kind=type(error).__name__)

    async def _record(self, claims: Claims, reference: str, event: BannerEvent, facts: Facts) -> bool:
        return await self.repository.report(claims.sub, reference, event, self.clock.now(), facts)


def _served_id(notice: BannerNotice) -> str:
    return f"served-{notice.reference}-{notice.revision}"[:64]


def _facts(
    claims: Claims, form: Literal["element", "fragment", "json"], revision: int, event_id: str, locale: str
) -> Facts:
    return Facts(
        revision=revision,
        form=form,
        event_id=event_id,
        locale=locale,
        key_id=claims.key_id,
        token_id=claims.token_id,
        customary_place=claims.customary_place,
        authenticated_at=claims.authenticated_at,
    )


def _admit(limiter: Limiter, claims: Claims | None) -> None:
    """Let an account through as often as it may; whoever has no token costs us nothing worth counting."""
    if claims and (wait := limiter.wait(claims.sub)):
        raise HTTPException(429, "Please slow down.", {"Retry-After": str(wait)})


def _add_notices(app: FastAPI, desk: _Desk, limiter: Limiter, prefix: str) -> None:
    fragments = Fragments(prefix)

    async def answer(
        request: Request, form: Literal["fragment", "json"], make: Callable[[answers.Shown, Words], Response]
    ) -> Response:
        due = desk.clock.now() + desk.answer_time
        wanted, words = desk.language(request)
        claims = desk.tokens.verify(reports.bearer(request))
        _admit(limiter, claims)
        found = await desk.shown(claims, wanted)
        response = make(found, words)
        response.headers.update(_PRIVATE)
        if claims is not None and found:
            response.background = BackgroundTask(desk.served, claims, form, found)
        await desk.clock.sleep_until(due)
        return response

    @app.get(f"{prefix}/notices")
    async def notices(request: Request) -> Response:
        """Return the account's notices as JSON."""
        return await answer(
            request, "json", lambda found, words: Response(answers.notices(found, words), media_type=_JSON)
        )

    @app.get(f"{prefix}/fragment")
    async def fragment(request: Request) -> Response:
        """Return the account's notices as HTML, for the host's server to put into its page."""
        token = reports.bearer(request)
        back = reports.safe_path(request.headers.get("banner-return", "/"))
        return await answer(
            request,
            "fragment",
            lambda found, words: Response(
                fragments.render(found, words, token, back), media_type="text/html; charset=utf-8"
            ),
        )


def _add_reports(app: FastAPI, desk: _Desk, limiter: Limiter, prefix: str) -> None:
    @app.post(f"{prefix}/events")
    async def events(request: Request) -> Response:
        """Record what a reader did; a form is led back to its page, whatever became of it."""
        due = desk.clock.now() + desk.answer_time
        body = await reports.read(request)
        claims = desk.tokens.verify(body.token)
        _admit(limiter, claims)
        done = await desk.report(claims, body.form, body.reports) if claims else []
        await desk.clock.sleep_until(due)
        if body.back is not None:
            return RedirectResponse(body.back, 303, _PRIVATE)
        return Response(answers.recorded(done), headers=_PRIVATE, media_type=_JSON)


def _add_stream(app: FastAPI, desk: _Desk, limiter: Limiter, prefix: str, streams: Streams) -> None:
    @app.get(f"{prefix}/stream")
    async def stream(request: Request) -> Response:
        """Say when to ask again, until the token ends."""
        due = desk.clock.now() + desk.answer_time
        claims = desk.tokens.verify(reports.bearer(request))
        _admit(limiter, claims)
        await desk.clock.sleep_until(due)
        if claims is None:
            return Response(status_code=204, headers=_PRIVATE)
        if streams.full(claims.sub):
            raise HTTPException(429, "Too many streams.", {"Retry-After": "600"})
        changes = desk.repository.changes(claims.sub)
        parts = streams.follow(claims.sub, changes, desk.clock, claims.expires_at)
        headers = _PRIVATE | {"X-Accel-Buffering": "no"}
        return StreamingResponse(parts, headers=headers, media_type="text/event-stream")


def _add_asset(app: FastAPI, asset: Asset, prefix: str) -> None:
    def given(name: str, cache: str) -> Callable[[Request], Awaitable[Response]]:
        tag = f'"{asset.hashed_name}"'
        headers = {"Cache-Control": cache, "ETag": tag, "Vary": "Accept-Encoding, Origin", **_NOSNIFF}

        async def answer(request: Request) -> Response:
            if tag in request.headers.get("if-none-match", ""):
                return Response(status_code=304, headers=headers)
            if "gzip" in request.headers.get("accept-encoding", ""):
                packed = headers | {"Content-Encoding": "gzip"}
                return Response(asset.compressed, headers=packed, media_type=asset.media_type)
            return Response(asset.content, headers=headers, media_type=asset.media_type)

        answer.__name__ = name
        return answer

    app.add_api_route(
        f"{prefix}/{asset.name}", given(f"newest_{asset.stem}", "no-cache"), methods=["GET", "HEAD"]
    )
    app.add_api_route(
        f"{prefix}/{asset.hashed_name}", given(f"this_{asset.stem}", _FOR_EVER), methods=["GET", "HEAD"]
    )
