"""The square code (QR, ISO/IEC 18004): the address to check at and the reference, as text.

No link, no token, no name: whoever finds the letter learns nothing from it that is not printed beside it.
"""

from __future__ import annotations

import io

import segno

from notifier.errors import BadInput

_LONGEST = 300


def square(address: str, reference: str) -> str:
    """Return an SVG of the code with its quiet zone; a phone shows two lines of text."""
    text = f"{address}\n{reference}"
    if len(text) > _LONGEST:
        raise BadInput(
            "the address of the check page is too long for the code",
            advice="Shorten check.address in the facts.",
        )
    file = io.BytesIO()
    segno.make(text, error="m", micro=False).save(file, kind="svg", border=4, xmldecl=False, omitsize=True)
    return file.getvalue().decode()
