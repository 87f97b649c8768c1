"""The envelope recipient of a message that lies in a mailbox: the server that put it there noted it."""

from __future__ import annotations

import re

_HEAD = 65_536
_MOST = 10
# Postfix and Dovecot; Postfix before an alias; Exim; qmail and others.
_FIELD = re.compile(
    rb"^(?:delivered-to|x-original-to|envelope-to|x-envelope-to|x-delivered-to):"
    rb"[ \t]*<?([^\s<>,]{3,320})>?[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(rb"\r?\n\r?\n")


def envelope_recipients(message: bytes) -> tuple[str, ...]:
    """Return the addresses that the fields of delivery in the head of ``message`` name, each once.

    Whoever sends a message can write such fields too. They prove nothing: only the signature in a return
    path of ours does.
    """
    head = message[:_HEAD]
    end = _END.search(head)
    found = _FIELD.findall(head[: end.start() + 1] if end else head)
    # One that is not ASCII is no return path of ours.
    return tuple(dict.fromkeys(one.decode("ascii") for one in found if one.isascii()))[:_MOST]
