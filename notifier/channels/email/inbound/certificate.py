"""The inbound server's certificate, read again when its file has changed: it is renewed while we run."""

from __future__ import annotations

import ssl
from pathlib import Path

import structlog

from notifier.errors import BadSettings

log = structlog.get_logger()


class ServerCertificate:
    """A certificate with its key. What cannot be read at the start is ``BadSettings``."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._read: tuple[int, ...] = ()
        try:
            self._load()
        except (OSError, ssl.SSLError):
            raise BadSettings(
                "the certificate of the inbound mail server, or its key, cannot be read",
                advice="Check inbound.tls_certificate and inbound.tls_key: PEM, one belongs to the other, "
                "readable by the service.",
            ) from None

    def context(self) -> ssl.SSLContext:
        """Return what new connections use; after a renewal that went wrong, the certificate before it."""
        try:
            if self._changed() != self._read:
                self._load()
                log.info("certificate of the inbound mail server read again")
        except (OSError, ssl.SSLError):
            log.warning("the new certificate of the inbound mail server cannot be used")
        return self._context

    def _changed(self) -> tuple[int, ...]:
        return tuple(path.stat().st_mtime_ns for path in self._files)

    def _load(self) -> None:
        self._read = self._changed()
        # Into a context of its own first: one that does not fit its key must not replace the one in use.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
        self._context.load_cert_chain(*self._files)
