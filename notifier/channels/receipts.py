"""Receipts: what a carrier, or the reader's mail server, says about a hand-over afterwards.

They come in any order, twice, long before or after the answer to the hand-over itself, or never.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ReceiptKind(StrEnum):
    """What a receipt says."""

    ACCEPTED = "accepted"
    """The carrier took it over and is under way with it: no more than the answer to a hand-over says. An
    ordinary letter has no better report, and a hand-over whose answer was lost is settled by it."""
    DELIVERED = "delivered"
    """It lies in the reader's mailbox or on their telephone."""
    DELAYED = "delayed"
    """It has not arrived yet, and the carrier goes on trying."""
    BOUNCED = "bounced"
    """It will not arrive."""
    COMPLAINED = "complained"
    """It arrived, and its reader reported it as spam."""
    STOPPED = "stopped"
    """The reader told the carrier to take no more of our messages for them."""
    STARTED = "started"
    """The reader told the carrier that they take our messages again."""
    DISPLAYED = "displayed"
    """The reader's device says that it was shown."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One such report, in the carrier's own words and in ours. ``text`` and ``address`` are personal."""

    kind: ReceiptKind
    key: str
    """What one and the same report has in common however often it comes; unique for its source."""
    reference: str = ""
    """The delivery it is about, proven by our own signature, or vouched for by the operator who brings a
    carrier's file in; empty where the report does not prove it."""
    attempt: int = 0
    """The attempt, where the reference is given."""
    carrier_id: str = ""
    """The carrier's own id of the message, where it gives one in the answer to the hand-over too."""
    address: str = ""
    """Whom the report is about, where it says so."""
    channel: str = ""
    """Where it is the owner of ``address`` who speaks, about the address and no hand-over (STOP, START): its
    channel. Set only where the provider has proven that the report is its own."""
    echo: bool = False
    """Whether it says no more than the answer to its hand-over did. Then it is put on record only where that
    answer was lost, or is not known yet."""
    occurred_at: datetime | None = None
    """When it happened, as the report has it."""
    code: int = 0
    enhanced: str = ""
    reason: str = ""
    """Our classification, as for outcomes: ``address-dead``, ``mailbox-full``, ``about-us`` …"""
    text: str = ""
    """The report's own explanation."""
