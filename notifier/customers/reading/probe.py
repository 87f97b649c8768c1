"""One pass over a text file before it is read: its digest, its encoding and its start."""

from __future__ import annotations

import codecs
import hashlib
import re
import unicodedata
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
_INSIDE_WORD = re.compile(r"[^\W\d_](?=([^\x00-\x7f])([^\W\d_]))")
_MEETING = re.compile(r"[A-Za-z][^\W\d_\x00-\x7f]|[^\W\d_\x00-\x7f][A-Za-z]")
_JOINERS = "\u2019\u2018\u02bc\u00b7\u2010\u2011\u2013\u00ad"
_SIGNS = {"Cc", "Co", "No", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So"}


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a text file. ``damaged`` says that some of its bytes do not fit the encoding,
    ``guessed`` that the encoding is only the likeliest of several, ``doubtful`` that words look torn in it.
    """

    digest: str
    size: int
    encoding: str
    start: str
    damaged: bool = False
    guessed: bool = False
    doubtful: bool = False

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
    doubtful = guessed and _torn((odd or start).decode(name, errors="replace")) > 0
    return Probe(digest.hexdigest(), size, name, text, damaged, guessed, doubtful)


def _encoding(file: str, given: str, start: bytes, odd: bytes, *, whole: bool) -> tuple[str, bool, bool]:
    if given:
        try:
            codecs.lookup(given)
            start.decode(given, errors="replace")
        except (LookupError, UnicodeError, TypeError, AssertionError):
            raise BadInput(f"there is no text encoding {given!r}", advice="Try utf-8 or cp1252.") from None
        _require_byte_order(file, codecs.lookup(given).name, start)
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
    likely = _guess(odd or start)
    if not likely and b"\x00" in start:
        raise BadInput(f"{file} is no text", advice="Export the customers as CSV, XLSX or JSON Lines.")
    return likely or "cp1252", False, True


def _require_byte_order(file: str, encoding: str, start: bytes) -> None:
    """Refuse UTF-16 and UTF-32 whose bytes may stand in either order: only a mark at the beginning tells."""
    if encoding not in ("utf-16", "utf-32") or any(
        start.startswith(mark) for mark, name in _BOMS if name == encoding
    ):
        return
    # Most letters of a table are ASCII: in big-endian order their first byte is a zero.
    order = "be" if start[:1] == b"\x00" else "le"
    raise BadInput(
        f"{file} has no byte-order mark, so {encoding} may be read in two ways",
        advice=f"Give --encoding {encoding}-{order}, or leave --encoding out and look at what is found.",
    )


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


def _guess(sample: bytes) -> str:
    """Return the likeliest of the encodings that a text without marks may have; "" if none fits."""
    found = from_bytes(sample, cp_isolation=_LIKELY)
    best = min(found, key=lambda one: _torn(str(one)) + _mixed(str(one)), default=None)
    if best is None:
        return ""
    # Where several read the same, the commonest one stands for what the sample does not hold.
    return "cp1252" if "cp1252" in best.could_be_from_charset else best.encoding


def _torn(text: str) -> int:
    """Count the signs, and capitals among small letters, inside words: hardly any text has them."""
    count = 0
    for found in _INSIDE_WORD.finditer(text):
        before, sign, after = found[0], found[1], found[2]
        if sign.isalpha():
            count += sign.isupper() and before.islower() and after.islower()
        else:
            count += sign not in _JOINERS and unicodedata.category(sign) in _SIGNS
    return count


def _mixed(text: str) -> int:
    """Count the ASCII letters that touch a letter of another script: few texts have many."""
    return sum(not unicodedata.name(max(pair), "").startswith("LATIN") for pair in _MEETING.findall(text))


def _lines_around(block: bytes, place: int) -> bytes:
    """Return the lines with letters outside ASCII after ``place``: what tells encodings apart."""
    begin = block.rfind(b"\n", 0, place) + 1
    lines = block[begin : begin + _SAMPLE].split(b"\n")
    return b"\n".join(line for line in lines if not line.isascii())[:65_536]
