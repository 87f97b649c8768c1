"""Header fields: folded (RFC 5322), with words of other scripts encoded (RFC 2047).

An own strict encoder, because the standard library's costs a millisecond a message and folds some values
wrongly; the standard library's parser is the oracle in the tests.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from functools import lru_cache

from notifier.channels.email.address import wire_address
from notifier.channels.email.text import header_text

_LINE = 78
_WORD = 75  # RFC 2047, section 2: the longest encoded word.
_ENCODED_LINE = 76
_PLAIN = re.compile(r"[\x20-\x7e]*")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_Q_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_FRAME = len("=?utf-8?q??=")


def _q(character: str) -> str:
    if character in _Q_SAFE:
        return character
    return "_" if character == " " else "".join(f"={byte:02X}" for byte in character.encode())


def encoded_words(text: str, used: int) -> list[str]:
    """Split ``text`` into encoded words; the first shares its line with ``used`` characters."""
    units = [_q(character) for character in text]
    as_base64 = sum(map(len, units)) > 4 * ((len(text.encode()) + 2) // 3)
    words: list[str] = []
    piece: list[str] = []
    size = 0
    room = min(_WORD, _ENCODED_LINE - used) - _FRAME
    for character, unit in zip(text, units, strict=True):
        grown = size + (len(character.encode()) if as_base64 else len(unit))
        if piece and (4 * ((grown + 2) // 3) if as_base64 else grown) > room:
            words.append(_framed(piece, as_base64))
            piece, grown, room = [], grown - size, _WORD - _FRAME
        piece.append(character if as_base64 else unit)
        size = grown
    words.append(_framed(piece, as_base64))
    return words


def _framed(piece: list[str], as_base64: bool) -> str:
    if as_base64:
        return f"=?utf-8?b?{b2a_base64(''.join(piece).encode(), newline=False).decode()}?="
    return f"=?utf-8?q?{''.join(piece)}?="


def _folded(name: str, value: str) -> str | None:
    """Fold plain ASCII at its spaces, or return None where a word is too long for a line."""
    lines = [f"{name}:"]
    for word in re.findall(r" +[^ ]+", f" {value}"):
        if len(lines[-1]) + len(word) > _LINE:
            lines.append("")
        lines[-1] += word
    return "\r\n".join(lines) if len(max(lines, key=len)) <= _LINE and lines[0] != f"{name}:" else None


@lru_cache(maxsize=1024)
def text_field(name: str, value: str) -> bytes:
    """Return the whole field of a text such as ``Subject``, with its CRLF."""
    value = header_text(name, value)
    if _PLAIN.fullmatch(value) and "=?" not in value and (plain := _folded(name, value)):
        return f"{plain}\r\n".encode()
    words = "\r\n ".join(encoded_words(value, len(name) + 2))
    return f"{name}: {words}\r\n".encode()


def address_field(name: str, display: str, address: str) -> bytes:
    """Return the whole field that holds exactly one mailbox, with its CRLF."""
    address = wire_address(address)
    display = header_text(f"display name in {name}", display)
    if not display:
        return f"{name}: {address}\r\n".encode()
    phrase = ""
    if "=?" not in display and _PLAIN.fullmatch(display):
        phrase = display
        if not _PHRASE.fullmatch(display):
            phrase = '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if not phrase or len(name) + 2 + len(phrase) > _LINE:
        phrase = "\r\n ".join(encoded_words(display, len(name) + 2))
    last = len(phrase) - phrase.rfind("\n") - 1 if "\n" in phrase else len(name) + 2 + len(phrase)
    gap = " " if last + len(address) + 3 <= _ENCODED_LINE else "\r\n "
    return f"{name}: {phrase}{gap}<{address}>\r\n".encode()
