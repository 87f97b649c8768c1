"""Where the owner of a number may be: the time zones that its plan has for it, for the hours of sending."""

from __future__ import annotations

from collections.abc import Sequence

import phonenumbers
from phonenumbers import timezone

_UNKNOWN = timezone.UNKNOWN_TIMEZONE


def zones_of(number: str) -> Sequence[str]:
    """Return the IANA time zones of an E.164 number; none where its plan does not tell.

    A number of an area has the zones of that area, a mobile or toll-free one often those of its country. Who
    has moved and kept the number lives elsewhere: a zone on file goes before this.
    """
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ()
    return [zone for zone in timezone.time_zones_for_number(parsed) if zone != _UNKNOWN]
