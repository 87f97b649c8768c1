"""What a page reports, as JSON or as a form. All of it is hostile: sizes are bounded, shapes are strict."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import parse_qs

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from notifier.channels.banner.notices import BannerEvent, is_safe_link
from notifier.channels.banner.token import LONGEST

MOST_EVENTS = 20
_LONGEST_BODY = 16_384
_LONGEST_BACK = 500
_FORM = "application/x-www-form-urlencoded"
_SCHEME = "bearer "

Reported = Literal["visible", "opened", "acknowledged", "snoozed", "dismissed"]


class Report(BaseModel):
    """One event. That a notice was served is for us to know, so it is not among them."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]
    reference: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]
    revision: Annotated[int, Field(ge=0, le=1_000_000)]
    event: Reported
    lang: Annotated[str, Field(pattern=r"^([A-Za-z0-9]{1,8}([_-][A-Za-z0-9]{1,8}){0,3})?$")] = ""

    @property
    def kind(self) -> BannerEvent:
        """The event as we name it."""
        return BannerEvent(self.event)


class _Reports(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    token: Annotated[str, Field(max_length=LONGEST)] = ""
    form: Literal["element", "json"] = "json"
    events: Annotated[list[Report], Field(max_length=MOST_EVENTS)]


@dataclass(frozen=True, slots=True)
class Body:
    """What was reported, by whose token, and where a form wants to lead back to (None: it was no form)."""

    token: str
    form: Literal["element", "fragment", "json"]
    reports: tuple[Report, ...]
    back: str | None = None


def bearer(request: Request) -> str:
    """Return the token of the Authorization header (RFC 6750, section 2.1), "" if there is none."""
    given = request.headers.get("authorization", "")
    return given[len(_SCHEME) :].strip() if given[: len(_SCHEME)].lower() == _SCHEME else ""


def safe_path(path: str) -> str:
    """Return ``path`` if it is one on this very site, else "/": nobody is led elsewhere."""
    fits = path.isascii() and len(path) <= _LONGEST_BACK and path.startswith("/") and is_safe_link(path)
    return path if fits else "/"


async def read(request: Request) -> Body:
    """Read the body; one that is too long or makes no sense is an HTTP error, whoever sent it."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > _LONGEST_BODY:
            raise HTTPException(413, "The report is too long.")
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            return _form(content)
        said = _Reports.model_validate(orjson.loads(content))
    except ValueError:  # A ValidationError and a JSONDecodeError are ValueErrors.
        raise HTTPException(400, "The report cannot be read.") from None
    return Body(bearer(request) or said.token, said.form, tuple(said.events))


def _form(content: bytes) -> Body:
    fields = {name: given[0] for name, given in parse_qs(content.decode(), max_num_fields=10).items()}
    pressed = fields.get("event", "")
    # A button inside the unfolded text can be pressed by nobody who has not opened it.
    events = ["opened", pressed] if fields.get("inside") == "yes" else [pressed]
    revision = fields.get("revision", "")
    if not (revision.isascii() and revision.isdecimal() and len(revision) < 10):
        raise ValueError
    reports = tuple(
        Report.model_validate(
            {
                "id": secrets.token_hex(16),
                "reference": fields.get("reference", ""),
                "revision": int(revision),
                "event": event,
                "lang": fields.get("lang", ""),
            }
        )
        for event in events
    )
    return Body(fields.get("token", ""), "fragment", reports, safe_path(fields.get("back", "/")))
