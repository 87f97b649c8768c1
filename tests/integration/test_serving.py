"""``notifier serve``: a real process, and the order in which its parts end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs
from typer.testing import CliRunner

from incidents.app import app
from notifier.errors import Conflict, Refused
from notifier.serving import Service, listen

NOTIFIER = Path(sys.executable).with_name("notifier")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new installation."""
    assert CliRunner().invoke(app, ["--home", str(tmp_path), "init"]).exit_code == 0
    return tmp_path


@contextmanager
def serving(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the service; yield its process and its address once it listens."""
    command = [NOTIFIER, "--home", home, "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process, json.loads(process.stderr.readline())["url"]
        finally:
            process.kill()


def test_it_answers_until_told_to_stop(home: Path) -> None:
    """SIGTERM ends it in order, with exit code 0, and its log is JSON without the asker's address."""
    with serving(home, "--no-worker") as (process, url):
        answer = httpx.get(f"{url}/healthz")
        assert answer.json() == {
            "status": "ok", "store": "reachable", "worker": "none", "audit_waiting": 0
        }  # fmt: skip
        assert "server" not in answer.headers
        assert httpx.get(f"{url}/check").status_code == 200
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read() if process.stderr else ""
        assert process.wait(timeout=20) == 0
    entries = [json.loads(line) for line in rest.splitlines()]
    assert [entry["event"] for entry in entries] == [
        "web.answered", "web.answered", "service.draining", "service.stopped"
    ]  # fmt: skip
    assert "127.0.0.1" not in rest


def test_without_an_installation_it_says_what_to_do(tmp_path: Path) -> None:
    """It names the command that makes one."""
    done = subprocess.run(
        [NOTIFIER, "--home", tmp_path, "serve"], capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2)
    assert "notifier init" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head() -> None:
    """Connections that are accepted send at once what is written (TCP_NODELAY), though asyncio does not ask for it."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_port_that_is_taken_is_refused_in_words() -> None:
    """Whatever else listens there is not disturbed."""
    with listen("127.0.0.1", 0) as first, pytest.raises(Refused, match="cannot be listened on"):
        listen("127.0.0.1", first.getsockname()[1])


class SlowSender:
    """Sends until told to stop, and then finishes something that takes until ``finish``."""

    trouble = ""

    def __init__(self) -> None:
        self.alive = False
        self.told = asyncio.Event()
        self.finish = asyncio.Event()

    async def run(self, stop: asyncio.Event, started: asyncio.Event) -> None:
        """Be alive until stopped."""
        self.alive = True
        started.set()
        await stop.wait()
        self.told.set()
        await self.finish.wait()
        self.alive = False


class RefusedSender:
    """Cannot start: another worker is at it."""

    alive = False
    trouble = ""

    async def run(self, stop: asyncio.Event, started: asyncio.Event) -> None:
        """Refuse."""
        raise Conflict


async def test_pages_answer_while_the_worker_drains() -> None:
    """The web ends only when the worker has finished."""
    sender = SlowSender()
    service = Service(sender)
    web = FastAPI()
    web.get("/state")(service.worker_state)
    with listen("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/state"
        running = asyncio.create_task(service.run(web, listening, ()))
        async with httpx.AsyncClient() as client:
            assert (await client.get(url)).json() == "running"
            sender.trouble = "trail"
            assert (await client.get(url)).json() == "troubled"
            os.kill(os.getpid(), signal.SIGTERM)
            await sender.told.wait()
            assert (await client.get(url)).json() == "draining"
            sender.finish.set()
        await running
    assert service.worker_state() == "stopped"


async def test_trouble_with_the_worker_ends_the_process() -> None:
    """A service that only looks alive would be worse than one that a supervisor starts again; it never
    says that it listens.
    """
    with listen("127.0.0.1", 0) as listening, capture_logs() as logged, pytest.raises(Conflict):
        await Service(RefusedSender()).run(FastAPI(), listening, ())
    assert logged == []
