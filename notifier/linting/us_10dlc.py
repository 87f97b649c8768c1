"""US 10DLC: a text message must be one of the campaign's registered samples, but for their places, and must
not speak as public emergency alerts do, for which carriers refuse whole campaigns (Twilio error 30929).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from notifier.channels import Finding
from notifier.linting.placeholders import Piece, Place, compare

_PLACE = re.compile(r"\[[^\[\]]{1,60}\]")
_ANY = Place(lambda char: char.isprintable(), 100)
_ALARM = re.compile(
    r"(?i)\b(?:emergency|emergencies|evacuat\w*|amber alert|severe weather|public safety|disaster|imminent)\b"
)
_SHORTENED = re.compile(r"(?i)\b(?:bit\.ly|tinyurl\.com|goo\.gl|t\.co|ow\.ly|is\.gd|buff\.ly|rebrand\.ly)/")


def check_us(text: str, samples: Sequence[str]) -> list[Finding]:
    """Compare a rendered text with the registered samples, whose places stand in square brackets. Pure;
    quotes neither.
    """
    found = []
    if not samples:
        found.append(Finding("us-no-sample", "no sample of the 10DLC campaign is set"))
    else:
        seen = [compare(text, _pieces(sample)) for sample in samples]
        if not any(one.equal for one in seen):
            furthest = max(one.reached for one in seen)
            found.append(
                Finding(
                    "us-sample-differs", f"differs from every sample, the nearest at character {furthest + 1}"
                )
            )
    if _ALARM.search(text):
        found.append(Finding("us-emergency-words", "has words of public emergency alerts"))
    if _SHORTENED.search(text):
        found.append(Finding("us-short-link", "has a shortened link, which carriers filter"))
    return found


def _pieces(sample: str) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for found in _PLACE.finditer(sample):
        pieces += [sample[at : found.start()], _ANY]
        at = found.end()
    return [piece for piece in (*pieces, sample[at:]) if piece]
