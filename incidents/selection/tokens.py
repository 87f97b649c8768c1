"""Cut the text of a selection into words, quoted values and signs, each with its column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from incidents.errors import BadSelection

MAX_TEXT = 20_000

_TOKEN = re.compile(
    r"""(?P<space>[\ \t\r\n]+)
      | (?P<sign>!=|<>|<=|>=|[=<>(),])
      | (?P<quoted>"(?:[^"\\]|\\["\\])*"|'(?:[^'\\]|\\['\\])*')
      | (?P<word>[^\s"'(),=<>!]+)""",
    re.VERBOSE,
)
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_TYPOGRAPHIC = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted"
    SIGN = "sign"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the text; ``text`` of a quoted value is what stands between its quotes."""

    kind: Kind
    text: str
    column: int
    glued: bool = False
    """Nothing stands between it and the token before."""

    def __str__(self) -> str:
        """Return how error messages name it."""
        return "the end" if self.kind is Kind.END else f"`{self.text[:40]}`"


def tokens(text: str) -> list[Token]:
    """Return the tokens of ``text``, the last one of kind END; what cannot be one is ``BadSelection``."""
    if len(text) > MAX_TEXT:
        raise BadSelection(f"the selection has {len(text)} characters, the most is {MAX_TEXT}", "", 1)
    if found := _FORBIDDEN.search(text):
        column = found.start() + 1
        raise BadSelection("there is a control character", _FORBIDDEN.sub("?", text), column)
    made: list[Token] = []
    at, glued = 0, False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at)
        if match.lastgroup != "space":
            made.append(_token(match, text, glued=glued))
        glued = match.lastgroup != "space"
        at = match.end()
    made.append(Token(Kind.END, "", len(text) + 1))
    return made


def _token(match: re.Match[str], text: str, *, glued: bool) -> Token:
    kind, raw, column = Kind(match.lastgroup), match[0], match.start() + 1
    if kind is Kind.QUOTED:
        return Token(kind, re.sub(r"\\(.)", r"\1", raw[1:-1]), column, glued)
    if kind is Kind.WORD and raw[0] in _TYPOGRAPHIC:
        raise BadSelection("typographic quotes do not quote", text, column, advice='Use straight ones: "…".')
    return Token(kind, raw, column, glued)


def _unreadable(text: str, at: int) -> BadSelection:
    sign = text[at]
    if sign in "\"'":
        return BadSelection(
            "the quoted value does not end", text, at + 1, advice="Close it with the same quote."
        )
    if sign == "!":
        return BadSelection("`!` stands alone", text, at + 1, advice="Write `!=`, or `not`.")
    return BadSelection("this space is no plain space", text, at + 1, advice="Type a plain space there.")
