"""What completes a text before it is handed over: the address to which reports on it come."""

from __future__ import annotations

from datetime import datetime

from notifier.channels.sms.callback_urls import CallbackUrls


class TextFinisher:
    """Names the status callback of each attempt; a text itself is the same at every attempt."""

    def __init__(self, urls: CallbackUrls) -> None:
        self._urls = urls

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Return the text as it was made."""
        del date
        return message, kept

    def return_path(self, reference: str, attempt: int) -> str:
        """Return the URL to which the carrier reports on one attempt."""
        return self._urls.make(reference, attempt)
