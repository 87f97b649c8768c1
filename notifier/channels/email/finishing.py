"""The last fields of a notice: its Date and its DKIM signatures, fixed at the first hand-over."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from notifier.channels.email.message import with_date
from notifier.channels.email.return_path import ReturnPaths


class Signer(Protocol):
    """Signs messages: DKIM (RFC 6376)."""

    def sign(self, message: bytes) -> bytes:
        """Return the signature fields to put before ``message``."""
        ...


class EmailFinisher:
    """Completes messages and names the return path of each attempt."""

    def __init__(self, return_paths: ReturnPaths, signer: Signer | None = None) -> None:
        self._return_paths = return_paths
        self._signer = signer

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Return the complete message for ``date`` and its signature fields.

        Signature fields that were ``kept`` from an earlier attempt are used again, so that every attempt
        carries the same bytes even after a change of keys.
        """
        dated = with_date(message, date)
        if kept is not None:
            return kept + dated, kept
        if self._signer is None:
            return dated, None
        fields = self._signer.sign(dated)
        return fields + dated, fields

    def return_path(self, reference: str, attempt: int) -> str:
        """Return the envelope sender that carries the signed token of one attempt."""
        return self._return_paths.make(reference, attempt)
