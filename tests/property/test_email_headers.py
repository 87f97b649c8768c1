"""Any name and subject: it reads back as given, or it is refused; it never becomes another header."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage

from hypothesis import example, given
from hypothesis import strategies as st

from notifier.channels.email.headers import address_field, text_field
from notifier.channels.email.text import UnsafeText

ODD = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cc", "Zl", "Zp"]),
        st.sampled_from('\r\n\0"\\,;:<>@()[]=?_. \tאبनमस्ते👩‍👩‍👧\u202e\u200d'),
    ),
    max_size=300,
)


def read(field: bytes) -> EmailMessage:
    assert field.endswith(b"\r\n")
    assert all(line[:1] in b" " for line in field.split(b"\r\n")[1:])
    assert max(map(len, field.split(b"\r\n"))) <= 78
    message = message_from_bytes(field + b"\r\n", policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert len(message.keys()) == 1
    return message


def displayed(field: bytes) -> str:
    """Return the display name; the newer parser keeps the space between two encoded words, so the older."""
    phrase = field.decode().removeprefix("To:").replace("\r\n", "").strip().rpartition("<")[0].strip()
    if phrase.startswith('"'):
        return re.sub(r"\\(.)", r"\1", phrase[1:-1])
    return str(make_header(decode_header(phrase)))


@given(ODD)
@example("=?utf-8?q?already?=")
@example("a" * 300)
@example("  two  spaces  ")
@example('"quoted", (comment) <a@b>')
@example("Dr. Łukasz 'Ł' O'Neill, Jr.")
def test_any_name_stays_a_name(name: str) -> None:
    """The one address stays the only address and the name is what was given."""
    try:
        field = address_field("To", name, "reader@example.com")
    except UnsafeText:
        return
    (address,) = read(field)["To"].addresses
    assert address.addr_spec == "reader@example.com"
    assert displayed(field) == name.strip(" ")


@given(ODD)
@example("=?utf-8?q?already?=")
@example("x" * 70)
@example("x" * 69 + " y")
@example("word  " * 40)
@example("é" * 200)
def test_any_subject_stays_a_subject(subject: str) -> None:
    """It reads back as it was given, without its outer spaces."""
    try:
        field = text_field("Subject", subject)
    except UnsafeText:
        return
    assert str(read(field)["Subject"]) == subject.strip(" ")
