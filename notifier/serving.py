"""One process: the web server, and the worker where it is wanted. They start and stop together."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

import structlog
import uvicorn
from starlette.types import ASGIApp

from notifier.errors import Refused
from notifier.web.health import WorkerState

_log = structlog.get_logger(__name__)
_LAST_REQUESTS = 5
"""Seconds that answers under way get at the end."""


class Sender(Protocol):
    """What sends: the worker. ``alive`` says whether it has started and not yet stopped, ``trouble`` names
    what keeps failing in it.
    """

    alive: bool

    @property
    def trouble(self) -> str:
        """Return the name of what keeps failing; empty while all is well."""
        ...

    async def run(self, stop: asyncio.Event, started: asyncio.Event) -> None:
        """Send until ``stop``; then finish what is being handed over and begin nothing new. ``started`` is
        set once it is known that this is the one that sends.
        """
        ...


class Service:
    """Runs web server and sender until told to stop. Trouble in either ends both and is raised."""

    def __init__(self, sender: Sender | None) -> None:
        self._sender = sender
        self._sending: asyncio.Task[None] | None = None
        self.stopping = asyncio.Event()
        """Set once it ends: what would go on answering for hours ends then."""
        self._started = asyncio.Event()

    def worker_state(self) -> WorkerState:
        """Say how the sending part is: for the health check."""
        if self._sender is None:
            return "none"
        if self._sending is None or self._sending.done():
            return "stopped"
        if self.stopping.is_set():
            return "draining"
        if self._sender.trouble:
            return "troubled"
        return "running" if self._sender.alive else "starting"

    def stop(self) -> None:
        """Let it end as a signal does."""
        self.stopping.set()

    async def run(self, web: ASGIApp, listening: socket.socket, trusted_proxies: Sequence[str]) -> None:
        """Serve until SIGTERM or SIGINT, then drain: the pages answer for as long as the worker works.
        A second signal ends the process at once.
        """
        server = _Server(
            uvicorn.Config(
                web,
                access_log=False,
                forwarded_allow_ips=list(trusted_proxies),
                lifespan="off",
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=_LAST_REQUESTS,
            )
        )
        self._hear_signals()
        answering = asyncio.create_task(server.serve(sockets=[listening]))
        self._sending = asyncio.create_task(self._send())
        ending = (answering, self._sending, asyncio.create_task(self.stopping.wait()))
        starting = asyncio.create_task(self._started.wait())
        await asyncio.wait((*ending, starting), return_when=asyncio.FIRST_COMPLETED)
        if self._started.is_set():
            # Not before: a second service is refused by its worker, and never served.
            _log.info("service.listening", url=url(listening), worker=self._sender is not None)
        await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
        starting.cancel()
        self.stopping.set()
        with suppress(Exception):
            # What went wrong is raised below, once the other part has ended too.
            await self._sending
        server.should_exit = True
        await answering
        await self._sending
        _log.info("service.stopped")

    async def _send(self) -> None:
        if self._sender is None:
            self._started.set()
            await self.stopping.wait()
        else:
            await self._sender.run(self.stopping, self._started)

    def _hear_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def heard(name: str) -> None:
            _log.info("service.draining", signal=name)
            self.stopping.set()
            for one in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(one)

        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, heard, one.name)


class _Server(uvicorn.Server):
    """A uvicorn that leaves the signals to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Catch none."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; what is in the way is ``Refused``. Nothing is served yet."""
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
        # Connections inherit it. asyncio sets it only on sockets made with a named protocol, and without it
        # an answer's body waits up to 40 ms for the acknowledgement of its head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError) as error:
        raise Refused(
            f"{host} port {port} cannot be listened on: {getattr(error, 'strerror', error)}",
            advice="Stop what is there, or set web.host and web.port.",
        ) from None
    return listening


def url(listening: socket.socket) -> str:
    """Return the address of a server on a socket that listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
