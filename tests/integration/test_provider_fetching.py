"""Fetching over HTTPS from a real server: what is too big, too slow, elsewhere or unproven is not taken."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from notifier.channels.email.providers import fetching
from notifier.channels.email.providers.fetching import FetchFailed, fetch
from tests.certificates import make_certificates

_STOP = threading.Event()


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer as the path asks."""
        match self.path:
            case "/document":
                self._give(200, b"document")
            case "/big":
                self._give(200, b"x" * 100_000)
            case "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "/document")
                self.end_headers()
            case "/slow":
                self.send_response(200)
                self.end_headers()
                _STOP.wait(30)
            case "/nonsense":
                self.wfile.write(b"\0\r\n\r\n")
            case _:
                self._give(404, b"")

    def _give(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_args: object) -> None:
        """Clients that hang up are expected here."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server whose authority is trusted."""
    made = make_certificates(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    running = _Server(("127.0.0.1", 0), _Answers)
    running.socket = context.wrap_socket(running.socket, server_side=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    _STOP.clear()
    yield f"https://127.0.0.1:{running.server_address[1]}"
    _STOP.set()
    running.shutdown()
    running.server_close()
    thread.join()


async def test_a_document_is_fetched(server: str) -> None:
    """Over TLS, from a server that proves who it is."""
    assert await fetch(f"{server}/document") == b"document"


@pytest.mark.parametrize("path", ["/missing", "/big", "/elsewhere", "/nonsense"])
async def test_anything_but_a_small_document_fails(server: str, path: str) -> None:
    """No redirect is followed, and no more than 64 KiB read."""
    with pytest.raises(FetchFailed):
        await fetch(server + path)


async def test_a_slow_server_is_not_waited_for(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """SNS itself waits for us fifteen seconds at most."""
    assert fetching._TIMEOUT < 15
    monkeypatch.setattr(fetching, "_TIMEOUT", 0.2)
    with pytest.raises(FetchFailed):
        await fetch(f"{server}/slow")


async def test_a_server_nobody_vouches_for_fails(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its authority among the trusted ones the certificate is worth nothing."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchFailed):
        await fetch(f"{server}/document")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "file:///etc/hostname", "https://127.0.0.1:1/", "https://[/", ""]
)
async def test_nothing_but_https_is_tried(url: str) -> None:
    """Files, plain HTTP, closed ports and nonsense all fail the same way."""
    with pytest.raises(FetchFailed):
        await fetch(url)
