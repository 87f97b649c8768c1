"""The status callback URL: Twilio reports on a message to an address that names the attempt and proves that
we made it. So a report finds its delivery even where the answer to the hand-over was lost.

``<base>/sms/status/<reference>-<attempt>-<mac>``: ids only, nothing personal.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from urllib.parse import urlsplit

from notifier.errors import BadSettings
from notifier.keys import Keys

STATUS_PATH = "/sms/status/"
INBOUND_PATH = "/sms/inbound"
_PURPOSE = "sms-status"
_TOKEN = re.compile(r"([0-9a-z]{1,24})-([0-9]{1,6})-([a-z2-7]{16})", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_LONGEST = 500


class CallbackUrls:
    """Makes the callback URLs of attempts and reads them back. ``base`` is the public address of the service.

    Twilio takes only a host name without underscores, and reports to HTTPS alone unless told otherwise;
    anything else is ``BadSettings``. Plain HTTP is taken for this machine only, where drills report to.
    """

    def __init__(self, keys: Keys, base: str) -> None:
        self._keys = keys
        self.base = checked_base(base)

    def make(self, reference: str, attempt: int) -> str:
        """Return the URL to which reports on one attempt come."""
        stem = f"{reference.lower()}-{attempt}"
        return f"{self.base}{STATUS_PATH}{stem}-{self._mac(stem)}"

    def read(self, target: str) -> tuple[str, int] | None:
        """Return the reference, in capitals, and the attempt of a request's target (path, or whole URL);
        None unless we made it.
        """
        path = target.partition("?")[0]
        if len(target) > _LONGEST:
            return None
        _, _, token = path.rpartition(STATUS_PATH)
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        reference, attempt, mac = found.groups()
        stem = f"{reference}-{attempt}"
        # compare_digest takes the same time wherever the two differ.
        return (reference.upper(), int(attempt)) if hmac.compare_digest(self._mac(stem), mac) else None

    def _mac(self, stem: str) -> str:
        return b32encode(self._keys.token_mac(_PURPOSE, stem.encode())).decode().lower()


def checked_base(base: str) -> str:
    """Return a base URL without a slash at its end, or raise ``BadSettings``."""
    advice = "Give an address such as https://notify.example.com."
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise BadSettings("sms.callback_base is no URL", advice=advice) from None
    here = host in ("127.0.0.1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise BadSettings("sms.callback_base does not begin with https://", advice=advice)
    odd = parts.query or parts.fragment or parts.username is not None or not base.isascii()
    if odd or not _HOST.fullmatch(host):
        raise BadSettings("sms.callback_base has more than a host and a path", advice=advice)
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
