"""Just enough of HTTP/1.1 for the loopback double: requests with a length, answers with one, kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

HOST = "127.0.0.1"
_LARGEST_HEAD = 16_384
_LARGEST_BODY = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in small letters."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; ``cut`` closes the connection instead, ``silent`` never answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    silent: bool = False

    def encoded(self) -> bytes:
        """Return it as it goes over the wire."""
        phrase = HTTPStatus(self.status).phrase
        lines = [f"HTTP/1.1 {self.status} {phrase}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Handler = Callable[[Request], Awaitable[Response]]


async def serve(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it ends or makes no sense."""
    try:
        while (request := await _read(reader)) is not None:
            response = await handler(request)
            if response.silent:
                await reader.read()
            if response.cut or response.silent:
                break
            writer.write(response.encoded())
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        pass
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    if len(head) > _LARGEST_HEAD:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _LARGEST_BODY:
        return None
    return Request(method, target, headers, await reader.readexactly(length))


async def post(port: int, target: str, headers: Mapping[str, str], body: bytes) -> int:
    """Post a body to a server on this machine and nowhere else; return the status, 0 for none."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return 0
    try:
        lines = [f"POST {target} HTTP/1.1", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        status = (await reader.readline()).split(b" ", 2)
        return int(status[1]) if len(status) > 1 and status[1].isdigit() else 0
    except OSError:
        return 0
    finally:
        writer.close()
