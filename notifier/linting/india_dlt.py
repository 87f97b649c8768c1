"""India: a text message must be the registered text, character by character, but for its places.

The operators compare every message to a number in India with the texts that were registered on their ledger
(TRAI, Telecom Commercial Communications Customer Preference Regulations, 2018) and drop what differs. Since
2024 links must be registered too, and the places of new texts say what they hold.
"""

from __future__ import annotations

import re
import string

from notifier.channels import Finding
from notifier.linting.placeholders import Piece, Place, compare

_PLACE = re.compile(r"\{?#([a-z]{1,20})#\}?", re.ASCII)
_LINK = re.compile(
    r"(?i)\b(?:https?://|www\.)|\b[a-z0-9-]{1,63}\.(?:com|in|net|org|io|co|app|me|ly)\b", re.ASCII
)
_LONGEST = 40
"""Characters that a place may hold."""
_LONGEST_LINK = 200
_ALNUM = frozenset(string.ascii_letters + string.digits)
_PLACES = {
    "var": Place(lambda char: char.isprintable(), _LONGEST),
    "alphanumeric": Place(_ALNUM.__contains__, _LONGEST),
    "numeric": Place(frozenset(string.digits).__contains__, _LONGEST),
    "number": Place(frozenset(string.digits).__contains__, _LONGEST),
    "cbn": Place(frozenset(string.digits + "+- ").__contains__, _LONGEST),
    "email": Place((_ALNUM | frozenset(".@_+-")).__contains__, _LONGEST),
    "url": Place(lambda char: "!" <= char <= "~", _LONGEST_LINK),
    "urlott": Place(lambda char: "!" <= char <= "~", _LONGEST_LINK),
}
_LINKS = ("url", "urlott")


def check_dlt(text: str, registered: str) -> list[Finding]:
    """Compare a rendered text with the one registered for its language. Pure; quotes neither.

    ``{#var#}`` holds up to 40 characters of any kind, typed places what their name says.
    """
    names = [found[1] for found in _PLACE.finditer(registered)]
    if unknown := [name for name in names if name not in _PLACES]:
        return [Finding("dlt-place-unknown", f"the registered text has an unknown place: {unknown[0]}")]
    found = []
    seen = compare(text, _pieces(registered))
    if not seen.equal:
        found.append(
            Finding("dlt-differs", f"differs from the registered text at character {seen.reached + 1}")
        )
    if _LINK.search(text) and not any(name in names for name in _LINKS):
        found.append(Finding("dlt-link", "has a link that the registered text has no place for"))
    return found


def _pieces(registered: str) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for found in _PLACE.finditer(registered):
        pieces += [registered[at : found.start()], _PLACES[found[1]]]
        at = found.end()
    return [piece for piece in (*pieces, registered[at:]) if piece]
