"""Logs: one JSON object a line on stderr, without personal data.

An exception is logged as its kind and where it came from, never with its message: libraries put addresses
and server replies there. The same goes for the arguments of what libraries log.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog

Entry = MutableMapping[str, Any]
_ADDRESS = re.compile(r"[^\s<>\"'(),:;]+@[^\s<>\"'(),:;]+")
_FRAMES = 12


def configure(stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (stderr if not given): JSON, or lines for a terminal."""
    target = stream or sys.stderr
    renderer: Any = structlog.processors.JSONRenderer(serializer=_dumps)
    if target.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_message,
            _without_addresses,
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(target),
    )
    root = logging.getLogger()
    root.handlers[:] = [_FromLibraries()]
    root.setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
    logging.captureWarnings(capture=True)


class _FromLibraries(logging.Handler):
    """Hands on what libraries log: the first line of the text as written in their code."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        text = record.msg.partition("\n")[0] if isinstance(record.msg, str) else type(record.msg).__name__
        log = structlog.get_logger()
        log.log(record.levelno, "library", logger=record.name, text=text, exc_info=record.exc_info)


def _without_message(_logger: Any, _method: str, entry: Entry) -> Entry:
    """Replace an exception by its kind and its frames, the innermost last."""
    info = entry.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0]:
        entry["kind"] = info[0].__name__
        entry["where"] = _where(info[2])
    return entry


def _where(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{'/'.join(frame.filename.rsplit('/', 2)[1:])}:{frame.lineno} {frame.name}" for frame in frames]


def _without_addresses(_logger: Any, _method: str, entry: Entry) -> Entry:
    """Make sure of it: nothing that looks like an e-mail address leaves in a text."""
    for key, value in entry.items():
        if isinstance(value, str) and "@" in value:
            entry[key] = _ADDRESS.sub("(address)", value)
    return entry


def _dumps(entry: Entry, **_options: Any) -> str:
    return orjson.dumps(entry, default=str).decode()
