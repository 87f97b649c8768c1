"""The GSM 7-bit default alphabet and its extension (3GPP TS 23.038, sections 6.2.1 and 6.2.1.1).

A place in either string is the character's code. The escape code 0x1B stands in the default alphabet and
leads to the extension, whose characters therefore cost two septets. The shift tables of single languages
(section 6.2.1.2) are left out: Twilio sends none of them.
"""

from __future__ import annotations

ESCAPE = "\x1b"
DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
ONE_SEPTET = frozenset(DEFAULT) - {ESCAPE}
TWO_SEPTETS = frozenset(EXTENSION)
