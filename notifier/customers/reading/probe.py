"""One pass over a text file before it is read: its digest, its encoding and its start."""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from notifier.errors import BadInput

_BLOCK = 1 << 20
_SAMPLE = 256 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What spreadsheets and older systems write. A wider choice makes short samples guess worse.
_LIKELY = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
    "koi8_r",
]


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a text file. ``damaged`` says that some of its bytes do not fit the encoding,
    ``guessed`` that the encoding is only the likeliest of several.
    """

    digest: str
    size: int
    encoding: str
    start: str
    damaged: bool = False
    guessed: bool = False

    @property
    def called(self) -> str:
        """The encoding in words: a guess is told as one."""
        return f"{self.encoding} (guessed)" if self.guessed else self.encoding


def probe(path: Path, encoding: str = "") -> Probe:
    """Read the file once and find its encoding, unless ``encoding`` names it; binary files are refused."""
    digest = hashlib.blake2b(digest_size=32)
    unicode = codecs.getincrementaldecoder("utf-8")()
    whole, size, start, odd = True, 0, b"", b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            start = start or block[:_SAMPLE]
            if whole:
                try:
                    unicode.decode(block)
                except UnicodeDecodeError as error:
                    whole = False
                    odd = _lines_around(block, error.start)
    if whole:
        try:
            unicode.decode(b"", final=True)
        except UnicodeDecodeError:
            whole, odd = False, start
    name, damaged, guessed = _encoding(path.name, encoding, start, odd, whole=whole)
    text = start.decode(name, errors="replace")
    if not encoding and text.count("\x00") > len(text) // 50:
        raise BadInput(f"{path.name} is no text", advice="Export the customers as CSV, XLSX or JSON Lines.")
    return Probe(digest.hexdigest(), size, name, text, damaged, guessed)


def _encoding(file: str, given: str, start: bytes, odd: bytes, *, whole: bool) -> tuple[str, bool, bool]:
    if given:
        try:
            codecs.lookup(given)
            start.decode(given, errors="replace")
        except (LookupError, UnicodeError, TypeError, AssertionError):
            raise BadInput(f"there is no text encoding {given!r}", advice="Try utf-8 or cp1252.") from None
        return given, False, False
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name, False, False
    if silent := _utf16_without_mark(start):
        return silent, False, False
    if whole:
        return "utf-8", False, False
    if mostly := _mostly_utf8(start, odd):
        return mostly, True, False
    best = from_bytes(odd or start, cp_isolation=_LIKELY).best()
    if best is None and b"\x00" in start:
        raise BadInput(f"{file} is no text", advice="Export the customers as CSV, XLSX or JSON Lines.")
    return (best.encoding if best else "cp1252"), False, True


def _utf16_without_mark(start: bytes) -> str:
    """Recognise UTF-16 by the zero half of its ASCII letters."""
    pairs = len(start) // 2
    if start[1::2].count(0) > pairs * 0.4 and start[0::2].count(0) < pairs * 0.05:
        return "utf-16-le"
    if start[0::2].count(0) > pairs * 0.4 and start[1::2].count(0) < pairs * 0.05:
        return "utf-16-be"
    return ""


def _mostly_utf8(start: bytes, odd: bytes) -> str:
    """Recognise UTF-8 with damaged places: at least as many characters of several bytes as bytes that are
    none. Text in another encoding hardly ever has them: its letters do not come in such sequences.
    """
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(start)
    if "\ufffd" not in text:
        text += odd.decode("utf-8", errors="replace")
    foreign = sum(letter > "\x7f" for letter in text)
    return "utf-8" if text.count("\ufffd") * 2 <= foreign else ""


def _lines_around(block: bytes, place: int) -> bytes:
    """Return the lines with letters outside ASCII after ``place``: what tells encodings apart."""
    begin = block.rfind(b"\n", 0, place) + 1
    lines = block[begin : begin + _SAMPLE].split(b"\n")
    return b"\n".join(line for line in lines if not line.isascii())[:65_536]
