"""What a hostile message may cost: the bounds hold, and what lies within them is read."""

from __future__ import annotations

from email import message_from_bytes

import pytest

from notifier.channels.email.inbound.fields import Fields, address_in, moment_in, printable, readable_words
from notifier.channels.email.inbound.parts import leaves, whole
from tests.bounces import DATA, READER, RETURN_PATH, found, written

SAMPLES = sorted(DATA.glob("flufl/*.txt"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_parts_are_those_that_the_standard_library_finds(path) -> None:
    """Same types in the same order; it goes into attached messages too, which are one part to us."""
    content = path.read_bytes().replace(b"\r\n", b"\n")
    oracle = []
    waiting = [message_from_bytes(content)]
    while waiting:
        part = waiting.pop(0)
        kind = part.get_content_type()
        inner = part.get_payload()
        if kind.startswith("multipart/") and isinstance(inner, list):
            waiting[:0] = inner
        else:
            oracle.append(kind)
    assert [part.kind for part in leaves(whole(content))] == oracle


def test_parts_are_bounded_in_number_and_depth() -> None:
    """At most 32, at most five deep."""
    flat = b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\na\n" * 100_000
    assert len(leaves(whole(flat))) == 32
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(500))
    assert len(leaves(whole(deep))) == 1


def test_a_boundary_that_begins_another_is_not_it() -> None:
    """A delimiter is a whole line (RFC 2046, section 5.1.1)."""
    message = b"Content-Type: multipart/mixed; boundary=ab\n\n--ab\n\none\n--abc\ntwo\n--ab--\n"
    assert [part.body for part in leaves(whole(message))] == [b"one\n--abc\ntwo"]


def test_recipients_and_receipts_are_bounded() -> None:
    """A report about ten thousand recipients gives as many receipts as are read: 24."""
    blocks = b"".join(b"\nFinal-Recipient: rfc822; r%d@far.test\nAction: failed\n" % n for n in range(10_000))
    content = b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n"
    assert len(READER.read(content + blocks).receipts) == 24


def test_what_stands_behind_a_quarter_of_a_megabyte_is_not_read() -> None:
    """The report itself stands in front of what it returns."""
    big = written("gmail-dead").replace(b"\n\nHello\n", b"\n\n" + b"Hello there\n" * 200_000)
    assert len(READER.read(big, [RETURN_PATH]).receipts) == 1
    assert READER.read(b"X: y\n" * 200_000 + written("gmail-dead")).receipts == ()


def test_fields_are_bounded_and_unfolded() -> None:
    """Three hundred fields, two thousand bytes of each, a thousand characters of a text."""
    assert "x-400" not in Fields(b"".join(b"X-%d: a\n" % n for n in range(1000)))
    assert Fields(b"A: one\n\ttwo\x00\x1b[31m\nB: c").get("a") == "one two [31m"
    assert len(printable("a" * 1_000_000)) == 1000


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822;reader@example.com", "reader@example.com"),
        ('"evil@x.test" <reader@example.com>', "reader@example.com"),
        ("RFC822; <reader@example.com>", "reader@example.com"),
        (r"utf-8; j\x{fc}rgen@example.com", "jürgen@example.com"),
        (r"utf-8; a\x{0}\x{d800}\x{110000}@example.com", "a@example.com"),
        ("nobody", ""),
        ("", ""),
        ("[redacted]", ""),
    ],
)
def test_an_address_is_found_in_a_field(value: str, address: str) -> None:
    """Types, names and brackets aside."""
    assert address_in(value) == address


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "Mon, 99 Foo 2026",
        "Mon, 02 Nov 99999 10:00:00 +9999",
        "Fri, 31 Dec 9999 23:59:00 -2300",
    ],
)
def test_a_date_that_is_none_is_left_out(value: str) -> None:
    """No receipt fails for its date."""
    assert moment_in(value) is None


def test_a_date_without_a_zone_is_utc() -> None:
    """RFC 5322 writes -0000 for it."""
    assert str(moment_in("Mon, 02 Nov 2026 10:00:00 -0000")) == "2026-11-02 10:00:00+00:00"


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\r\n\r\n", b"\x00" * 1000, b":", b"Content-Type: multipart/report", b"\xff" * 300_000],
)
def test_what_is_no_message_says_nothing(content: bytes) -> None:
    """No receipt and no exception."""
    assert READER.read(content, ["", "\udcff@x", RETURN_PATH]).receipts == ()


@pytest.mark.parametrize(
    "charset",
    ["\N{REPLACEMENT CHARACTER}tf-8", "utf-8\N{LATIN SMALL LETTER E WITH ACUTE}", "x" * 80, "idna", "rot13"],
)
def test_an_encoded_word_that_cannot_be_decoded_stays_as_it_is(charset: str) -> None:
    """Whatever it says its charset is."""
    subject = f"=?{charset}?Q?Undelivered_mail?="
    assert readable_words(subject)
    content = f"Subject: {subject}\n\nIt did not arrive.\n".encode()
    assert READER.read(content, [RETURN_PATH]).kind


def test_an_attached_report_in_a_persons_mail_is_no_report() -> None:
    """Only what a server has written is taken out of its wrapping."""
    person = b"From: Reader <reader@example.org>\nSubject: look\nIn-Reply-To: <a@b>\nContent-Type: multipart/mixed; boundary=zz\n\n--zz\nContent-Type: message/rfc822\n\n"
    assert READER.read(person + found("dsn_15"), [RETURN_PATH]).kind == "other"
