"""The body of a request, as far as it may go."""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException


async def bounded(request: Request, longest: int, refusal: str) -> bytes:
    """Return a request's body; one of more than ``longest`` bytes is not read on and answered 413."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > longest:
            raise HTTPException(413, refusal)
    return body
