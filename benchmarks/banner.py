"""What reading the banner costs: requests a second and waiting times beside a static file of the same server.

``python -m benchmarks.banner`` starts one uvicorn process and one process that asks, both on this machine,
over kept connections. The notices are those of a released announcement, read from a SQLite store each time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import platform
import socket
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import jwt
import structlog
import uvicorn
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from incidents.migrations import upgrade
from notifier.banners import StoreBanners
from notifier.channels.banner.keys import TokenKey
from notifier.channels.banner.token import Tokens
from notifier.clock import SystemClock
from notifier.keys import Keys
from notifier.serving import listen
from notifier.settings import Organisation
from notifier.store import Store
from notifier.testing import FakeClock
from notifier.web.banner import add_banner_routes
from notifier.web.banner.answers import EMPTY
from tests.audiences import crowd
from tests.banner_store import shown

SECRET = bytes(range(32))
ISSUER, AUDIENCE = "https://app.example.com", "https://notices.example.com/banner"
ORIGIN = "notify.example.com/audit"
WARM_UP = 0.15


@dataclass(frozen=True)
class Figure:
    """One row: milliseconds are of single requests, CPU is the server's for each."""

    name: str
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True)
class Released:
    """A store with a released announcement, and one of the accounts that have its banner."""

    url: str
    keys: Keys
    account: str

    def open(self) -> Store:
        """Open the store."""
        return Store.open(self.url, origin=ORIGIN, load_keys=lambda: self.keys)


async def released(folder: Path, people: int) -> Released:
    """Release an announcement whose plan has a banner for everybody."""
    keys, clock = Keys.generate(), FakeClock()
    url = f"sqlite+aiosqlite:///{folder / 'store.db'}"
    store = Store.open(url, origin=ORIGIN, clock=clock, load_keys=lambda: keys)
    await upgrade(store.engine)
    audience = crowd(people)
    out = await shown(store, keys, clock, folder, people=tuple(audience))
    await store.close()
    return Released(url, keys, out.sub(audience[people // 2]))


def application(folder: str, answer_time: timedelta, world: Released) -> FastAPI:
    """Return a banner beside a folder of files."""
    app = FastAPI()
    clock = SystemClock()
    tokens = Tokens([TokenKey("k", "HS256", SECRET)], issuer=ISSUER, audience=AUDIENCE, clock=clock)
    add_banner_routes(
        app,
        StoreBanners(world.open(), world.keys),
        tokens,
        clock=clock,
        organisation=Organisation(),
        answer_time=answer_time,
        per_minute=100_000_000,
    )
    app.mount("/static", StaticFiles(directory=folder))
    return app


def serve(
    listening: socket.socket, folder: str, milliseconds: int, told: Connection, world: Released
) -> None:
    """Run the server; say what CPU it has used whenever asked."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    app = application(folder, timedelta(milliseconds=milliseconds), world)

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def asked() -> None:
            told.recv()
            told.send(time.process_time())

        loop.add_reader(told.fileno(), asked)
        config = uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")
        await uvicorn.Server(config).serve(sockets=[listening])

    asyncio.run(run())


async def _lane(port: int, request: bytes, until: float, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.partition(b"\r\n")[0].decode())
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        waits.append(time.perf_counter() - began)
    writer.close()


async def ask(
    port: int, row: tuple[str, str, str], *, seconds: float, lanes: int, told: Connection
) -> Figure:
    """Ask for ``seconds`` over ``lanes`` connections."""
    name, path, token = row
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    request = f"GET {path} HTTP/1.1\r\nHost: app.example.com\r\n{bearer}\r\n".encode()
    for length in (seconds * WARM_UP, seconds):
        waits: list[float] = []
        told.send("cpu")
        cpu, began = told.recv(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(_lane(port, request, began + length, waits))
        wall = time.perf_counter() - began
        told.send("cpu")
        cpu = told.recv() - cpu
    waits.sort()
    count = len(waits)
    return Figure(
        name, count / wall, waits[count // 2] * 1000, waits[count * 99 // 100] * 1000, cpu / count * 1e6
    )


def token(sub: str) -> str:
    """Return what the host would mint."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + 900}
    return jwt.encode(claims, SECRET, "HS256", headers={"kid": "k"})


def measure(seconds: float, lanes: int, people: int) -> list[Figure]:
    """Measure all rows: first without the least answer time, then with it."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty.json").write_bytes(EMPTY)
        world = asyncio.run(released(Path(folder), people))
        for milliseconds in (0, 50):
            rows = [
                ("static file", "/static/empty.json", ""),
                ("no token", "/banner/notices", ""),
                ("account without notices", "/banner/notices", token("B-2")),
                ("account with a notice", "/banner/notices", token(world.account)),
                ("the same as HTML", "/banner/fragment", token(world.account)),
            ]
            here, there = multiprocessing.Pipe()
            with listen("127.0.0.1", 0) as listening:
                port = listening.getsockname()[1]
                server = multiprocessing.get_context("fork").Process(
                    target=serve, args=(listening, folder, milliseconds, there, world), daemon=True
                )
                server.start()
                for name, path, given in rows if not milliseconds else rows[1:]:
                    shown = (
                        f"{name}, after {milliseconds} ms, {lanes * 10} connections" if milliseconds else name
                    )
                    figures.append(
                        asyncio.run(
                            ask(
                                port,
                                (shown, path, given),
                                seconds=seconds,
                                lanes=lanes * 10 if milliseconds else lanes,
                                told=here,
                            )
                        )
                    )
                server.terminate()
                server.join()
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = measure(given.seconds, given.connections, given.people)
    if given.json:
        json.dump([asdict(figure) for figure in figures], sys.stdout)
        return
    print(f"{given.connections} connections, Python {platform.python_version()}, {os.cpu_count()} cores\n")
    print("| request | a second | p50, ms | p99, ms | CPU each, µs |\n|---|---:|---:|---:|---:|")
    for row in figures:
        rate, cpu = f"{row.per_second:,.0f}", f"{row.cpu_us:,.0f}"
        print(f"| {row.name} | {rate} | {row.p50_ms:.1f} | {row.p99_ms:.1f} | {cpu} |")


if __name__ == "__main__":
    main()
