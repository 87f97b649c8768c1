"""One connection to the inbound mail server: aiosmtpd's protocol, with the bounds it does not have.

Looked up in aiosmtpd 1.4.6 and closed here: a line without end is kept in memory whole while it comes; an
answer may repeat what the client said; an error's text is told to the client; a client that does not read
its answers is never cut; AUTH, HELP and VRFY are there for everybody; commands are logged with the addresses.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from typing import Any, Protocol, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

_LINE = 65_536
_COMMAND = 1024
_OVERHEAD = 65_536
_ERRORS = 20
_LIFE_SECONDS = 3600.0
_CALLS = {"MAIL": 1000, "RCPT": 5000, "DATA": 1000, "RSET": 1000, "*": 20}
# RFC 5321, section 4.1.2; a source route before the address is dropped, as appendix C asks.
_PATH = re.compile(
    r"<(?:@[^:<>\s]{1,256}:)?((?:\"(?:[^\"\\]|\\.){0,128}\"@)?[^<>\"\s]{0,320})>[ \t]*(.*)", re.DOTALL
)
_BUSY = "421 4.3.2 closing, please try again later"
_NOT_HERE = "502 5.5.1 not offered here"

# It logs commands, and with them addresses, and at one level even the messages.
_SILENT = logging.CRITICAL + 1


class House(Protocol):
    """What a connection needs of its server."""

    size: int
    most_recipients: int
    idle_seconds: float
    deliver_seconds: float
    host_name: str

    def tls(self) -> Any:
        """Return the TLS context for STARTTLS, None if there is none."""

    def exists(self, address: str) -> bool:
        """Say whether mail for this address is taken."""

    async def take(self, message: bytes, recipients: tuple[str, ...]) -> bool:
        """Put a message on record; false if that failed."""

    def count(self, what: str) -> None:
        """Count what happened."""

    def closed(self, session: Any) -> None:
        """Forget a connection."""


class _Answers:
    """What aiosmtpd asks at each step."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name, as all here
        self, _server: SMTP, session: Session, _envelope: Envelope, host_name: str, lines: list[str]
    ) -> list[str]:
        """Offer size, STARTTLS and other letters; neither AUTH nor HELP."""
        session.host_name = host_name
        offered = [line for line in lines if not line[4:].startswith(("AUTH", "HELP"))]
        return [f"250-{line[4:]}" for line in offered[:-1]] + [f"250 {offered[-1][4:]}"]

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take mail for our own addresses alone: nothing is relayed."""
        if not self._house.exists(address):
            self._house.count("unknown-recipient")
            return "550 5.1.1 no such mailbox here"
        if len(envelope.rcpt_tos) >= self._house.most_recipients:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Say yes only once what the message reports is on record."""
        cast("InboundSession", server).working()
        message = envelope.original_content or b""
        if await self._house.take(message, tuple(envelope.rcpt_tos)):
            return "250 2.0.0 taken"
        return "451 4.3.0 cannot be taken now, please try again later"

    async def handle_exception(self, _error: Exception) -> str:
        """Answer what nobody foresaw; whoever meant well comes again."""
        self._house.count("error")
        return "451 4.3.0 something went wrong, please try again later"


