"""Who writes, on paper."""

from __future__ import annotations

from pydantic import Field

from notifier.settings.group import Group


class LetterSettings(Group):
    """Who writes, on paper."""

    sender_name: str = ""
    """The name above the sender's address."""
    sender_street: str = ""
    """Street and number."""
    sender_postal_code: str = ""
    """The postal code."""
    sender_city: str = ""
    """The town."""
    sender_country: str = Field(default="DE", pattern=r"^[A-Z]{2}$")
    """Country, two letters: letters to another one bear its name."""
