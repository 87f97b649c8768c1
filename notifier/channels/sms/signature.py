"""Twilio's signature of what it reports: HMAC-SHA1 over the URL and the sorted form, in base64.

The scheme is that of https://www.twilio.com/docs/usage/webhooks/webhooks-security. Twilio's own validator is
the oracle of the tests and not used here: it compares in a time that tells where two signatures differ,
raises on ports and characters that an attacker may send, and sees one value of a repeated field.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

Form = Sequence[tuple[str, str]]
"""The fields of a form in the order they came; a name may stand there several times."""

HEADER = "X-Twilio-Signature"
_PORTS = {"https": 443, "http": 80}


def sign(token: str, url: str, form: Form) -> str:
    """Return the signature that Twilio gives a request to ``url`` with ``form``."""
    return _sign(token, url, _signed(form))


def genuine(tokens: Collection[str], url: str, form: Form, signature: str) -> bool:
    """Say whether ``signature`` was made with one of ``tokens``.

    Twilio may or may not write the port into the URL it signs, so both are tried. Every candidate is
    compared, in the same time whatever is wrong.
    """
    return made_for(tokens, with_and_without_port(url), form, signature)


def made_for(tokens: Collection[str], urls: Collection[str], form: Form, signature: str) -> bool:
    """Say the same where the ways to write the URL are known."""
    given, fields = signature.encode(errors="replace"), _signed(form)
    matches = [
        hmac.compare_digest(_sign(token, url, fields).encode(), given)
        for token in tokens
        if token
        for url in urls
    ]
    return any(matches)


def _signed(form: Form) -> str:
    return "".join(name + value for name, value in sorted(set(form)))


def _sign(token: str, url: str, fields: str) -> str:
    signed = (url + fields).encode(errors="surrogatepass")
    return b64encode(hmac.digest(token.encode(), signed, "sha1")).decode()


def with_and_without_port(url: str) -> tuple[str, ...]:
    """Return ``url`` without a port and with one: its own, else its scheme's."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    return tuple(parts._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{port}"))
