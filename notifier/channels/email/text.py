"""What text may enter a message: no control characters, no halves of surrogate pairs."""

from __future__ import annotations

import re

from notifier.errors import BadInput

_FORBIDDEN_BYTES = bytes([*(code for code in range(32) if code not in b"\t\r\n"), 127])
_C1_IN_UTF8 = re.compile(rb"\xc2[\x80-\x9f]")
_FORBIDDEN_IN_HEADER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class UnsafeText(BadInput, ValueError):
    """A text holds characters that cannot be carried in an e-mail."""


def header_text(field: str, value: str) -> str:
    """Return ``value`` without outer spaces; a line break or control character in it is ``UnsafeText``."""
    if not value.isprintable() and _FORBIDDEN_IN_HEADER.search(value):
        raise UnsafeText(f"the {field} holds a line break or another control character")
    return value.strip(" ")


def readable(reply: str) -> str:
    """Return what aiosmtplib read from a server with the bytes that are no UTF-8 replaced.

    It keeps them as halves of surrogate pairs, which neither the store nor the trail can hold.
    """
    return reply if reply.isascii() else reply.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def body_bytes(field: str, value: str) -> bytes:
    """Return ``value`` as UTF-8 with CRLF line ends and one at its end; control characters are refused."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise UnsafeText(f"the {field} holds half of a surrogate pair") from None
    if len(data.translate(None, _FORBIDDEN_BYTES)) != len(data) or (
        b"\xc2" in data and _C1_IN_UTF8.search(data)
    ):
        raise UnsafeText(f"the {field} holds a control character")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\r" in data:
            raise UnsafeText(f"the {field} holds a carriage return without a line feed")
    if not data.endswith(b"\n"):
        data += b"\n"
    return data.replace(b"\n", b"\r\n")
