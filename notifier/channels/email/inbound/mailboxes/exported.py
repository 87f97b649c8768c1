"""Messages in files that people exported: ``.eml``, mbox (RFC 4155), and folders of them, Maildir too."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from notifier.errors import NotFound

_MOST_BYTES = 33_554_432
_CHUNK = 65_536
_BEGINS = re.compile(rb"From \S+ .{4,200}$")
_QUOTED = re.compile(rb">+From ")
_SUBFOLDERS = ("new", "cur")


def messages_in(path: Path, *, most_bytes: int = _MOST_BYTES) -> Iterator[bytes]:
    """Yield the messages of a file or folder, each as far as ``most_bytes``; nothing is moved or marked.

    A Maildir gives what is in ``new`` and ``cur``, another folder the files in it, in the order of their
    names. A file whose first line begins a message of an mbox is one; any other is a single message. What
    cannot be found or read is ``NotFound``.
    """
    try:
        if not path.is_dir():
            yield from _in_file(path, most_bytes)
            return
        maildir = all((path / name).is_dir() for name in _SUBFOLDERS)
        for folder in [path / name for name in _SUBFOLDERS] if maildir else [path]:
            for file in sorted(folder.iterdir()):
                if not file.name.startswith(".") and stat.S_ISREG(file.lstat().st_mode):
                    yield from _in_file(file, most_bytes)
    except OSError as error:
        raise NotFound(
            f"the messages cannot be read: {error.strerror}",
            advice="Name a file (.eml or mbox), a folder of them, or a Maildir.",
        ) from None


def _in_file(path: Path, most_bytes: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        message: bytearray | None = None
        blank, whole = True, True
        # A line is read in pieces: there may be no end of it.
        while line := file.readline(_CHUNK):
            if blank and line.startswith(b"From ") and _BEGINS.match(line.rstrip(b"\r\n")):
                if message is not None:
                    yield bytes(_without_last_blank(message))
                message = bytearray()
            elif message is None:  # No mbox.
                yield line + file.read(max(0, most_bytes - len(line)))
                return
            else:
                taken = line[1:] if whole and _QUOTED.match(line) else line
                message += taken[: max(0, most_bytes - len(message))]
            blank = whole and not line.strip(b"\r\n")
            whole = line.endswith(b"\n")
        if message is not None:
            yield bytes(_without_last_blank(message))


def _without_last_blank(message: bytearray) -> bytearray:
    """Take off the blank line that parts messages."""
    for end in (b"\r\n\r\n", b"\n\n"):
        if message.endswith(end):
            return message[: -len(end) // 2]
    return message
