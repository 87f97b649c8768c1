"""The parts of a message (RFC 2046), cut out within bounds; only what is asked for is decoded.

The standard library's parser reads line by line and costs more than all the rest of a report's reading. A
report needs its header and two or three small parts. In the tests that parser says what is right.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Iterator

from notifier.channels.email.inbound.fields import Fields

_MOST_PARTS = 32
_DEEPEST = 5
_TYPE = re.compile(r"\s*([\w.+-]{1,64}/[\w.+-]{1,64})", re.ASCII)
_BOUNDARY = re.compile(r"""(?i)[;\s]boundary\s{0,8}=\s{0,8}(?:"([^"]{1,200})"|([^\s;"]{1,200}))""")
_LONGEST_PART = 131_072
_MESSAGES = ("message/rfc822", "message/global")


class Part:
    """A message or one part of it; the body is as it came, not decoded."""

    def __init__(self, fields: Fields, body: bytes) -> None:
        self.fields = fields
        self.body = body
        self._kind = ""

    @property
    def kind(self) -> str:
        """Its type, such as ``text/plain``, in lower case."""
        if not self._kind:
            found = _TYPE.match(self.fields.get("content-type"))
            self._kind = found[1].lower() if found else "text/plain"
        return self._kind

    def decoded(self) -> bytes:
        """Return the body without its transfer encoding (RFC 2045); what cannot be decoded, as it is."""
        body = self.body[:_LONGEST_PART]
        encoding = self.fields.get("content-transfer-encoding").lower()
        if encoding == "quoted-printable":
            return a2b_qp(body)
        if encoding == "base64":
            try:
                return a2b_base64(body)
            except Error:
                return body
        return body

    def text(self) -> str:
        """Return the decoded body as text; UTF-8 is assumed, and else every byte stands for itself."""
        body = self.decoded()
        try:
            return body.decode()
        except UnicodeDecodeError:
            return body.decode("latin-1")


def whole(message: bytes) -> Part:
    """Return a message, whose lines end with LF, as one part, its body not yet taken apart."""
    head, gap, body = message.partition(b"\n\n")
    if message.startswith(b"\n"):  # No header at all.
        head, gap, body = b"", b"\n", message[1:]
    return Part(Fields(head if gap else message), body)


def leaves(message: Part) -> list[Part]:
    """Return the parts that hold no others, at most 32; an attached message is one part."""
    found: list[Part] = []
    for part in _leaves(message, _DEEPEST):
        found.append(part)
        if len(found) == _MOST_PARTS:
            break
    return found


def attached(part: Part) -> Part | None:
    """Return the message that ``part`` carries, with its header alone where no more was returned."""
    if part.kind in _MESSAGES or part.kind in ("text/rfc822-headers", "message/global-headers"):
        return whole(part.decoded().lstrip(b"\n"))
    return None


def _leaves(part: Part, depth: int) -> Iterator[Part]:
    boundary = _boundary(part) if part.kind.startswith("multipart/") and depth else b""
    if not boundary:
        yield part
        return
    for piece in _pieces(part.body, boundary):
        yield from _leaves(whole(piece), depth - 1)


def _boundary(part: Part) -> bytes:
    found = _BOUNDARY.search(part.fields.get("content-type"))
    return (found[1] or found[2]).rstrip().encode() if found else b""


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Cut a body at its delimiter lines; what stands before the first is no part (RFC 2046, 5.1.1)."""
    body = b"\n" + body
    mark = b"\n--" + boundary
    start = -1
    at = body.find(mark)
    for _ in range(4 * _MOST_PARTS):
        if at < 0:
            break
        end = body.find(b"\n", at + len(mark))
        rest = body[at + len(mark) : end if end >= 0 else len(body)].strip()
        if rest not in (b"", b"--"):  # A longer boundary that begins like this one.
            at = body.find(mark, at + 1)
            continue
        if start >= 0:
            yield body[start:at]
        if rest or end < 0:
            return
        start = end + 1
        at = body.find(mark, end)
    if start >= 0:  # It was cut off before its last delimiter.
        yield body[start:]
