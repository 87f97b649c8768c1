"""What every notice is checked for before anybody can approve it. Findings name what is wrong, no values.

Lines that are the same for many readers are checked once, in a rendering for an invented reader; of each
real notice only the other lines are looked at. So checking everything costs some microseconds a person.
"""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass

from notifier.channels import Finding
from notifier.notices import Rendered
from notifier.preflight.naming import folded_words

LARGEST = 100_000
"""Bytes of a whole message; some mail programs cut longer ones short."""

CHECKS = {
    "leftover-token": "a placeholder or an empty value of a program stands in the text",
    "missing-variables": "the notice needs what neither the facts nor the person give",
    "no-language": "neither the person's language nor the default one has texts",
    "unsafe-text": "a line break or control character would enter a header or the body",
    "header-fields": "the message has other header fields than it should",
    "one-recipient": "the message is not addressed to exactly one person",
    "link-scheme": "a link does not begin with https, mailto or tel",
    "link-host": "a link leads to a host that is not on the organisation's list",
    "foreign-address": "an e-mail address that is neither the reader's nor the organisation's",
    "foreign-name": "the name of another person of the audience",
    "direction-marks": "marks that turn the direction of writing are not closed in their line",
    "drill-mark": "a drill without its mark, or a mark on what is no drill",
    "too-large": f"the message has more than {LARGEST // 1000} kB",
    "contact-point": "the contact point is no longer usable",
    "erased": "the person's data was erased",
    "unreadable": "the person's sealed data cannot be opened",
}
"""The codes of findings and what they mean; docs/reference/preflight-checks.md explains each. The channel
and the check of form and language (``notifier.linting``) add codes of their own.
"""

_TOKEN = re.compile(
    r"\{\{|\}\}|\{%|%\}|\{#|#\}|%%|<<|>>|\[\[|\]\]|\$\{"
    r"|\[[A-Z][A-Z _-]{2,}\]|&lt;[A-Z][A-Z _-]{2,}&gt;|<[A-Z][A-Z _-]{2,}>"
)
_WORD_TOKEN = re.compile(r"\b(?:X{3,}|TBD|TODO|FIXME|INSERT|[Ll]orem ipsum|None|null|undefined|nan|NaN)\b")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://([^\s/\"'<>?#]*)", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(?:href|src|action|background|poster)\s*=\s*[\"']?\s*([^\"'\s>]+)", re.IGNORECASE)
# Looked for first, because it costs a tenth of the patterns.
_WORDS_LEFT = (
    "XXX",
    "TBD",
    "TODO",
    "FIXME",
    "INSERT",
    "orem ipsum",
    "None",
    "null",
    "undefined",
    "nan",
    "NaN",
)
_LINKING = ("href", "src", "action", "background", "poster")
_BARE_HOST = re.compile(r"(?<![\w/.@-])www\.[\w-]+", re.IGNORECASE)
_NAMESPACE = re.compile(r"\bxmlns(?::\w+)?=\"[^\"]*\"")
_STYLE, _STYLE_END = "<style", "</style>"
ADDRESS = re.compile(r"[^\s<>\"'(),;:@\[\]=]+@[^\s<>\"'(),;:@\[\]/?&]+\.[^\s<>\"'(),;:@\[\]/?&.!]+")
_OPENERS, _CLOSERS = frozenset("\u202a\u202b\u202d\u202e"), "\u202c"
_ISOLATES, _ISOLATE_END = frozenset("\u2066\u2067\u2068"), "\u2069"
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ENCODED = rb"=\?utf-8\?[bq]\?[!-<>-~=]*\?="
_TO = re.compile(
    rb"(?:(?:" + _ENCODED + rb"(?: +" + _ENCODED + rb")*"
    rb"|\"(?:[^\"\\]|\\.)*\"|[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+) +)?<([^<>\s,]+)>|([^<>\s,\"]+)"
)
_FOLD = re.compile(rb"\r\n(?=[ \t])")


def finding(code: str, detail: str = "") -> Finding:
    """Make a finding of ours; without a ``detail`` it says what its code means."""
    return Finding(code, detail or CHECKS[code])


def parts(rendered: Rendered) -> tuple[str, str, str]:
    """Return what is looked at line by line; style sheets are full of braces and hold no person's words."""
    body = rendered.html
    while (start := body.find(_STYLE)) >= 0 and (end := body.find(_STYLE_END, start)) >= 0:
        body = body[:start] + body[end + len(_STYLE_END) :]
    return rendered.subject, rendered.text, body


