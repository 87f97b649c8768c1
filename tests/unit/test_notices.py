"""A notice as it is kept: nothing but what was packed can be unpacked."""

from __future__ import annotations

import zlib

import pytest

from notifier import notices
from notifier.errors import StoreError
from notifier.keys import Keys

WORDS = b"This is what happened, and this is what you can do about it.\r\n" * 9
PACKED = notices.pack("eva@mail.test", b"Subject: x\r\n\r\n" + WORDS, WORDS)


def _raw(content: bytes) -> bytes:
    made = zlib.compressobj(wbits=-15)
    return made.compress(content) + made.flush()


def test_what_was_packed_comes_back() -> None:
    """Recipient and bytes, against the same dictionary."""
    assert notices.unpack(PACKED, WORDS) == ("eva@mail.test", b"Subject: x\r\n\r\n" + WORDS)


def test_a_recipient_may_have_several_lines() -> None:
    """As a postal address does, and the message behind it as well."""
    place = "Beispielweg 1\n50667 Köln\nDE"
    assert notices.unpack(notices.pack(place, WORDS, b"x"), b"x") == (place, WORDS)


def test_a_recipient_that_could_run_into_the_message_is_refused() -> None:
    """Better no notice than one that nobody can open."""
    with pytest.raises(ValueError, match="NUL"):
        notices.pack("eva@mail.test\0Subject: x", WORDS, b"x")


@pytest.mark.parametrize(
    ("packed", "dictionary"),
    [
        (PACKED, b"\x00"),
        (PACKED, b""),
        (PACKED[:-4], WORDS),
        (PACKED + b"x", WORDS),
        (b"\xff" * 20, WORDS),
        (b"", WORDS),
        (_raw(b"no recipient before it"), b"x"),
        (_raw(b"\xff\xfe@mail.test\0Subject: x"), b"x"),
    ],
    ids=["damaged", "empty", "cut", "longer", "noise", "nothing", "no-recipient", "no-text"],
)
def test_anything_else_is_the_store_s_fault(packed: bytes, dictionary: bytes) -> None:
    """Damage of whatever kind is one error, which those who send know."""
    with pytest.raises(StoreError):
        notices.unpack(packed, dictionary)


@pytest.mark.parametrize("sealed", [b"", b"\x00", b"\x01", b"\x01" * 9, b"\x01" * 40])
def test_what_was_not_sealed_is_the_store_s_fault_too(sealed: bytes) -> None:
    """However short it has become."""
    keys = Keys.generate()
    with pytest.raises(StoreError):
        keys.new_subject("u")[0].open(sealed, notices.SEAL_CONTEXT)
    with pytest.raises(StoreError):
        keys.subject("u", sealed)
