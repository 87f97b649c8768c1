"""Links to notices: only the token we made opens one, and each reference has exactly one."""

from __future__ import annotations

import string

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from notifier.keys import Keys
from notifier.links import make_token, notice_link, read_token

KEYS, OTHERS = Keys(b"m" * 32, b"i" * 32, b"t" * 32), Keys(b"m" * 32, b"i" * 32, b"u" * 32)
REFERENCE = "3F9A02BC77D1E04B"
TOKEN = make_token(KEYS, REFERENCE)
references = st.text(alphabet="0123456789ABCDEF", min_size=16, max_size=16)
alphabet = string.ascii_letters + string.digits + "-=/%._~\x00é\uff12\u202e"


@given(references)
def test_a_token_opens_its_own_reference(reference: str) -> None:
    """And says nothing else: no other key reads it, and the address has no more than it."""
    token = make_token(KEYS, reference)
    assert read_token(KEYS, token) == reference
    assert read_token(OTHERS, token) is None
    assert notice_link(KEYS, "https://n.example.com/", reference) == f"https://n.example.com/notices/{token}"
    assert notice_link(KEYS, "", reference) == ""


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=60), st.text(alphabet=alphabet, min_size=30, max_size=36)))
@example(TOKEN.upper())
@example(f"{TOKEN}\n")
@example(f"{TOKEN}=")
@example(f" {TOKEN}")
@example(TOKEN.replace("-", "\u2010"))
@example("-")
@example("")
def test_nothing_else_opens_anything(typed: str) -> None:
    """Whatever is put into the address, one notice at most can be opened by it, by its one token."""
    assume(typed != TOKEN)
    opened = read_token(KEYS, typed)
    assert opened is None or make_token(KEYS, opened) == typed


@settings(max_examples=300)
@given(at=st.integers(0, len(TOKEN) - 1), put=st.sampled_from(alphabet), other=references)
def test_a_token_that_was_changed_opens_nothing(at: int, put: str, other: str) -> None:
    """Neither with one character changed, added or left out, nor with another notice's code."""
    made = {TOKEN[:at] + put + TOKEN[at + 1 :], TOKEN[:at] + put + TOKEN[at:], TOKEN[:at] + TOKEN[at + 1 :]}
    if other != REFERENCE:
        made.add(TOKEN[:17] + make_token(KEYS, other)[17:])
    for token in made - {TOKEN}:
        assert read_token(KEYS, token) is None
