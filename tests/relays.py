"""What tests of the e-mail channel share: a relay that is the loopback sink, envelopes, a noting caller."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from notifier.channels import Envelope, Outcome
from notifier.channels.email import EmailChannel
from notifier.channels.email.sink import LoopbackSink
from notifier.channels.email.sink_session import SinkSession
from notifier.settings import EmailSettings, RelaySettings

CONTENT = b"From: a@example.com\r\nTo: reader@example.com\r\nSubject: s\r\n\r\nHello\r\n.\r\n.dotted\r\n"


def envelope(number: int = 0, *, recipient: str = "", content: bytes = CONTENT, **more: Any) -> Envelope:
    """Return an envelope of its own reader and return path."""
    return Envelope(
        recipient=recipient or f"reader-{number}@example.com",
        return_path=f"b+{number}@bounces.example.com",
        content=content,
        **more,
    )


def relay(port: int, name: str = "main", **more: Any) -> RelaySettings:
    """Return the settings of a relay on the loopback address, without TLS and quick to give up."""
    return RelaySettings(
        **{"name": name, "host": "127.0.0.1", "port": port, "tls": "none", "timeout": 5, **more}
    )


def channel(*relays: RelaySettings, **more: Any) -> EmailChannel:
    """Return a channel over ``relays``."""
    return EmailChannel(EmailSettings(helo_name="client.example.com", relays=relays, **more))


def noting(notes: list[Outcome]) -> Callable[[Outcome], None]:
    """Return a ``settled`` that keeps what it hears."""
    return notes.append


class SilentRelay:
    """Takes connections and says nothing, until it is told to speak."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.port = int(listening.getsockname()[1])

    def callers(self) -> int:
        """Take the connections that wait, and return how many those were."""
        count = 0
        with suppress(BlockingIOError):
            while True:
                self._listening.accept()[0].close()
                count += 1
        return count

    async def speak(self, sink: LoopbackSink) -> asyncio.Server:
        """Greet those who wait and all who come, and be ``sink`` from now on."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: SinkSession(sink), sock=self._listening)


@contextmanager
def silence() -> Iterator[SilentRelay]:
    """Return a relay on the loopback address that has accepted connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        listening.setblocking(False)
        yield SilentRelay(listening)
