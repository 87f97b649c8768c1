"""One session with an IMAP server (RFC 3501): what a poller asks of it. It blocks; run it in a thread."""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from notifier.channels.email.inbound.mailboxes.polling import MailboxTrouble
from notifier.settings import InboundSettings

_TIMEOUT = 30.0
_GOODBYE_SECONDS = 2.0
_OVERHEAD = 65_536
_NUMBER = re.compile(rb"\d+")
_SIZE = re.compile(rb"RFC822\.SIZE (\d{1,18})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_PRINTABLE = re.compile("([^\x20-\x7e]+)")
_ADVICE = "Check the inbound.imap_ settings, and that the server can be reached from here."


class _Bounded(imaplib.IMAP4):
    """Reads no more at once than was asked for: a server says itself how much it is about to send."""

    most_bytes = 0

    def read(self, size: int) -> bytes:
        """Read so many bytes."""
        if size > self.most_bytes + _OVERHEAD:
            raise self.abort("more than was asked for")
        return super().read(size)


class _BoundedTls(_Bounded, imaplib.IMAP4_SSL):
    """The same under TLS from the first byte."""


class ImapSession:
    """Opens a folder on construction; anything that goes wrong is ``MailboxTrouble``."""

    def __init__(self, settings: InboundSettings, *, timeout: float = _TIMEOUT) -> None:
        self._most_bytes = settings.most_bytes
        with _explained():
            self._connection = _connect(settings, timeout)
        self._connection.most_bytes = settings.most_bytes
        try:
            with _explained():
                _sign_in(self._connection, settings)
                self.generation = self._open(settings.imap_folder)
        except MailboxTrouble:
            self.close()
            raise

    def unread(self) -> list[int]:
        """Return the UIDs of messages nobody has read; those we put aside are flagged, and are left out."""
        found = self._ask("SEARCH", "UNSEEN", "UNDELETED", "UNFLAGGED")
        return [int(number) for part in found if isinstance(part, bytes) for number in part.split()]

    def fetch(self, uid: int) -> bytes | None:
        """Return a message; nothing if it has gone, None if it is empty or too big."""
        told = b" ".join(_flat(self._ask("FETCH", str(uid), "(UID RFC822.SIZE)")))
        size = _SIZE.search(told)
        if size is None:
            return b""
        if int(size[1]) > self._most_bytes:
            return None
        # PEEK leaves the flags alone; the range holds whatever the size was said to be.
        parts = self._ask("FETCH", str(uid), f"(UID BODY.PEEK[]<0.{self._most_bytes + 1}>)")
        message = next((part[1] for part in parts if isinstance(part, tuple) and b"BODY[]" in part[0]), b"")
        return message if 0 < len(message) <= self._most_bytes else None

    def flag(self, uid: int, flag: str) -> None:
        r"""Set a flag: ``\Seen`` for what is on record, ``\Flagged`` for what a person must look at."""
        self._ask("STORE", str(uid), "+FLAGS.SILENT", f"({flag})")

    def close(self) -> None:
        """Say goodbye, briefly; never raises."""
        with suppress(Exception):
            self._connection.sock.settimeout(_GOODBYE_SECONDS)
            self._connection.logout()
        self.cut()

    def cut(self) -> None:
        """End the connection at once, also under a call that waits for an answer in another thread."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError, ValueError):
            self._connection.shutdown()

    def _open(self, folder: str) -> int:
        """Open a folder for reading and flagging; returns its UIDVALIDITY, with which all UIDs change."""
        status, _count = self._connection.select(encoded_folder(folder))
        if status != "OK":
            raise MailboxTrouble("the IMAP folder cannot be opened", advice="Check inbound.imap_folder.")
        _name, validity = self._connection.response("UIDVALIDITY")
        number = _NUMBER.search(b" ".join(_flat(validity)))
        return int(number[0]) if number else 0

    def _ask(self, command: str, *arguments: str) -> list[object]:
        with _explained():
            status, parts = self._connection.uid(command, *arguments)
        if status != "OK":
            raise MailboxTrouble(f"the IMAP server refused {command}", advice=_ADVICE)
        return list(parts or ())


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what imaplib, the line or TLS raise into ``MailboxTrouble``; their own texts may hold anything."""
    try:
        yield
    except ssl.SSLCertVerificationError:
        raise MailboxTrouble("the IMAP server's certificate is not accepted", advice=_ADVICE) from None
    except (OSError, ValueError, imaplib.IMAP4.error) as error:
        raise MailboxTrouble(
            f"the IMAP server cannot be reached or used ({type(error).__name__})", advice=_ADVICE
        ) from None


def _connect(settings: InboundSettings, timeout: float) -> _Bounded:
    if settings.imap_tls == "none":
        return _Bounded(settings.imap_host, settings.imap_port, timeout)
    try:
        context = ssl.create_default_context(cafile=settings.imap_ca_file or None)
    except (OSError, ssl.SSLError):
        raise MailboxTrouble(
            "the file of authorities for IMAP cannot be read", advice="Check inbound.imap_ca_file."
        ) from None
    if settings.imap_tls == "implicit":
        return _BoundedTls(settings.imap_host, settings.imap_port, ssl_context=context, timeout=timeout)
    connection = _Bounded(settings.imap_host, settings.imap_port, timeout)
    try:
        connection.starttls(context)
    except BaseException:
        connection.shutdown()
        raise
    return connection


def _sign_in(connection: imaplib.IMAP4, settings: InboundSettings) -> None:
    user, password = settings.imap_user, settings.imap_password.get_secret_value()
    if _CONTROL.search(user + password):
        raise MailboxTrouble("the IMAP user or password holds a control character", advice=_ADVICE)
    try:
        if "AUTH=PLAIN" in connection.capabilities:  # The only way for what is not ASCII (RFC 4616).
            connection.authenticate("PLAIN", lambda _challenge: f"\0{user}\0{password}".encode())
        else:
            connection.login(user, password)
    except imaplib.IMAP4.abort:
        raise
    except (imaplib.IMAP4.error, UnicodeError):
        raise MailboxTrouble(
            "the IMAP server does not accept our login",
            advice="Check inbound.imap_user and inbound.imap_password; some providers want a password for "
            "programs.",
        ) from None


def encoded_folder(name: str) -> str:
    """Return a folder's name as it goes over the wire: modified UTF-7 (RFC 3501, section 5.1.3), quoted."""

    def shifted(found: re.Match[str]) -> str:
        return "&" + b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    if _CONTROL.search(name):
        raise MailboxTrouble("the IMAP folder's name holds a control character")
    text = _NOT_PRINTABLE.sub(shifted, name.replace("&", "&-"))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _flat(parts: object) -> list[bytes]:
    """Return all that imaplib put into tuples and lists as byte strings."""
    if isinstance(parts, bytes):
        return [parts]
    return [one for part in parts for one in _flat(part)] if isinstance(parts, list | tuple) else []
