"""Short messages to the team, over the same relays as the notices."""

from __future__ import annotations

import secrets
from email.message import EmailMessage
from email.policy import SMTP

from notifier.channels import Channel, Envelope, OutcomeKind
from notifier.channels.email.headers import address_field, text_field
from notifier.channels.email.message import with_date
from notifier.channels.email.text import UnsafeText
from notifier.clock import Clock
from notifier.settings import EmailSettings


class AlertMailer:
    """Mails alerts: one message for each recipient, nobody sees the others."""

    def __init__(self, channel: Channel, settings: EmailSettings, clock: Clock) -> None:
        self._channel = channel
        self._settings = settings
        self._clock = clock

    async def post(self, recipient: str, subject: str, text: str) -> bool:
        """Hand one alert over; false if it was not accepted, or the address cannot be written to."""
        try:
            envelope = self._envelope(recipient, subject, text)
        except UnsafeText:
            return False
        return (await self._channel.send(envelope)).kind is OutcomeKind.ACCEPTED

    def _envelope(self, recipient: str, subject: str, text: str) -> Envelope:
        sender = str(self._settings.from_address)
        rest = EmailMessage(policy=SMTP)
        rest["Message-ID"] = f"<alert-{secrets.token_hex(8)}@{self._settings.message_id_domain}>"
        rest["Auto-Submitted"] = "auto-generated"
        rest.set_content(text, cte="quoted-printable")  # Any relay takes it, 8BITMIME or not.
        fields = (
            address_field("From", "", sender),
            address_field("To", "", recipient),
            text_field("Subject", f"[notifier] {subject}"),
        )
        content = with_date(b"".join(fields) + rest.as_bytes(), self._clock.now())
        return Envelope(recipient=recipient, return_path=sender, content=content)
