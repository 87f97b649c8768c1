"""Which delivery a report is about: the signature decides, and where it stands."""

from __future__ import annotations

import pytest

from notifier.channels.email.inbound import Reader
from notifier.channels.email.return_path import ReturnPaths
from notifier.keys import Keys
from tests.bounces import ATTEMPT, PATHS, READER, REFERENCE, RETURN_PATH, written

OTHER = "00AA11BB22CC33DD"
OTHER_PATH = PATHS.make(OTHER, 1)


def about(content: bytes, *recipients: str) -> list[tuple[str, int]]:
    return [(one.reference, one.attempt) for one in READER.read(content, recipients).receipts]


def test_the_envelope_recipient_goes_first() -> None:
    """Where a report was sent to counts more than what it holds."""
    assert about(written("sendmail-dead"), OTHER_PATH) == [(OTHER, 1)]


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "Envelope-To", "To"])
def test_header_fields_that_keep_the_envelope_count(name: str) -> None:
    """A mailbox knows no envelope; what delivered into it has written it down."""
    content = f"{name}: <{OTHER_PATH.upper()}>\n".encode() + written("no-token")
    assert about(content) == [(OTHER, 1)]


def test_what_the_report_says_goes_before_what_it_returns() -> None:
    """The sender's field of a status names the return path that the relay was given."""
    content = written("token-in-status").replace(
        b"--=_cut.1--",
        f"--=_cut.1\nContent-Type: text/rfc822-headers\n\nReturn-Path: <{OTHER_PATH}>\n".encode(),
    )
    assert about(content) == [(REFERENCE, ATTEMPT)]


def test_two_deliveries_in_one_place_prove_none() -> None:
    """Nobody can tell then which of them has failed."""
    content = written("token-in-returned-header").replace(
        f"Return-Path: <{RETURN_PATH}>".encode(),
        f"Return-Path: <{RETURN_PATH}>\nSender: {OTHER_PATH}".encode(),
    )
    assert about(content) == [("", 0)]
    assert about(written("no-token"), RETURN_PATH, OTHER_PATH) == [("", 0)]


def test_two_attempts_of_one_delivery_are_one_delivery() -> None:
    """The first that is named counts."""
    assert about(written("no-token"), RETURN_PATH, PATHS.make(REFERENCE, 1)) == [(REFERENCE, ATTEMPT)]


def test_another_installations_return_path_proves_nothing() -> None:
    """The same domain and another key: the failure is kept with its address alone."""
    stranger = Reader(ReturnPaths(Keys.generate(), "bounces.example.com"))
    [receipt] = stranger.read(written("sendmail-dead"), [RETURN_PATH]).receipts
    assert (receipt.reference, receipt.attempt, receipt.address) == ("", 0, "reader@example.org")


def test_the_message_id_proves_nothing() -> None:
    """It holds the reference, but no signature."""
    content = written("abuse-unproven")
    assert REFERENCE.lower().encode() in content
    assert about(content) == [("", 0)]


@pytest.mark.parametrize("name", ["delivered", "read"])
def test_good_news_needs_proof(name: str) -> None:
    """Whoever claims without a signature that a message arrived is not believed."""
    assert len(READER.read(written(name)).receipts) == 1
    unproven = written(name).replace(RETURN_PATH.encode(), b"postmaster@example.com")
    assert (READER.read(unproven).receipts, READER.read(unproven).understood) == ((), True)


def test_one_report_by_two_inlets_is_one() -> None:
    """A listener knows the envelope; a mailbox has trace fields in front and other line ends."""
    heard = READER.read(written("gmail-dead"), [RETURN_PATH])
    traces = f"Delivered-To: {RETURN_PATH}\nReceived: by mailbox.example.com\n".encode()
    fetched = READER.read((traces + written("gmail-dead")).replace(b"\n", b"\r\n"))
    assert heard.receipts == fetched.receipts


def test_one_report_without_a_message_id_by_two_inlets_is_one() -> None:
    """All that its writer wrote is the same."""
    heard = READER.read(written("qmail-dead"), [RETURN_PATH])
    traces = b"Received: by mailbox.example.com\r\n"
    fetched = READER.read(traces + written("qmail-dead").replace(b"\n", b"\r\n"))
    assert [one.key for one in heard.receipts] == [one.key for one in fetched.receipts]


def test_different_reports_have_different_keys() -> None:
    """Another Message-ID, another delivery or another text make another report."""
    keys = {
        one.key
        for name in ("gmail-dead", "gmail-delay", "qmail-dead", "qmail-full")
        for one in READER.read(written(name)).receipts
    }
    keys |= {one.key for one in READER.read(written("gmail-dead"), [OTHER_PATH]).receipts}
    keys |= {one.key for one in READER.read(written("gmail-dead").replace(b"report.1", b"report.2")).receipts}
    assert len(keys) == 6


def test_a_guessed_message_id_takes_no_real_reports_key() -> None:
    """A stranger who knows no return path cannot make the real report look like one already known."""
    real = READER.read(written("gmail-dead"), [RETURN_PATH]).receipts[0].key
    forged = (
        READER.read(written("gmail-dead").replace(RETURN_PATH.encode(), b"x@example.com")).receipts[0].key
    )
    assert real != forged
