"""One connection to the loopback sink: the server's side of SMTP (RFC 5321), as far as a sink needs it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol, cast

import orjson

from notifier.channels.email.scripts import Script, Scripts, Stage

_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_LONGEST_COMMAND = 4096
_FINAL_DOT = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message the sink has taken: the envelope and the content, dots unstuffed."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message_id(self) -> str:
        """The Message-ID with its angle brackets; empty if there is none."""
        found = _MESSAGE_ID.search(self.content, 0, self.content.find(b"\r\n\r\n") + 1)
        return found[1].decode("ascii", "replace") if found else ""

    def line(self, *, content: bool = False) -> bytes:
        """Return the message as one line of JSON, with its content only if asked."""
        facts = {
            "from": self.sender,
            "to": self.recipients,
            "message_id": self.message_id,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "size": len(self.content),
        }
        if content:
            facts["content"] = self.content.decode("utf-8", "backslashreplace")
        return orjson.dumps(facts) + b"\n"


class Sink(Protocol):
    """What a connection needs of its server."""

    scripts: Scripts
    hello: str
    wait: float
    size: int
    messages_per_connection: int
    replies: Counter[int]
    transcript: list[bytes] | None

    def opened(self, session: Any) -> None:
        """Count a connection."""

    def closed(self, session: Any) -> None:
        """Forget a connection."""

    def take(self, message: Accepted) -> None:
        """Note a message for good."""


class SinkSession(asyncio.Protocol):
    """Takes commands and bodies out of the buffer; the answers of one read leave in one write."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._answers: list[str] = []
        self._in_body = self._closing = False
        self._pause: asyncio.TimerHandle | None = None
        self._messages = 0
        self._sender: str | None = None
        self._recipients: list[str] = []

    def abort(self) -> None:
        """Cut the connection; nothing more is answered."""
        self._closing = True
        self._answers.clear()
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._sink.opened(self)
        self._transport.write(b"220 loopback sink ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature is asyncio's
        """Forget everything unfinished."""
        self._closing = True
        if self._pause:
            self._pause.cancel()
        self._sink.closed(self)

    def data_received(self, data: bytes) -> None:
        """Work on what has come, unless an answer is being held back."""
        if self._sink.transcript is not None:
            self._sink.transcript.append(data)
        self._buffer += data
        self._work()

    def _work(self) -> None:
        while not self._closing and self._pause is None:
            if not (self._body() if self._in_body else self._command()):
                break
        if self._answers:
            self._transport.write("".join(self._answers).encode("utf-8", "surrogateescape"))
            self._answers.clear()
        if self._closing:
            self._transport.close()

    def _resume(self, answer: str) -> None:
        self._pause = None
        self._give(answer)
        self._work()

    def _give(self, answer: str) -> None:
        self._answers.append(answer)
        self._closing = self._closing or answer.startswith("421")

    def _say(self, usual: str, script: Script | None = None, wait: float = 0) -> bool:
        """Answer as usual or as scripted; return whether the answer is a yes."""
        reply = (script and script.reply) or usual
        answer = "".join(f"{line}\r\n" for line in reply.split("\n"))
        wait = (script and script.wait) or wait
        if script and script.drop:
            self._closing = True
        elif wait:
            self._pause = asyncio.get_running_loop().call_later(wait, self._resume, answer)
        else:
            self._give(answer)
        return reply[0] in "23"

    def _script(self, stage: Stage, recipient: str) -> Script | None:
        return self._sink.scripts.find(stage, recipient) if self._sink.scripts else None

    def _forget(self) -> None:
        self._sender, self._recipients = None, []

    def _command(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_COMMAND:
                self._say("421 5.5.2 line too long")
            return False
        line = self._buffer[:end].rstrip(b"\r").decode("utf-8", "replace")
        del self._buffer[: end + 1]
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "MAIL":
                self._mail(rest)
            case "RCPT":
                self._rcpt(rest)
            case "DATA":
                self._data()
            case "EHLO":
                self._forget()
                self._answers.append(self._sink.hello)
            case "HELO" | "NOOP" | "RSET":
                self._forget()
                self._say("250 2.0.0 fine")
            case "QUIT":
                self._say("221 2.0.0 goodbye")
                self._closing = True
            case _:
                self._say("502 5.5.1 unknown command")
        return True

    def _mail(self, rest: str) -> None:
        limit = self._sink.messages_per_connection
        sender = _path(rest)
        script = self._script("mail", sender)
        if limit and self._messages >= limit:
            self._say("421 4.7.0 too many messages on this connection")
        elif self._sender is not None:
            self._say("503 5.5.1 sender already given")
        elif self._say("250 2.1.0 sender noted", script):
            self._sender = sender

    def _rcpt(self, rest: str) -> None:
        recipient = _path(rest)
        if self._sender is None:
            self._say("503 5.5.1 MAIL first")
            return
        script = self._script("rcpt", recipient)
        if self._say("250 2.1.5 recipient noted", script):
            self._recipients.append(recipient)
        elif script:
            self._sink.replies[_code(script)] += 1

    def _data(self) -> None:
        if not self._recipients:
            self._say("554 5.5.1 no valid recipients")
        elif self._say("354 go ahead", self._script("data", self._recipients[0])):
            self._in_body = True

    def _body(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            end, after = 0, 3
        else:
            found = self._buffer.find(_FINAL_DOT)
            end, after = found + 2, found + 5
            if found < 0:
                if len(self._buffer) > 2 * self._sink.size:
                    self._say("421 5.3.4 message too big")
                return False
        content = bytes(self._buffer[:end])
        del self._buffer[:after]
        self._in_body = False
        self._messages += 1
        self._finish(content)
        return True

    def _finish(self, stuffed: bytes) -> None:
        script = self._script("body", self._recipients[0])
        taken = not (script and (script.reply[:1] in ("4", "5") or script.drop == "before"))
        too_big = len(stuffed) > self._sink.size
        if taken and not too_big:
            content = stuffed.removeprefix(b".").replace(b"\r\n.", b"\r\n")
            self._sink.take(Accepted(self._sender or "", tuple(self._recipients), content))
            self._sink.replies[250] += 1
        elif script:
            self._sink.replies[_code(script)] += 1
        self._forget()
        usual = "552 5.3.4 message too big" if too_big else "250 2.0.0 kept"
        self._say(usual, script, self._sink.wait)


def _path(rest: str) -> str:
    """Return the address of ``FROM:<...>`` or ``TO:<...>``."""
    return rest.partition("<")[2].partition(">")[0]


def _code(script: Script) -> int:
    return int(script.reply[:3]) if script.reply[:3].isdigit() else 0
