"""What a report says became of a message for one recipient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from notifier.channels.receipts import ReceiptKind


@dataclass(frozen=True, slots=True)
class Fate:
    """One recipient's part of a report. ``final`` is the address that failed in the end, behind any
    forwarding; ``original`` the one that the sender used, where the report says so.
    """

    kind: ReceiptKind
    final: str = ""
    original: str = ""
    code: int = 0
    enhanced: str = ""
    reason: str = ""
    text: str = ""
    occurred_at: datetime | None = None

    def behind_forwarding(self) -> Self:
        """Return the same for the mailbox that passed the message on: it is not the address that is dead."""
        return replace(self, reason="forwarding-broken") if self.reason == "address-dead" else self
