"""Logs carry no personal data."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog

from notifier import logs

ADDRESS = "mia.musterfrau@example.org"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged; the process's own logging is as before afterwards."""
    root = logging.getLogger()
    handlers, level, shown = root.handlers[:], root.level, warnings.showwarning
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    logging.captureWarnings(capture=False)
    warnings.showwarning = shown
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_an_event_is_one_json_object_a_line(written: io.StringIO) -> None:
    """With its time in UTC and its level."""
    structlog.get_logger().info("service.listening", url="http://127.0.0.1:8080")
    entry = json.loads(written.getvalue())
    assert entry["event"] == "service.listening"
    assert entry["level"] == "info"
    assert entry["timestamp"].endswith("Z")


def test_an_exception_is_logged_without_its_message(written: io.StringIO) -> None:
    """Its kind and the place it came from are enough to find the fault."""
    try:
        [].remove(f"550 no such user <{ADDRESS}>")
    except ValueError:
        structlog.get_logger().exception("relay.trouble")
    entry = json.loads(written.getvalue())
    assert entry["kind"] == "ValueError"
    assert "test_an_exception_is_logged_without_its_message" in entry["where"][-1]
    assert ADDRESS not in written.getvalue()
    assert "no such user" not in written.getvalue()


def test_libraries_are_heard_without_their_arguments(written: io.StringIO) -> None:
    """Only the text in their code is logged, its first line, with addresses taken out."""
    logging.getLogger("mail").warning("cannot send to %s", ADDRESS)
    logging.getLogger("asyncio").error("task failed\nfuture: %s", ADDRESS)
    logging.getLogger("formatted").error(f"cannot send to <{ADDRESS}>!")  # noqa: G004 - as careless libraries do
    logging.getLogger("mail").info("chatter")
    texts = [json.loads(line)["text"] for line in written.getvalue().splitlines()]
    assert texts == ["cannot send to %s", "task failed", "cannot send to <(address)>!"]
