"""How e-mail goes out: the channel, its relays and its signatures."""

from __future__ import annotations

from typing import Literal

from pydantic import EmailStr, Field, SecretStr

from notifier.settings.group import Group


class RelaySettings(Group):
    """One mail server that takes our messages."""

    name: str
    """How the audit trail and the logs name it."""
    host: str
    """Host name or address."""
    port: int = Field(default=587, ge=1, le=65535)
    """587 with ``starttls``, 465 with ``implicit``."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """How the connection is protected; ``none`` is only for a relay on this machine."""
    verify: bool = True
    """Check the server's certificate."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty means the system's."""
    username: str = ""
    """Empty means no sign-in."""
    password: SecretStr = SecretStr("")
    """Never shown or logged."""
    max_connections: int = Field(default=20, ge=1, le=500)
    """Connections held open at once."""
    per_second: float = Field(default=0, ge=0)
    """Messages per second; 0 means no limit."""
    timeout: float = Field(default=60, gt=0)
    """Seconds to wait for one answer (RFC 5321, section 4.5.3.2, asks for minutes after DATA)."""


class DkimSettings(Group):
    """One DKIM signature."""

    domain: str
    """The signing domain: that of ``from_address`` or above it."""
    selector: str
    """The public key stands in the DNS at ``<selector>._domainkey.<domain>``."""
    key_file: str
    """PEM, RSA (at least 2048 bits) or Ed25519."""


class EmailSettings(Group):
    """How notices go out by e-mail."""

    from_name: str = "Example Company"
    """The name beside the sender's address."""
    from_address: EmailStr = "security@example.com"
    """The sender, on the domain customers already know."""
    reply_to: EmailStr | None = None
    """A mailbox that people read; unset means that replies go to ``from_address``."""
    message_id_domain: str = "example.com"
    """The right-hand side of each Message-ID."""
    bounce_domain: str = "bounces.example.com"
    """Domain of the return path that carries the signed attempt token."""
    report_field: str = Field(default="", pattern=r"^([A-Za-z0-9-]{1,70})?$")
    """Header field that a relay with an envelope sender of its own repeats in its reports; for Postmark
    X-PM-Metadata-notifier-attempt."""
    feedback_id: str = "notifier"
    """SenderId of the Feedback-ID header: 5 to 15 characters."""
    helo_name: str = ""
    """Name we greet relays with; empty means this machine's full host name."""
    site_per_second: dict[str, float] = Field(default_factory=dict)
    """Messages per second to a destination domain; ``*`` for all others."""
    relays: tuple[RelaySettings, ...] = ()
    """The mail servers that take our messages, the preferred one first; the others stand by."""
    dkim: tuple[DkimSettings, ...] = ()
    """Signatures put on each message; none where the relay signs."""
