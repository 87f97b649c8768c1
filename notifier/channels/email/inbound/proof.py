"""Which delivery a report is about, proven by our own signature."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from notifier.channels.email.inbound.fields import Fields
from notifier.channels.email.return_path import ReturnPaths

_TO = (
    *(b"delivered-to", b"x-original-to", b"envelope-to", b"x-envelope-to", b"x-delivered-to", b"x-rcpt-to"),
    b"to",
)
_MOST_RECIPIENTS = 100


def proven(
    paths: ReturnPaths, recipients: Sequence[str], header: Fields, places: Iterable[bytes]
) -> tuple[str, int] | None:
    """Return the delivery and the attempt that a report is about, or None if nothing proves one.

    Where it was sent to goes first: the envelope's recipients, then the header fields that keep them; then
    ``places``, in their order: what the report says of the message, the header that it returns, and last
    all of it. The first place that holds a signature of ours decides; one that names several deliveries
    proves none.
    """
    envelope = "\n".join(one[:320] for one in recipients[:_MOST_RECIPIENTS]).encode("utf-8", "replace")
    for place in (envelope, header.raws(_TO), *places):
        found = paths.found_in(place)
        if found:
            return found[0] if len({reference for reference, _ in found}) == 1 else None
    return None
