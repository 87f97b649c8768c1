"""Twilio's official client, set up so that one call is one HTTP request with an end. Import it late.

What has to be known of twilio 9 and aiohttp 3 here:

- The client takes ``TWILIO_*`` variables from the environment for whatever it is not given, and an empty
  mapping in their place counts as none: hence one with a name that nobody uses.
- Its asynchronous HTTP client ignores the timeout of its constructor and passes ``timeout=None``, which
  switches off the session's own timeout too: the caller must bring one.
- It retries only with ``max_retries``, which is not given; aiohttp repeats no POST on a lost connection.
- It follows no redirect. It reads the whole answer, however long: hence ``BoundedResponse``.
- Its exceptions carry no headers: hence ``Exchange``.
- It signs in through a parameter of aiohttp's that is on its way out, unless it has a credential provider.
- It writes URLs and headers to a logger; ours goes nowhere.
"""

from __future__ import annotations

import logging
import math
from base64 import b64encode
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
from twilio.auth_strategy.auth_strategy import AuthStrategy
from twilio.auth_strategy.auth_type import AuthType
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.credential.credential_provider import CredentialProvider
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from notifier.channels.sms.answers import Answer
from notifier.channels.sms.senders import Sender
from notifier.settings import SmsSettings

LARGEST_ANSWER = 65_536
_KEEP_ALIVE = 15.0
"""Seconds that an idle connection is kept: less than servers keep theirs, so that we seldom write into one
that is just being closed, which would leave a hand-over in doubt.
"""


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as far as it has come."""

    begun: bool = False
    """Whether a byte of the request may have left: from then on silence means ``unknown``."""
    http: int = 0
    retry_after: float | None = None


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


class BoundedResponse(aiohttp.ClientResponse):
    """A response that notes what the client's exceptions leave out, and ends after ``LARGEST_ANSWER``."""

    async def read(self) -> bytes:
        """Read the body; one that is too long ends the connection."""
        if (exchange := _exchange.get()) is not None:
            exchange.http = self.status
            exchange.retry_after = _seconds(self.headers.get("Retry-After", ""))
        if self._body is None:
            try:
                self._body = await self._bounded()
            except BaseException:
                self.close()
                raise
        return await super().read()

    async def _bounded(self) -> bytes:
        body = bytearray()
        while chunk := await self.content.readany():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise aiohttp.ClientPayloadError("the answer is too long")
        return bytes(body)


async def _begins(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
    """Note that the request's head is about to be written."""
    if (exchange := _exchange.get()) is not None:
        exchange.begun = True


class _Login(CredentialProvider, AuthStrategy):
    """Signs each request in (RFC 7617), with the API key where there is one, else with the auth token."""

    def __init__(self, settings: SmsSettings) -> None:
        super().__init__(AuthType.BASIC)
        by_key = bool(settings.api_key_sid)
        name = settings.api_key_sid if by_key else settings.account_sid
        secret = settings.api_key_secret if by_key else settings.auth_token
        self._header = f"Basic {b64encode(f'{name}:{secret.get_secret_value()}'.encode()).decode()}"

    def to_auth_strategy(self) -> AuthStrategy:
        """Return itself: one login for all requests."""
        return self

    def get_auth_string(self) -> str:
        """Return the value of the Authorization header."""
        return self._header

    def requires_authentication(self) -> bool:
        """Say that a login is needed."""
        return True


class TwilioApi:
    """The two endpoints that the channel uses, over one pool of connections."""

    def __init__(self, settings: SmsSettings, base_url: str = "") -> None:
        """``base_url`` replaces Twilio's own address: that of a double."""
        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_begins)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=settings.max_connections, keepalive_timeout=_KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=BoundedResponse,
            trace_configs=[tracing],
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
        )
        silent = logging.getLogger("notifier.twilio")
        silent.disabled = True
        http = AsyncTwilioHttpClient(pool_connections=False, logger=silent)
        http.session = self._session
        client = Client(
            account_sid=settings.account_sid,
            credential_provider=_Login(settings),
            region=settings.region,
            edge=settings.edge,
            http_client=http,
            environment={"": ""},
        )
        if base_url:
            client.api.base_url = base_url
        self._messages = client.messages
        self._account = client.api.v2010.account
        self._validity = round(settings.validity_minutes * 60)

    def begin(self) -> Exchange:
        """Return a fresh exchange for one call."""
        return Exchange()

    async def create(
        self,
        exchange: Exchange,
        sender: Sender,
        number: str,
        text: str,
        callback: str,
        *,
        within: float | None = None,
    ) -> Answer:
        """Hand one message over. Raises what aiohttp and the client raise where no answer could be read.

        The text goes out as it is: "smart encoding" would change characters that were approved. ``within``
        are the seconds that are left to it, where those are fewer than our setting gives.
        """
        validity = self._validity if within is None else min(self._validity, max(1, int(within)))
        origin = {"messaging_service_sid" if sender.is_service else "from_": sender.sender}
        _exchange.set(exchange)
        try:
            message = await self._messages.create_async(
                to=number,
                body=text,
                status_callback=callback,
                validity_period=validity,
                smart_encoded=False,
                **origin,
            )
        except TwilioRestException as refusal:
            return _refusal(exchange, refusal.status, refusal.code, refusal.msg)
        except TwilioServiceException as refusal:
            return _refusal(exchange, exchange.http, refusal.code, refusal.title)
        return Answer(
            exchange.http,
            _whole(message.error_code),
            str(message.status or ""),
            str(message.sid or ""),
            str(message.error_message or ""),
        )

    async def account(self, exchange: Exchange) -> Answer:
        """Ask for our own account: its status is ``active``, ``suspended`` or ``closed``."""
        _exchange.set(exchange)
        try:
            found = await self._account.fetch_async()
        except TwilioRestException as refusal:
            return _refusal(exchange, refusal.status, refusal.code, refusal.msg)
        except TwilioServiceException as refusal:
            return _refusal(exchange, exchange.http, refusal.code, refusal.title)
        return Answer(exchange.http, status=str(found.status or ""), text=str(found.type or ""))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _refusal(exchange: Exchange, http: Any, code: Any, text: Any) -> Answer:
    return Answer(_whole(http), _whole(code), text=str(text or ""), retry_after=exchange.retry_after)


def _whole(value: Any) -> int:
    """Return a code that an answer gave, whatever its type; 0 for none."""
    try:
        return int(value or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


def _seconds(written: str) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, section 10.2.3); a date is not read."""
    try:
        seconds = float(written)
    except ValueError:
        return None
    return seconds if seconds >= 0 and math.isfinite(seconds) else None
