"""Alerts to the team: a relay cannot be used, and sending goes on over another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from notifier.channels.circuit import Trouble
from notifier.settings import AlertSettings
from notifier.words import amount

_LASTING = 60.0
"""Seconds of trouble from which on somebody should look: less is a restart."""


class RelayAlerts:
    """Mails the configured recipients, once each time that a relay stays away.

    Where no relay can be used, sending waits, and the hold alerts.
    """

    def __init__(
        self,
        troubles: Callable[[], Sequence[Trouble]],
        settings: AlertSettings,
        post: Callable[[str, str, str], Awaitable[bool]],
    ) -> None:
        """``post`` mails recipient, subject and text; false if the mail was not taken."""
        self._troubles = troubles
        self._settings = settings
        self._post = post
        self._told: set[tuple[str, str]] = set()
        """Relay and recipient."""

    async def raise_due(self) -> int:
        """Send the alerts that are due; returns how many were taken. Call it again for the others."""
        troubles = self._troubles()
        away = {trouble.relay for trouble in troubles}
        self._told = {told for told in self._told if told[0] in away}
        raised = 0
        for trouble in troubles:
            if not trouble.instead or trouble.seconds < _LASTING:
                continue
            for recipient in self._settings.recipients:
                told = (trouble.relay, recipient)
                subject = f"relay {trouble.relay} cannot be used"
                if told not in self._told and await self._post(recipient, subject, _text(trouble)):
                    self._told.add(told)
                    raised += 1
        return raised


def _text(trouble: Trouble) -> str:
    minutes = amount(int(trouble.seconds // 60), "minute")
    return (
        f"Notices have been going over relay {trouble.instead} for {minutes}, "
        f"because relay {trouble.relay} cannot be used:\n{trouble.text}\n\n"
        "It is looked after, and used again once it is well. Try it:  notifier email test\n"
    )
