"""The addresses at which Twilio reports on text messages, and passes on what readers send back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from notifier.channels.receipts import Receipt
from notifier.channels.sms import Callbacks, parse_form
from notifier.channels.sms.callback_urls import INBOUND_PATH, STATUS_PATH
from notifier.channels.sms.callbacks import LARGEST_BODY
from notifier.channels.sms.signature import HEADER
from notifier.engine.rounds import where
from notifier.web.body import bounded

SOURCE = "twilio"
_NO_REPLY = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
"""TwiML that answers the reader nothing."""
_log = structlog.get_logger(__name__)


def add_text_routes(
    app: FastAPI,
    callbacks: Callbacks,
    take: Callable[[str, Sequence[Receipt]], Awaitable[None]],
) -> None:
    """Add the status callback and the address for incoming messages.

    The answer comes once what was said is on record. 403: Twilio has not signed it; 413: it is too long;
    503: it cannot be put on record now, and Twilio is asked to post it again.
    """

    async def taken(request: Request) -> None:
        form = parse_form(await bounded(request, LARGEST_BODY, "The report is too long."))
        target, signature = _target(request), request.headers.get(HEADER, "")
        if form is None or not callbacks.genuine(target, form, signature):
            _log.warning("a report was refused", provider=SOURCE, why="its signature is not Twilio's")
            raise HTTPException(403, "Not signed by Twilio.")
        receipt = callbacks.said(target, form)
        try:
            await take(SOURCE, [receipt] if receipt else [])
        except Exception as error:  # noqa: BLE001 - whatever it is, Twilio posts again
            _log.error("a report was not taken", error=type(error).__name__, where=where(error))
            raise HTTPException(503, "Not now.") from None

    async def status(request: Request) -> Response:
        """Take what became of a message. The token is read, with its proof, from the target as it came."""
        await taken(request)
        return Response(status_code=204)

    async def inbound(request: Request) -> Response:
        """Take STOP and START; of any other message to us nothing is kept."""
        await taken(request)
        return Response(_NO_REPLY, media_type="text/xml")

    # They come by the hundred a second, and have no parameters that would have to be worked out.
    app.router.add_route(f"{STATUS_PATH}{{token}}", status, methods=["POST"])
    app.router.add_route(INBOUND_PATH, inbound, methods=["POST"])


def _target(request: Request) -> str:
    """Return path and query as they came over the wire: what Twilio signed after our public address."""
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope["query_string"]
    return str((path.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1"))
