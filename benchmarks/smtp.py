"""What handing over costs: the e-mail channel beside a bare aiosmtplib loop, to Postfix's smtp-sink.

``python benchmarks/smtp.py`` prints both; other benchmarks import the functions. The bare loop keeps no
state at all: it sends one prebuilt message over and over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import aiosmtplib

from notifier.channels import Envelope, OutcomeKind
from notifier.channels.email import EmailChannel
from notifier.settings import EmailSettings, RelaySettings

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Figure:
    """One measurement: messages a second, and CPU of this process for each."""

    name: str
    messages: int
    per_second: float
    cpu_us: float


def message(size: int = 6600) -> bytes:
    """Return a message of about ``size`` bytes with lines as mail has them."""
    head = b"From: security@example.com\r\nTo: reader@example.com\r\nSubject: Security notice\r\n\r\n"
    line = b"We write to you because some of your data was copied; what to do next is below.\r\n"
    return head + line * ((size - len(head)) // len(line) + 1)


@asynccontextmanager
async def smtp_sink() -> AsyncIterator[int]:
    """Run Postfix's smtp-sink on a free port; it takes everything and keeps nothing."""
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise LookupError("smtp-sink is missing; Debian has it in the package postfix")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, *user, f"{HOST}:{port}", "1000"])
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                break
        yield port
    finally:
        process.terminate()
        process.wait()


async def _measured(name: str, count: int, work: Callable[[], Awaitable[None]]) -> Figure:
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Figure(name, count, count / wall, cpu / count * 1e6)


async def bare(port: int, connections: int, count: int, content: bytes) -> Figure:
    """Send ``content`` ``count`` times with aiosmtplib's ``sendmail`` over so many connections."""
    left = iter(range(count))

    async def lane() -> None:
        client = aiosmtplib.SMTP(hostname=HOST, port=port, start_tls=False, local_hostname="localhost")
        async with client:
            for _ in left:
                await client.sendmail("b@example.com", ["reader@example.com"], content)

    async def work() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(lane())

    return await _measured(f"bare aiosmtplib, {connections} connections", count, work)


async def bare_best(port: int, count: int, content: bytes) -> Figure:
    """Return the best of 1, 10 and 50 connections."""
    figures = [await bare(port, connections, count, content) for connections in (1, 10, 50)]
    return max(figures, key=lambda figure: figure.per_second)


async def channel(port: int, concurrency: int, count: int, content: bytes) -> Figure:
    """Send ``content`` ``count`` times through the channel, so many ``send`` at once."""
    relay = RelaySettings(name="sink", host=HOST, port=port, tls="none")
    left = iter(range(count))

    async with EmailChannel(EmailSettings(relays=(relay,), helo_name="localhost")) as ready:

        async def lane() -> None:
            for number in left:
                envelope = Envelope(f"reader-{number}@example.com", f"b+{number}@example.com", content)
                outcome = await ready.send(envelope)
                if outcome.kind is not OutcomeKind.ACCEPTED:
                    raise RuntimeError(outcome.reason)

        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(lane())

        return await _measured(f"e-mail channel, {concurrency} at once", count, work)


async def compare(count: int) -> list[Figure]:
    """Measure both, one after the other, against the same sink."""
    content = message()
    async with smtp_sink() as port:
        figures = [await bare(port, connections, count // 4, content) for connections in (1, 10, 50)]
        figures += [await channel(port, concurrency, count, content) for concurrency in (1, 20, 100)]
    return figures


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="messages through the channel")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(compare(arguments.count))
    if arguments.json:
        json.dump([asdict(figure) for figure in figures], sys.stdout)
        return
    for figure in figures:
        print(f"{figure.name:34} {figure.per_second:8.0f}/s {figure.cpu_us:7.1f} µs CPU")


if __name__ == "__main__":
    main()
