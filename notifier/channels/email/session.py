"""Opening a session with a relay: connection, TLS, EHLO, AUTH. All of it is aiosmtplib's work."""

from __future__ import annotations

import asyncio
import ssl

import aiosmtplib

from notifier.channels.email.text import readable
from notifier.channels.email.transfer import Offers
from notifier.errors import NotifierError
from notifier.settings import RelaySettings

_CONNECT_TIMEOUT = 30.0


class SessionFailed(NotifierError):
    """A relay could not be used. ``reason`` is ``relay-down``, ``relay-tls`` or ``relay-login``."""

    def __init__(self, reason: str, message: str, *, code: int = 0, advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.reason = reason
        self.code = code


def tls_context(relay: RelaySettings) -> ssl.SSLContext | None:
    """Return what checks the relay's certificate; None where no TLS is wanted.

    With ``ca_file`` only the authorities in it are trusted.
    """
    if relay.tls == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=relay.ca_file or None)
    except (OSError, ssl.SSLError):
        raise SessionFailed(
            "relay-tls",
            f"the CA file of relay {relay.name} cannot be read",
            advice="Check email.relays.ca_file: it must be PEM and readable by the service.",
        ) from None
    if not relay.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def open_session(
    relay: RelaySettings, context: ssl.SSLContext | None, helo_name: str = ""
) -> aiosmtplib.SMTP:
    """Return a session that is ready for MAIL; any trouble is ``SessionFailed`` and leaves nothing open."""
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        local_hostname=helo_name or None,
        timeout=min(relay.timeout, _CONNECT_TIMEOUT),
        use_tls=relay.tls == "implicit",
        start_tls=relay.tls == "starttls",
        tls_context=context,
    )
    try:
        await client.connect()
        if relay.username:  # Here and not while connecting: after a refusal aiosmtplib would only close.
            await client.login(relay.username, relay.password.get_secret_value())
        if client.is_ehlo_or_helo_needed:
            try:
                await client.ehlo()
            except aiosmtplib.SMTPHeloError:
                await client.helo()
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        cut(client)
        raise _explained(relay, error) from error
    except BaseException:
        cut(client)
        raise
    client.timeout = relay.timeout
    return client


def cut(client: aiosmtplib.SMTP) -> None:
    """End a connection at once. Closing alone waits up to 30 seconds for the other side's goodbye in TLS."""
    abort(client)
    client.close()


def abort(client: aiosmtplib.SMTP) -> None:
    """Drop a connection; what waits for an answer on it hears of it."""
    if client.transport:
        client.transport.abort()  # type: ignore[attr-defined]  # aiosmtplib types it too widely


def _explained(relay: RelaySettings, error: Exception) -> SessionFailed:
    cause = error if isinstance(error, ssl.SSLError) else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return SessionFailed(
            "relay-tls",
            f"the certificate of relay {relay.name} is not accepted: {cause.verify_message}",
            advice="Use the name that the certificate is for, or name its authority in ca_file.",
        )
    if isinstance(cause, ssl.SSLError) or "STARTTLS" in str(error):
        return SessionFailed(
            "relay-tls",
            f"relay {relay.name} does not speak TLS as configured: {readable(str(error))}",
            advice='Port 587 usually wants tls = "starttls", port 465 tls = "implicit".',
        )
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return SessionFailed(
            "relay-login",
            f"relay {relay.name} does not accept our login ({error.code})",
            code=error.code,
            advice="Check username and password of the relay.",
        )
    if relay.username and "auth" in str(error).lower():
        return SessionFailed(
            "relay-login", f"relay {relay.name} offers no login we know: {readable(str(error))}"
        )
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
    return SessionFailed(
        "relay-down", f"relay {relay.name} cannot be reached: {readable(str(error))}", code=code
    )


def offers_of(client: aiosmtplib.SMTP) -> Offers:
    """Return what the relay announced."""
    size = client.esmtp_extensions.get("size", "")
    return Offers(
        pipelining=client.supports_extension("pipelining"),
        smtputf8=client.supports_extension("smtputf8"),
        eight_bit=client.supports_extension("8bitmime"),
        size=int(size) if size.isdigit() else 0,
        dsn=client.supports_extension("dsn"),
    )


def take_over(client: aiosmtplib.SMTP, protocol: asyncio.Protocol) -> None:
    """Put ``protocol`` in the place of aiosmtplib's on the open connection, under its TLS.

    Nothing can arrive in between: both steps happen in one turn of the event loop.
    """
    transport = client.protocol.transport if client.protocol else None
    if transport is None or transport.is_closing():
        raise SessionFailed("relay-down", "the relay closed the connection right after the greeting")
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
