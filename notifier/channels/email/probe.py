"""Trying a relay out: connection, TLS, what it offers, login. Nothing is handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiosmtplib
from cryptography import x509

from notifier.channels.email.session import SessionFailed, cut, open_session, tls_context
from notifier.settings import RelaySettings
from notifier.words import amount

_GOODBYE_SECONDS = 5.0
_EXPIRES_SOON_DAYS = 14


@dataclass(frozen=True)
class Probe:
    """What was found out about one relay."""

    relay: str
    usable: bool
    problem: str = ""
    advice: str = ""
    tls: str = ""
    """Version of TLS; empty without it."""
    certificate_until: datetime | None = None
    extensions: tuple[str, ...] = ()
    login: str = "not asked for"
    warnings: tuple[str, ...] = field(default=())


async def probe(relay: RelaySettings, helo_name: str, now: datetime) -> Probe:
    """Open a session with a relay as the channel would, look, and say goodbye."""
    try:
        client = await open_session(relay, tls_context(relay), helo_name)
    except SessionFailed as failure:
        login = "refused" if failure.reason == "relay-login" else "not tried"
        return Probe(relay.name, usable=False, problem=str(failure), advice=failure.advice(), login=login)
    try:
        return _look(relay, client, now)
    finally:
        try:
            await client.quit(timeout=_GOODBYE_SECONDS)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            cut(client)


def _look(relay: RelaySettings, client: aiosmtplib.SMTP, now: datetime) -> Probe:
    tls: Any = client.get_transport_info("ssl_object")
    until = None
    if tls and (encoded := tls.getpeercert(binary_form=True)):
        until = x509.load_der_x509_certificate(encoded).not_valid_after_utc
    return Probe(
        relay.name,
        usable=True,
        tls=tls.version() if tls else "",
        certificate_until=until,
        extensions=tuple(
            f"{name.upper()} {value}".strip() for name, value in sorted(client.esmtp_extensions.items())
        ),
        login="accepted" if relay.username else "not asked for",
        warnings=tuple(_warnings(relay, client, until, now)),
    )


def _warnings(
    relay: RelaySettings, client: aiosmtplib.SMTP, until: datetime | None, now: datetime
) -> list[str]:
    found = []
    if relay.tls == "none":
        found.append(
            "The login and all notices cross the network in the clear."
            if relay.username
            else "All notices cross the network in the clear."
        )
    elif not relay.verify:
        found.append("The certificate is not checked (verify = false).")
    if until and (left := (until - now).days) < _EXPIRES_SOON_DAYS:
        found.append(f"The certificate expires in {amount(left, 'day')}.")
    if not client.supports_extension("pipelining"):
        found.append("No PIPELINING: each message takes four round trips instead of one.")
    if not client.supports_extension("8bitmime"):
        found.append("No 8BITMIME.")
    return found
