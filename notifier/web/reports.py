"""The addresses at which providers report: each call proves where it comes from, and is taken once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from notifier.channels.email.providers import Provider
from notifier.channels.receipts import Receipt
from notifier.engine.rounds import where
from notifier.web.body import bounded

_LONGEST = 2_097_152
"""Postmark's reports may hold a whole bounce; SES's are shorter."""
_log = structlog.get_logger(__name__)


def add_report_routes(
    app: FastAPI,
    providers: Iterable[Provider],
    take: Callable[[str, Sequence[Receipt]], Awaitable[None]],
) -> None:
    """Add ``POST /reports/<name>`` for each provider. The answer comes once what was reported is on record;
    on any other than 200 the provider calls again.
    """
    by_name = {provider.name: provider for provider in providers}

    @app.post("/reports/{name}")
    async def report(name: str, request: Request) -> Response:
        """Take what a provider reports."""
        if (provider := by_name.get(name)) is None:
            raise HTTPException(404, "Not found.")
        body = await bounded(request, _LONGEST, "The report is too long.")
        delivered = await provider.read(request.headers, body)
        if delivered.note:
            _log.info("a provider's subscription changed", provider=name, what=delivered.note)
        if delivered.refusal:
            _log.warning("a report was refused", provider=name, why=str(delivered.refusal))
        try:
            await take(name, delivered.receipts)
        except Exception as error:  # noqa: BLE001 - whatever it is, the provider calls again
            _log.error("a report was not taken", error=type(error).__name__, where=where(error))
            raise HTTPException(503, "Not now.") from None
        return PlainTextResponse(f"{delivered.refusal or 'taken'}\n", delivered.status)
