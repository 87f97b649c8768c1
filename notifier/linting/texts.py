"""Checks of a text message's form and words: it lies open on the screen, and each character of it costs.

Once per language and variant, on the text for an invented reference: of all readers only that differs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from notifier.channels import Finding
from notifier.channels.sms.preview import explain
from notifier.channels.sms.segments import Encoding
from notifier.linting.words import alarms
from notifier.words import amount

GOOD_SEGMENTS, MOST_SEGMENTS = 1, 2
"""Advised, and allowed, where the GSM alphabet can write the text."""
_OWN_SCRIPT = 0.3
"""From this share of characters on that GSM does not have, the text is in a script of its own."""
_LINK = re.compile(
    r"(?i)\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.|mailto:|tel:)"
    r"|\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,5}\.(?:com|net|org|io|co|app|me|ly|in|de|eu|uk|fr|es|info|example)\b"
)
_TURNS = re.compile("[\u2066-\u2069]")


def check_short(
    text: str, *, brand: str, reference: str, most: int, sensitive: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield what is wrong with a text without its drill mark. Quotes nothing of it but odd characters' names.

    ``most`` are the segments that a text in a script of its own may have; ``sensitive`` are labels that must
    not stand in it.
    """
    plain = _TURNS.sub("", text)
    if not plain.startswith(brand):
        yield Finding("text-brand", "the text does not begin with the brand: nobody would know whose it is")
    if reference not in plain:
        yield Finding("text-reference", "the reference is not in the text: nobody could check it")
    yield from _cost(text, most)
    said = plain.replace(brand, "").replace(reference, "")
    if alarms(said):
        yield Finding("text-alarm", "the text shouts or alarms; carriers refuse such campaigns")
    if _LINK.search(said):
        yield Finding("text-link", "the text has a link: it looks like what thieves send, and is filtered")
    if any(label.casefold() in said.casefold() for label in sensitive):
        yield Finding("text-sensitive", "the text names what kind of data was involved")


def _cost(text: str, most: int) -> Iterator[Finding]:
    seen = explain(text)
    cost = seen.cost
    foreign = sum(odd.times for odd in seen.odd)
    own = cost.encoding is Encoding.UCS_2 and foreign >= _OWN_SCRIPT * len(text)
    if cost.segments > (allowed := most if own else MOST_SEGMENTS):
        yield Finding(
            "text-too-long", f"it takes {amount(cost.segments, 'segment')}; at most {allowed} are allowed"
        )
    elif cost.segments > GOOD_SEGMENTS:
        yield Finding("text-segments", f"{seen.sentence} Each segment is paid for.")
    if cost.encoding is Encoding.UCS_2 and not own:
        names = ", ".join(odd.name.lower() for odd in seen.odd[:5])
        yield Finding(
            "text-alphabet",
            f"a segment holds 70 characters instead of 160 because of: {names}."
            f" Without that it would be {amount(cost.without, 'segment')}",
        )
