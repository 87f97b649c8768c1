"""The inbound mail server: takes bounces and complaints that are addressed to us, and nothing else.

A message is answered with 250 only once what it reports is on record; if that fails, with 451, and the sender
tries again. What is not for us is refused at once, so nothing is relayed and nothing is bounced by us.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from pathlib import Path
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self, cast

import structlog

from notifier.channels.email.inbound.certificate import ServerCertificate
from notifier.channels.email.inbound.delivering import Deliver
from notifier.channels.email.inbound.recipients import Recipients
from notifier.channels.email.inbound.session import InboundSession
from notifier.errors import BadSettings
from notifier.settings import InboundSettings

log = structlog.get_logger()
_BACKLOG = 128
_DRAIN_SECONDS = 20.0
_DELIVER_SECONDS = 60.0
_FULL = b"421 4.3.2 too many connections, please try again later\r\n"


class BounceListener:
    """An SMTP server; an async context manager, on the running loop.

    ``settings`` bound it. ``deliver`` takes each message, several at once. ``listening`` is a socket that is
    bound already, from a supervisor for instance; else ``listen_host`` and ``listen_port`` are bound, and
    ``OSError`` says that they cannot be. Leaving the context takes no new connections, says 421 to the idle
    ones and lets messages under way get their answer, for ``drain_seconds`` at most.
    """

    def __init__(
        self,
        settings: InboundSettings,
        recipients: Recipients,
        deliver: Deliver,
        *,
        host_name: str,
        listening: socket.socket | None = None,
        deliver_seconds: float = _DELIVER_SECONDS,
        drain_seconds: float = _DRAIN_SECONDS,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """What happened since the start: ``taken``, ``failed``, ``unknown-recipient``, ``too-big``,
        ``timeout``, ``full``, ``too-many-errors``, ``error``."""
        self.size = settings.most_bytes
        self.most_recipients = settings.most_recipients
        self.idle_seconds = settings.idle_seconds
        self.deliver_seconds = deliver_seconds
        self.host_name = settings.host_name or host_name
        self.port = settings.listen_port
        self._host = None if settings.listen_host == "*" else settings.listen_host
        self._most = settings.most_connections
        self._most_per_client = settings.most_connections_per_client
        self._recipients, self._deliver, self._listening = recipients, deliver, listening
        self._drain_seconds = drain_seconds
        self._server: asyncio.Server | None = None
        self._open: dict[InboundSession, str] = {}
        self._empty = asyncio.Event()
        if bool(settings.tls_certificate) is not bool(settings.tls_key):
            raise BadSettings("inbound.tls_certificate and inbound.tls_key go together")
        self._certificate = (
            ServerCertificate(Path(settings.tls_certificate), Path(settings.tls_key))
            if settings.tls_certificate
            else None
        )

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        if self._listening is not None:
            self._server = await loop.create_server(lambda: _Door(self), sock=self._listening)
        else:
            self._server = await loop.create_server(
                lambda: _Door(self), self._host, self.port, backlog=_BACKLOG
            )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take nobody in any more and let those who are here finish."""
        if self._server:
            self._server.close()
        for session in tuple(self._open):
            session.leave()
        try:
            async with asyncio.timeout(self._drain_seconds):
                while self._open:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            log.warning("connections to the inbound mail server were cut", count=len(self._open))
        finally:
            for session in tuple(self._open):
                session.cut()
            await asyncio.sleep(0)

    def admit(self, transport: asyncio.Transport) -> InboundSession | None:
        """Begin a conversation, or return None while there are too many."""
        client = _network(transport.get_extra_info("peername"))
        here = sum(client == other for other in self._open.values())
        if len(self._open) >= self._most or here >= self._most_per_client:
            self.count("full")
            return None
        session = InboundSession(self)
        self._open[session] = client
        return session

    def tls(self) -> SSLContext | None:
        """Return the TLS context for STARTTLS, None if there is none."""
        return self._certificate.context() if self._certificate else None

    def exists(self, address: str) -> bool:
        """Say whether mail for this address is taken."""
        return address in self._recipients

    async def take(self, message: bytes, recipients: tuple[str, ...]) -> bool:
        """Put a message on record; false if that failed, whatever the failure was."""
        try:
            async with asyncio.timeout(self.deliver_seconds):
                await self._deliver(message, recipients)
        except Exception as error:  # noqa: BLE001 - the sender is told, and brings the message again
            # Without the text, which may be about a person.
            log.warning("a report by e-mail could not be taken", error=type(error).__name__)
            self.count("failed")
            return False
        self.count("taken")
        return True

    def count(self, what: str) -> None:
        """Count what happened."""
        self.counts[what] += 1

    def closed(self, session: InboundSession) -> None:
        """Forget a connection."""
        self._open.pop(session, None)
        if not self._open:
            self._empty.set()


class _Door(asyncio.Protocol):
    """Lets a connection in, or answers it with 421."""

    def __init__(self, listener: BounceListener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Decide."""
        transport = cast("asyncio.Transport", transport)
        session = self._listener.admit(transport)
        if session is None:
            transport.write(_FULL)
            transport.abort()
        else:
            transport.set_protocol(session)
            session.connection_made(transport)


def _network(peer: Any) -> str:
    """Return what counts as one client: an IPv4 address, or a network of IPv6."""
    try:
        address = ipaddress.ip_address(peer[0].partition("%")[0])
    except (TypeError, ValueError, IndexError, AttributeError):
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)
