"""How the bytes of a notice read on the terminal, by channel: only an e-mail has fields and a date."""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTPUTF8

from notifier.banners.history import BannerTold
from notifier.channels.banner import content
from notifier.story import DeliveryTold


def headed(one: DeliveryTold) -> str:
    """Return the line that names a notice; empty where it has none: a text, a letter's content."""
    message = one.message or b""
    if one.channel == "email":
        return f"subject: {message_from_bytes(message, policy=SMTPUTF8)['Subject']}"
    if one.channel == "banner":
        try:
            return f"title: {content.read(message).title}"
        except ValueError:
            return "title: (unreadable)"
    return ""


def dated(one: DeliveryTold) -> str:
    """Return when it was handed over, as the notice itself says, or whether it was."""
    if one.channel == "banner":
        return "shown in the service"
    if not one.handed_over:
        return "date: not handed over yet"
    if one.channel == "email":
        return f"date: {message_from_bytes(one.message or b'', policy=SMTPUTF8)['Date']}"
    return "handed over"


def lines(one: DeliveryTold) -> Iterator[str]:
    """Yield what the reader reads; of a letter there are only pages, set from other bytes."""
    message = one.message or b""
    if one.channel == "email":
        body = message_from_bytes(message, policy=SMTPUTF8).get_body(("plain",))
        yield from str(body.get_content()).splitlines() if body else ()
    elif one.channel == "banner":
        try:
            yield from content.read(message).lines()
        except ValueError:
            yield "(unreadable)"
    elif one.channel == "sms":
        yield from message.decode("utf-8", "replace").splitlines()


def happened(one: BannerTold) -> str:
    """Say what became of a banner on a page, and what the host asserted."""
    said = [f"{one.event} as {one.form}"]
    if one.locale:
        said.append(f"in {one.locale}")
    if one.customary_place is not None:
        said.append("from a customary place" if one.customary_place else "from a place that is not customary")
    if one.authenticated_at is not None:
        said.append(f"signed in {one.authenticated_at:%Y-%m-%d %H:%M:%S UTC}")
    said.append(f"by key {one.key_id}")
    if one.unreadable or one.token_id:
        said.append(f"token {'(unreadable)' if one.unreadable else one.token_id}")
    then = f"; so it is {one.became}" if one.became else ""
    return f"{', '.join(said)}{then}"
