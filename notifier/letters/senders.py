"""Who writes, on paper: from the settings."""

from __future__ import annotations

from notifier.channels.letter.values import Sender
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.settings import LetterSettings


def sender(settings: LetterSettings) -> Sender:
    """Return who writes; without a whole address it is ``BadInput``."""
    if not (settings.sender_name and settings.sender_street and settings.sender_city):
        raise BadInput(
            "the sender's address of letters is not set",
            advice="Set sender_name, sender_street, sender_postal_code, sender_city and sender_country in"
            " [letter].",
        )
    address = PostalAddress(
        settings.sender_street, settings.sender_postal_code, settings.sender_city, "", settings.sender_country
    )
    return Sender(settings.sender_name, address)


def sender_or_country(settings: LetterSettings) -> Sender:
    """Return who writes, or where the address is not set, nobody in the sender's country: enough to look at
    a reader's address.
    """
    try:
        return sender(settings)
    except BadInput:
        return Sender("", PostalAddress(country=settings.sender_country))
