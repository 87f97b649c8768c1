"""What tests of the ways in share: a listener with a return path of its own, and a caller that keeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from notifier.channels.email.inbound.listener import BounceListener
from notifier.channels.email.inbound.recipients import Recipients
from notifier.channels.email.return_path import ReturnPaths
from notifier.keys import Keys
from notifier.settings import InboundSettings

DOMAIN = "bounces.example.com"
REFERENCE = "3F9A02BC77D1E04B"
PATHS = ReturnPaths(Keys(b"m" * 32, b"i" * 32, b"t" * 32), DOMAIN)
PATH = PATHS.make(REFERENCE, 1)
RECIPIENTS = Recipients(PATHS, DOMAIN, ["fbl@example.com"])
BOUNCE = b"From: <>\r\nSubject: returned\r\n\r\nIt did not arrive.\r\n.\r\n..two dots\r\n"
STUFFED = BOUNCE.replace(b"\r\n.", b"\r\n..")


class Keeper:
    """A ``deliver`` that keeps what it is given, or fails, or waits, as told."""

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, tuple[str, ...]]] = []
        self.failing: type[Exception] | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.arrived = asyncio.Event()

    async def __call__(self, message: bytes, recipients: Sequence[str]) -> None:
        """Take a message."""
        self.arrived.set()
        await self.open.wait()
        if self.failing:
            raise self.failing("about reader@example.com")
        self.kept.append((message, tuple(recipients)))
        self.arrived.set()


@asynccontextmanager
async def listening(
    keeper: Keeper, *, port: int = 0, drain: float = 5, work: float = 5, **set_: Any
) -> AsyncIterator[BounceListener]:
    """Run a listener on a free port of the loopback address."""
    settings = InboundSettings(listen_host="127.0.0.1", listen_port=port, **set_)
    listener = BounceListener(
        settings, RECIPIENTS, keeper, host_name="mx.test", deliver_seconds=work, drain_seconds=drain
    )
    async with listener:
        yield listener


class Talk:
    """A client that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Talk:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def hear(self) -> str:
        """Return the next answer whole, nothing when the line is closed."""
        lines = []
        with suppress(ConnectionError):
            while line := (await asyncio.wait_for(self.reader.readline(), 30)).decode():
                lines.append(line.rstrip())
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    async def say(self, text: str | bytes) -> str:
        """Say one line and return the answer."""
        self.writer.write((text.encode() if isinstance(text, str) else text) + b"\r\n")
        return await self.hear()

    async def begin(self, recipient: str = PATH) -> None:
        """Go as far as DATA."""
        await self.hear()
        for line in ("EHLO client.test", "MAIL FROM:<>", f"RCPT TO:<{recipient}>", "DATA"):
            assert (await self.say(line))[0] in "23"

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def nobody_in(listener: BounceListener) -> None:
    """Wait until the listener has no connection left."""
    listener._empty.clear()
    while listener._open:
        await asyncio.wait_for(listener._empty.wait(), 30)
