"""The last step before a text is handed over: its bytes stay as approved, and it gets its status callback."""

from __future__ import annotations

from datetime import datetime

from notifier.channels.sms.callback_urls import CallbackUrls

AGAIN = "#rc=5&rp=ct,rt,5xx"
"""Asks Twilio to report up to five times more where our server cannot be reached, is slow or is unwell; by
itself it does so once, and only where it could not connect. All tries end after 15 seconds. The fragment is
an order to Twilio: it is neither sent to us nor signed
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
"""


class SmsFinisher:
    """Names the status callback of each attempt; a text has no field that depends on its hand-over."""

    def __init__(self, urls: CallbackUrls) -> None:
        self._urls = urls

    def finish(self, message: bytes, date: datetime, kept: bytes | None) -> tuple[bytes, bytes | None]:
        """Return the text as it was approved, without a signature."""
        del date, kept
        return message, None

    def return_path(self, reference: str, attempt: int) -> str:
        """Return the status callback URL that names one attempt and proves that we made it."""
        return self._urls.make(reference, attempt) + AGAIN
