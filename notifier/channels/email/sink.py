"""The loopback sink: a mail server on 127.0.0.1 that keeps what it is given and passes nothing on.

Drills hand over to it and to nothing else. It announces PIPELINING (RFC 2920), 8BITMIME, SMTPUTF8 and SIZE,
and notes each message, in memory and in a file, before it answers 250, so that after a crash the file says
what a real server would have said it had.

``python -m notifier.channels.email.sink --port 2525 --log accepted.jsonl`` runs it on its own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from notifier.channels.email.scripts import Script, Scripts, load_scripts
from notifier.channels.email.sink_session import Accepted, SinkSession

HOST = "127.0.0.1"
_SIZE = 10_485_760


class LoopbackSink:
    """An SMTP server on the loopback address; an async context manager. ``port`` 0 takes any free one.

    ``on_accepted`` is called for each message before the sender is answered. ``log`` is appended to with
    one plain write a message. ``keep`` holds the messages in ``accepted``; the counters always run.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        log: Path | None = None,
        log_content: bool = False,
        keep: bool = False,
        scripts: Sequence[Script] = (),
        wait: float = 0,
        pipelining: bool = True,
        smtputf8: bool = True,
        size: int = _SIZE,
        messages_per_connection: int = 0,
        on_accepted: Callable[[Accepted], None] | None = None,
    ) -> None:
        self.port = port
        self.accepted: list[Accepted] = []
        self.replies: Counter[int] = Counter()
        """Answers given to RCPT and to the final dot, by code."""
        self.connections = 0
        self.transcript: list[bytes] | None = None
        """Set it to a list, and everything received is added to it."""
        self.scripts = Scripts(scripts)
        self.wait = wait
        self.messages_per_connection = messages_per_connection
        self.size = size
        self._log_path, self._log_content, self._keep = log, log_content, keep
        self._on_accepted = on_accepted
        self._log = -1
        self._server: asyncio.Server | None = None
        self._open: set[SinkSession] = set()
        offered = ["loopback sink", f"SIZE {size}", "8BITMIME", "ENHANCEDSTATUSCODES"]
        offered += ["SMTPUTF8"] * smtputf8 + ["PIPELINING"] * pipelining
        self.hello = "".join(f"250-{line}\r\n" for line in offered[:-1]) + f"250 {offered[-1]}\r\n"

    async def __aenter__(self) -> Self:
        """Listen."""
        if self._log_path:
            self._log = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SinkSession(self), HOST, self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening and close all connections."""
        if self._server:
            self._server.close()
        for session in tuple(self._open):
            session.abort()
        await asyncio.sleep(0)
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def opened(self, session: SinkSession) -> None:
        """Count a connection and keep it in sight."""
        self.connections += 1
        self._open.add(session)

    def closed(self, session: SinkSession) -> None:
        """Forget a connection."""
        self._open.discard(session)

    def take(self, message: Accepted) -> None:
        """Note a message for good; the caller answers 250 only afterwards."""
        if self._log >= 0:
            os.write(self._log, message.line(content=self._log_content))
        if self._keep:
            self.accepted.append(message)
        if self._on_accepted:
            self._on_accepted(message)


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sink = LoopbackSink(
        port=arguments.port,
        log=arguments.log,
        log_content=arguments.content,
        scripts=load_scripts(arguments.scripts) if arguments.scripts else (),
        wait=arguments.wait,
        pipelining=not arguments.no_pipelining,
    )
    async with sink:
        sys.stdout.write(f"{HOST}:{sink.port}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    """Run a sink until SIGTERM; its first line of output is the address it listens on."""
    parser = argparse.ArgumentParser(prog="python -m notifier.channels.email.sink", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--log", type=Path, help="file for one line of JSON per accepted message")
    parser.add_argument("--content", action="store_true", help="log the messages themselves too")
    parser.add_argument("--scripts", type=Path, help="JSON list of scripts for chosen recipients")
    parser.add_argument("--wait", type=float, default=0, help="seconds before each final answer")
    parser.add_argument("--no-pipelining", action="store_true", help="do not announce PIPELINING")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
