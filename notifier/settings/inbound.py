"""How reports about our e-mail come back."""

from __future__ import annotations

from typing import Literal

from pydantic import EmailStr, Field, SecretStr

from notifier.settings.group import Group


class InboundSettings(Group):
    """How reports about our e-mail come back; each inlet is closed until it is set."""

    listen_host: str = ""
    """Address on which the inbound mail server listens, ``*`` for all; empty means there is none."""
    listen_port: int = Field(default=2525, ge=0, le=65535)
    """Its port; 25 needs a privilege (CAP_NET_BIND_SERVICE)."""
    host_name: str = ""
    """Name it greets with, that of the MX record; empty means ``mx.`` before ``email.bounce_domain``."""
    tls_certificate: str = ""
    """PEM file with its certificate and those between it and an authority; empty means no STARTTLS."""
    tls_key: str = ""
    """PEM file with the certificate's key; read again, like the certificate, when it has changed."""
    most_bytes: int = Field(default=1_048_576, ge=16_384, le=33_554_432)
    """The biggest message that is taken, by any inlet."""
    most_connections: int = Field(default=50, ge=1, le=1000)
    """Connections at once; who comes beyond is asked to try later."""
    most_connections_per_client: int = Field(default=20, ge=1, le=1000)
    """Of these, connections of one address or IPv6 network (/64)."""
    most_recipients: int = Field(default=10, ge=1, le=10)
    """Recipients of one message; bounces have one."""
    idle_seconds: float = Field(default=300, gt=0, le=3600)
    """How long a command, or a whole message, may take (RFC 5321, section 4.5.3.2.7: five minutes)."""
    feedback_addresses: tuple[EmailStr, ...] = ()
    """Addresses that feedback loops report to, beside postmaster and abuse at ``email.bounce_domain``."""
    maildir: str = ""
    """A Maildir folder in which bounces arrive; empty means none."""
    imap_host: str = ""
    """An IMAP server with a mailbox in which bounces arrive; empty means none."""
    imap_port: int = Field(default=993, ge=1, le=65535)
    """993 with ``implicit``, 143 with ``starttls``."""
    imap_tls: Literal["implicit", "starttls", "none"] = "implicit"
    """How the connection is protected; ``none`` is only for a server on this machine."""
    imap_ca_file: str = ""
    """PEM file of the authorities to trust; empty means the system's."""
    imap_user: str = ""
    """The mailbox's user."""
    imap_password: SecretStr = SecretStr("")
    """Never shown or logged."""
    imap_folder: str = "INBOX"
    """The folder that is read."""
    poll_seconds: float = Field(default=60, ge=1)
    """How often the Maildir and the mailbox are looked into."""
    ses_topics: tuple[str, ...] = ()
    """ARNs of the Amazon SNS topics that Amazon SES reports to; reports from any other topic are refused."""
    postmark_user: str = ""
    """User in the webhook address given to Postmark; empty means the secret comes in a header instead."""
    postmark_password: SecretStr = SecretStr("")
    """Password, or the header's value; without it all reports from Postmark are refused."""