class InboundSession(SMTP):
    """A bounded conversation that never repeats what the client said."""

    line_length_limit = _LINE  # RFC 5321 asks for 1000; real bounces have longer lines, and are taken.

    def __init__(self, house: House) -> None:
        logging.getLogger("mail.log").setLevel(_SILENT)
        super().__init__(
            _Answers(house),
            data_size_limit=house.size,
            enable_SMTPUTF8=True,  # Reports about international addresses come so (RFC 6533).
            hostname=house.host_name,
            ident="ESMTP",
            tls_context=house.tls(),
            timeout=house.idle_seconds,
            command_call_limit=_CALLS,
            loop=asyncio.get_running_loop(),
        )
        self.command_size_limits = defaultdict(lambda: _COMMAND)  # aiosmtpd's is one for all connections.
        self.command_size_limit = _COMMAND
        self._house = house
        self._left = self._budget = 4 * house.size + _OVERHEAD
        self._errors = 0
        self._leaving = self._in_message = False
        self._life: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or go on under TLS."""
        super().connection_made(transport)
        if self._life is None:
            self._life = self.loop.call_later(_LIFE_SECONDS, self.leave)
            if self._handler_coroutine:
                self._handler_coroutine.add_done_callback(_noted)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget everything unfinished."""
        if self.transport is None:
            return  # After a TLS handshake that failed it is said twice.
        super().connection_lost(error)
        if self._life:
            self._life.cancel()
        self._house.closed(self)

    def data_received(self, data: bytes) -> None:
        """Take what comes, until it is more than any message may be."""
        self._left -= len(data)
        if self._left < 0:
            self._house.count("too-big")
            self.cut("552 5.3.4 message too big")
        else:
            super().data_received(data)

    def leave(self) -> None:
        """Say goodbye: now, or once the message that is under way has its answer."""
        self._leaving = True
        if not self._in_message:
            self.cut(_BUSY)

    def cut(self, last_words: str = "") -> None:
        """Close the connection whether the client reads or not."""
        if last_words and self.transport is not None and not self.transport.is_closing():
            self._writer.write(f"{last_words}\r\n".encode())
        # The bare transport: the TLS one of Python 3.11.2 fails when it is closed twice.
        transport: Any = self._original_transport or self.transport
        if transport is not None:
            transport.abort()
            # In the middle of a handshake nobody else says so.
            self.loop.call_soon(self.connection_lost, None)

    def working(self) -> None:
        """Give the work on a message its own time."""
        self._reset_timeout(self._house.deliver_seconds + self._house.idle_seconds)

    async def push(self, status: Any) -> None:
        """Answer; after too many refusals, for the last time."""
        text = status if isinstance(status, str) else bytes(status).decode("utf-8", "replace")
        if text.startswith("500 Error: command "):
            text = "500 5.5.1 command not recognised"
        await super().push(text)
        if text[:1] in "45" and not text.startswith(("452", "421")):
            self._errors += 1
            if self._errors >= _ERRORS:
                self._house.count("too-many-errors")
                self.cut("421 4.7.0 too many errors")

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        """Go on under TLS, once."""
        if self._tls_protocol:
            await self.push("503 5.5.1 TLS is on")
            return
        await super().smtp_STARTTLS(cast("str", arg))
        if self._tls_protocol and self.session and self.session.ssl is None:
            self.cut()  # The client went away during the handshake.

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """Begin a message."""
        self._left = self._budget
        await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        """Take a message and answer it."""
        self._in_message = True
        try:
            await super().smtp_DATA(cast("str", arg))
        finally:
            self._in_message = False
        self._reset_timeout()
        if self._leaving:
            self.cut(_BUSY)

    async def smtp_AUTH(self, _arg: str | None) -> None:  # noqa: N802
        """Refuse: nobody signs in here."""
        await self.push(_NOT_HERE)

    async def smtp_HELP(self, _arg: str | None) -> None:  # noqa: N802
        """Refuse."""
        await self.push(_NOT_HERE)

    async def smtp_VRFY(self, _arg: str | None) -> None:  # noqa: N802
        """Refuse: whoever is here is nobody's business (RFC 5321, section 7.3)."""
        await self.push("252 2.5.0 cannot say")

    def _timeout_cb(self) -> None:
        self._house.count("timeout")
        self.cut("421 4.4.2 waited too long")

    def _getaddr(self, arg: str) -> tuple[Any, Any]:
        """Read ``<address> parameters``: strictly, and in time proportional to its length."""
        found = _PATH.fullmatch(arg.strip())
        if found is None:
            return None, None
        # The null sender is "<>" in aiosmtpd's own words, and an empty string means that nothing was said.
        return found[1] or "<>", found[2]


def _noted(task: asyncio.Task[None]) -> None:
    """Look at how a conversation ended: a client that hangs up is no error of ours."""
    if not task.cancelled():
        task.exception()