@dataclass(frozen=True)
class LineChecks:
    """Checks of single lines. ``addresses`` (lower case) and ``hosts`` may stand in anybody's notice."""

    hosts: Collection[str]
    addresses: Collection[str]

    def of(self, line: str, *, name: str = "", own: Container[str] = ()) -> Iterator[Finding]:
        """Yield what is wrong with a line of a notice to ``name``, whose addresses are ``own``."""
        if _TOKEN.search(line) or (
            any(word in line for word in _WORDS_LEFT)
            and _WORD_TOKEN.search(line.replace(name, "") if name else line)
        ):
            yield finding("leftover-token")
        lowered = line.lower()
        if "://" in line or "&" in line or "www" in lowered or any(word in lowered for word in _LINKING):
            yield from self._links(line)
        if "@" in line:
            for found in ADDRESS.findall(html.unescape(line)):
                address = found.strip(".").lower().removeprefix("mailto:")
                if address not in self.addresses and address not in own:
                    yield finding("foreign-address")
        if not line.isascii() and _TURNING.search(line) and not closed(line):
            yield finding("direction-marks")

    def _links(self, line: str) -> Iterator[Finding]:
        rest = _NAMESPACE.sub("", line) if "xmlns" in line else line
        for target in _ATTRIBUTE.findall(rest):
            scheme = target.partition(":")[0].lower()
            if scheme not in ("https", "mailto", "tel") and not target.startswith("#"):
                yield finding("link-scheme")
        for scheme, host in _SCHEME.findall(html.unescape(rest)):
            if scheme.lower() != "https":
                yield finding("link-scheme")
            elif not self.allowed(host):
                yield finding("link-host")
        if any(not self.allowed(host) for host in _BARE_HOST.findall(rest)):
            yield finding("link-host")

    def allowed(self, host: str) -> bool:
        """Say whether links may lead to ``host``: no user, no port, on the list or below it."""
        name = host.lower().rstrip(".")
        return any(name == one or name.endswith(f".{one}") for one in self.hosts)


def closed(line: str) -> bool:
    """Say whether every mark that turns or isolates the direction is closed in its line (UAX #9)."""
    open_marks: list[bool] = []
    for character in line:
        if character in _OPENERS or character in _ISOLATES:
            open_marks.append(character in _ISOLATES)
        elif character in (_CLOSERS, _ISOLATE_END) and (
            not open_marks or open_marks.pop() is not (character == _ISOLATE_END)
        ):
            return False
    return not open_marks


class Neighbours:
    """The names of people whose notices are made together: none may stand in another one's notice.

    This is for our own mistakes: something of one reader that sticks and shows up in the next one's notice,
    or details that were read from a row nearby. A wrong name from farther away is not found here, and what
    everybody reads is not looked at: see ``naming``. Names are found by their first two words, those of a
    single word (six letters or more) by that.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
        for name in names:
            words = words_of(name)
            if len(words) > 1 or (words and len(words[0]) >= 6):
                self._names[words[:2]].add(words)
        self._first = {key[0] for key in self._names}

    def in_lines(self, lines: Iterable[str], *, own: Iterable[str], common: Collection[str]) -> bool:
        """Say whether a name other than ``own`` ones stands in the lines; words of the template are none."""
        mine = [words for name in own if (words := words_of(name))]
        for line in lines:
            words = words_of(html.unescape(line) if "&" in line else line)
            for at, word in enumerate(words):
                if word in self._first and self._other(words, at, mine, common):
                    return True
        return False

    def _other(
        self, words: tuple[str, ...], at: int, mine: list[tuple[str, ...]], common: Collection[str]
    ) -> bool:
        return any(
            words[at : at + len(name)] == name
            and not any(_inside(words, at, name, one) for one in mine)
            and not all(one in common for one in name)
            for key in (words[at : at + 1], words[at : at + 2])
            for name in self._names.get(key, ())
        )


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, case folded and without accents."""
    return tuple(folded_words(text))


def _inside(words: tuple[str, ...], at: int, name: tuple[str, ...], mine: tuple[str, ...]) -> bool:
    """Say whether the words from ``at`` on are part of the reader's own name standing there."""
    starts = range(max(0, at + len(name) - len(mine)), at + 1)
    return any(words[start : start + len(mine)] == mine for start in starts)


def field_names(message: bytes) -> tuple[bytes, ...]:
    """Return the names of the header fields of a message, in order, in lower case."""
    head = message.partition(b"\r\n\r\n")[0]
    return tuple(
        line.partition(b":")[0].lower() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))
    )


def check_message(
    message: bytes, *, recipient: str, fields: tuple[bytes, ...], drill: bool
) -> Iterator[Finding]:
    """Yield what is wrong with a whole message; ``fields`` are the header fields it must have, in order."""
    if len(message) >= LARGEST:
        yield finding("too-large")
    head = message.partition(b"\r\n\r\n")[0]
    names = field_names(message)
    if names != fields:
        yield finding("header-fields")
    if names.count(b"to") != 1 or b"cc" in names or b"bcc" in names or not _to_one(head, recipient):
        yield finding("one-recipient")
    if (b"x-notifier-drill" in names) is not drill:
        yield finding("drill-mark")


def _to_one(head: bytes, recipient: str) -> bool:
    start = 0 if head[:3].lower() == b"to:" else head.find(b"\r\nTo:") + 2
    if start < 2 and head[:3].lower() != b"to:":
        return False
    field = _FOLD.sub(b"", head[start + 3 :]).partition(b"\r\n")[0].strip()
    found = _TO.fullmatch(field)
    return found is not None and (found.group(1) or found.group(2)) == recipient.encode()
