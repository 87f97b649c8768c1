"""Reports by e-mail: read in a thread, taken by the intake. What cannot be understood is kept for people."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence

import structlog

from notifier.channels.email.inbound import Reader, Reading
from notifier.channels.receipts import Receipt, ReceiptKind
from notifier.engine.rounds import where

_log = structlog.get_logger(__name__)
SOURCE = "email"
NOT_UNDERSTOOD = "not-understood"
_KEPT = 16_384
"""Characters of a message that nobody could read which are kept."""


class Reports:
    """Takes messages as inlets bring them. ``take`` returns once receipts are on record."""

    def __init__(self, reader: Reader, take: Callable[[str, Sequence[Receipt]], Awaitable[None]]) -> None:
        self._reader = reader
        self._take = take

    async def deliver(self, message: bytes, recipients: Sequence[str]) -> None:
        """Return once what the message reports is on record."""
        await self.read(message, recipients)

    async def read(self, message: bytes, recipients: Sequence[str] = ()) -> Reading:
        """Do the same, and return what the message turned out to be."""
        try:
            # A hostile one may take a quarter of a second.
            reading = await asyncio.to_thread(self._reader.read, message, recipients)
        except Exception as error:  # noqa: BLE001 - It never raises; if it did, the message would come for ever.
            _log.error("a report could not be read", error=type(error).__name__, where=where(error))
            reading = Reading("bounce", understood=False)
        receipts = reading.receipts
        if not receipts and not reading.understood:
            receipts = (_unread(message),)
        await self._take(SOURCE, receipts)
        return reading


def _unread(message: bytes) -> Receipt:
    """Return a report of nothing in particular: it is parked, for somebody to look at."""
    key = hashlib.sha256(b"unread\0" + message).hexdigest()
    text = message[:_KEPT].decode("utf-8", "replace").replace("\0", " ")
    return Receipt(ReceiptKind.DELAYED, key, reason=NOT_UNDERSTOOD, text=text)
