"""How the loopback double treats chosen numbers: for drills, demos and tests.

Twilio's magic numbers of +1 500 555 do what they do at Twilio with test credentials
(https://www.twilio.com/docs/iam/test-credentials#test-sms-messages); from +15005550006 all is well.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Reported = tuple[str, int]
"""A status that is reported, and its error code; 0 for none."""

SENDER = "+15005550006"
"""The magic number that may send."""
MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MESSAGES = {
    14107: "SMS send rate limit exceeded",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    21211: "The 'To' number is not a valid phone number.",
    21212: "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID.",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number.",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number provided is not a valid message-capable Twilio phone number.",
    21609: "The StatusCallback URL is not a valid URL.",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number is not currently reachable via SMS.",
    21614: "The 'To' number is not a valid mobile number.",
    21617: "The concatenated message body exceeds the 1600 character limit.",
}
DELIVERED: tuple[Reported, ...] = (("sent", 0), ("delivered", 0))


@dataclass(frozen=True, slots=True)
class Script:
    """What to do with messages to numbers that ``match`` (a shell pattern)."""

    match: str
    code: int = 0
    """Refuse with this error code, or give it to a message that has ``first`` as its status."""
    http: int = 0
    """The HTTP status of a refusal, 400 if only the code is given. Without a code its body is odd."""
    retry_after: str = ""
    first: str = ""
    """The status in the answer; empty: ``accepted`` from a Messaging Service, else ``queued``."""
    reports: tuple[Reported, ...] = DELIVERED
    """What is reported afterwards, in this order."""
    lose: Literal["", "before", "answer", "silence"] = ""
    """Cut the connection before the message is taken, or take it and then cut it, or never answer."""
    body: bytes = b""
    """An answer's body instead of the usual one."""
    times: int = 0
    """For how many messages to each number; 0 means always."""


class Scripts:
    """The scripts of one double, asked for each message."""

    def __init__(self, scripts: Iterable[Script] = ()) -> None:
        self._scripts = tuple(scripts)
        self._used: dict[tuple[int, str], int] = {}

    def find(self, number: str) -> Script:
        """Return the first script for this number that still has a time to go, or what is usual."""
        for place, script in enumerate(self._scripts):
            if not fnmatchcase(number, script.match):
                continue
            used = self._used.get((place, number), 0)
            if not script.times:
                return script
            if used < script.times:
                self._used[place, number] = used + 1
                return script
        return Script(number, code=MAGIC_TO.get(number, 0))
