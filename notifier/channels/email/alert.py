"""Short messages to the team, over the same relays as the notices."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP

from notifier.channels import Channel, Envelope, OutcomeKind
from notifier.channels.email.message import with_date
from notifier.clock import Clock
from notifier.settings import EmailSettings


class AlertMailer:
    """Mails alerts: one message for each recipient, nobody sees the others."""

    def __init__(self, channel: Channel, settings: EmailSettings, clock: Clock) -> None:
        self._channel = channel
        self._settings = settings
        self._clock = clock

    async def post(self, recipients: Sequence[str], subject: str, text: str) -> bool:
        """Hand one alert over to everybody; true if each was accepted."""
        outcomes = [await self._channel.send(self._envelope(to, subject, text)) for to in recipients]
        return all(outcome.kind is OutcomeKind.ACCEPTED for outcome in outcomes)

    def _envelope(self, recipient: str, subject: str, text: str) -> Envelope:
        sender = str(self._settings.from_address)
        message = EmailMessage(policy=SMTP)
        message["From"] = sender
        message["To"] = recipient
        message["Subject"] = f"[notifier] {subject}"
        message["Message-ID"] = f"<alert-{secrets.token_hex(8)}@{self._settings.message_id_domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        content = with_date(message.as_bytes(), self._clock.now())
        return Envelope(recipient=recipient, return_path=sender, content=content)
