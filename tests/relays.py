"""What tests of the e-mail channel share: a relay that is the loopback sink, envelopes, a noting caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from notifier.channels import Envelope, Outcome
from notifier.channels.email import EmailChannel
from notifier.settings import EmailSettings, RelaySettings

CONTENT = b"From: a@example.com\r\nTo: reader@example.com\r\nSubject: s\r\n\r\nHello\r\n.\r\n.dotted\r\n"


def envelope(number: int = 0, *, recipient: str = "", content: bytes = CONTENT, **more: Any) -> Envelope:
    """Return an envelope of its own reader and return path."""
    return Envelope(
        recipient=recipient or f"reader-{number}@example.com",
        return_path=f"b+{number}@bounces.example.com",
        content=content,
        **more,
    )


def relay(port: int, name: str = "main", **more: Any) -> RelaySettings:
    """Return the settings of a relay on the loopback address, without TLS and quick to give up."""
    return RelaySettings(
        **{"name": name, "host": "127.0.0.1", "port": port, "tls": "none", "timeout": 5, **more}
    )


def channel(*relays: RelaySettings, **more: Any) -> EmailChannel:
    """Return a channel over ``relays``."""
    return EmailChannel(EmailSettings(helo_name="client.example.com", relays=relays, **more))


def noting(notes: list[Outcome]) -> Callable[[Outcome], None]:
    """Return a ``settled`` that keeps what it hears."""
    return notes.append
