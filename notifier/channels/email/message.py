"""From a rendered notice to the bytes of an e-mail (RFC 5322, MIME), the same bytes for the same input.

What does not depend on the reader is prepared once per notice and locale. The boundary is fixed: neither
quoted-printable nor base64 can contain ``=_``, and a plain part that does is encoded.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from notifier.channels.email.address import wire_address
from notifier.channels.email.headers import address_field, text_field
from notifier.channels.email.text import UnsafeText, body_bytes
from notifier.errors import BadSettings
from notifier.notices import Rendered
from notifier.settings import EmailSettings

DRILL_FIELD = b"X-Notifier-Drill: yes\r\n"
_ASCII = bytes(range(128))
_BOUNDARY = b"=_breach_notifier_alternative_="
_DIVIDER = b"\r\n--" + _BOUNDARY + b"\r\nContent-Type: text/"
_END = b"\r\n--" + _BOUNDARY + b"--\r\n"
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,64}")
_SENDER_ID = re.compile(r"[A-Za-z0-9._-]{5,15}")
_BASE64_LINE = 76
_LONGEST_LINE = 998
"""RFC 5321, section 4.5.3.1.6, without CR LF."""


class Composer:
    """Puts messages together; everything it writes names the sender of ``settings``."""

    def __init__(self, settings: EmailSettings) -> None:
        if not _SENDER_ID.fullmatch(settings.feedback_id):
            raise BadSettings("email.feedback_id needs 5 to 15 letters, digits, dots or hyphens")
        self._sender_id = settings.feedback_id
        self._report_field = settings.report_field
        self._domain = wire_address(f"x@{settings.message_id_domain}").partition("@")[2]
        self._from = address_field("From", settings.from_name, str(settings.from_address))
        self._reply_to = (
            address_field("Reply-To", settings.from_name, str(settings.reply_to))
            if settings.reply_to
            else b""
        )
        self._same_for_all = lru_cache(maxsize=256)(self._prepare)

    def _prepare(self, locale: str, code: str, kind: str, drill: bool) -> bytes:
        for name, value in (("locale", locale), ("code", code), ("kind", kind)):
            if not _TOKEN.fullmatch(value):
                raise UnsafeText(f"the {name} may hold letters, digits, dots, underscores and hyphens only")
        return (
            b"Auto-Submitted: auto-generated\r\n"
            + text_field("Feedback-ID", f"{code}:{locale}:{kind}:{self._sender_id}")
            + text_field("List-Id", f"<{kind}.{self._domain}>")
            + (DRILL_FIELD if drill else b"")
            + f"Content-Language: {locale}\r\n".encode()
            + b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="'
            + _BOUNDARY
            + b'"\r\n'
        )

    def compose(
        self,
        rendered: Rendered,
        *,
        recipient: str,
        name: str,
        reference: str,
        locale: str,
        code: str,
        drill: bool,
        kind: str = "breach-notice",
        token: str = "",
    ) -> bytes:
        """Return the whole message with its Message-ID and without a Date.

        ``token`` proves the delivery in reports of a relay that uses an envelope sender of its own.

        ``kind`` names the sort of notice in List-Id and Feedback-ID. Anything that could break out of its
        place is refused with ``UnsafeText``, which names the field and never its value.
        """
        if not _REFERENCE.fullmatch(reference):
            raise UnsafeText("the reference may hold letters and digits only")
        if not rendered.subject.strip():
            raise UnsafeText("the subject is empty")
        return b"".join((
            self._from,
            address_field("To", name, recipient),
            self._reply_to,
            text_field("Subject", rendered.subject),
            f"Message-ID: <{reference.lower()}@{self._domain}>\r\n".encode(),
            f"{self._report_field}: {token}\r\n".encode() if self._report_field and token else b"",
            self._same_for_all(locale, code, kind, drill),
            _DIVIDER,
            _part("plain", body_bytes("text", rendered.text)),
            _DIVIDER,
            _part("html", body_bytes("HTML", rendered.html)),
            _END,
        ))  # fmt: skip


def _part(subtype: str, data: bytes) -> bytes:
    """Return the rest of a part's header and its body: as it is where SMTP carries that (RFC 2045, section
    2.7), else encoded the shorter way.
    """
    if data.isascii() and _BOUNDARY not in data and max(map(len, data.split(b"\r\n"))) <= _LONGEST_LINE:
        return f"{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n".encode() + data
    foreign = 0 if data.isascii() else len(data.translate(None, _ASCII))
    if 6 * foreign > len(data):  # Quoted-printable makes three bytes of each, base64 four of any three.
        line = b2a_base64(data, newline=False)
        body = b"\r\n".join(line[start : start + _BASE64_LINE] for start in range(0, len(line), _BASE64_LINE))
        encoding = "base64"
    else:
        body = b"".join(map(_quoted, data.splitlines(keepends=True)))
        encoding = "quoted-printable"
    head = f"{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


@lru_cache(maxsize=4096)
def _quoted(line: bytes) -> bytes:
    """Return a line with its CRLF as quoted-printable: most lines are the same for many readers."""
    return b2a_qp(line, istext=True)


def with_date(message: bytes, date: datetime) -> bytes:
    """Return ``message`` with a Date in front; the moment must be aware."""
    if date.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return b"Date: " + format_datetime(date).encode() + b"\r\n" + message
