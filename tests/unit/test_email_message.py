"""Messages: what the standard library reads back is what was put in."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from notifier.channels.email.message import Composer, with_date
from notifier.channels.email.text import UnsafeText
from notifier.errors import BadSettings
from notifier.notices import Rendered
from notifier.settings import EmailSettings

RENDERED = Rendered("Security notice", "Hello,\n\n.\nWhat happened. \n", "<p>What happened</p>\n")
MOMENT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def message(
    rendered: Rendered = RENDERED,
    *,
    recipient: str = "reader@example.com",
    name: str = "Robin Reader",
    reference: str = "3F9A02BC77D1E04B",
    drill: bool = False,
    **settings: str,
) -> bytes:
    return Composer(EmailSettings(**settings)).compose(
        rendered,
        recipient=recipient,
        name=name,
        reference=reference,
        locale="en",
        code="INC-1",
        drill=drill,
    )


def parsed(content: bytes) -> EmailMessage:
    read = message_from_bytes(content, policy=policy.SMTP)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


def body(read: EmailMessage, kind: str) -> str:
    part = read.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_message_reads_back_as_it_was_given() -> None:
    """Subject, reader, both bodies and the Message-ID survive the wire."""
    read = parsed(message())
    assert str(read["Subject"]) == "Security notice"
    assert str(read["To"]) == "Robin Reader <reader@example.com>"
    assert read["Message-ID"] == "<3f9a02bc77d1e04b@example.com>"
    assert (body(read, "plain"), body(read, "html")) == (RENDERED.text, RENDERED.html)


def test_the_fields_that_machines_read_are_there() -> None:
    """Auto-Submitted, Feedback-ID, List-Id and Content-Language say what kind of mail this is."""
    read = parsed(message())
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Feedback-ID"] == "INC-1:en:breach-notice:notifier"
    assert read["List-Id"] == "<breach-notice.example.com>"
    assert read["Content-Language"] == "en"


def test_a_message_has_one_reader_and_no_copies() -> None:
    """There is exactly one To with one address, never Cc or Bcc."""
    read = parsed(message())
    assert len(read.get_all("To", [])) == 1
    assert len(read["To"].addresses) == 1
    assert read["Cc"] is None
    assert read["Bcc"] is None


@pytest.mark.parametrize("drill", [True, False])
def test_only_a_drill_is_marked_as_one(drill: bool) -> None:
    """The mark is in the header of a drill and of nothing else."""
    assert (parsed(message(drill=drill))["X-Notifier-Drill"] == "yes") is drill


def test_the_same_input_makes_the_same_bytes() -> None:
    """Nothing random and no time enters a message."""
    assert message() == message()


def test_the_date_goes_in_front_and_nothing_else_changes() -> None:
    """A dated message is the undated one behind its Date."""
    dated = with_date(message(), MOMENT)
    assert dated == b"Date: Mon, 02 Mar 2026 09:00:00 +0000\r\n" + message()


def test_a_date_without_a_zone_is_refused() -> None:
    """A naive moment is a programming error."""
    with pytest.raises(ValueError, match="time zone"):
        with_date(b"", datetime(2026, 3, 2))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "text", ["नमस्ते\n" * 200, "Wir schreiben Ihnen, weil Daten über Sie kopiert wurden.\n" * 200]
)
def test_a_body_takes_the_shorter_encoding(text: str) -> None:
    """Scripts far from ASCII go as base64, the others as quoted-printable; both read back."""
    content = message(Rendered("s", text, "<p></p>"))
    assert (b"base64" in content) is text.startswith("न")
    assert body(parsed(content), "plain") == text


@pytest.mark.parametrize(
    "name", ["Robin\r\nBcc: all@example.com", "Robin\0", "Robin\x85", "Rob\u2028in", "\ud800"]
)
def test_a_name_cannot_inject_a_header(name: str) -> None:
    """A line break, a control character or half a surrogate pair is refused without repeating it."""
    with pytest.raises(UnsafeText, match="display name in To") as refused:
        message(name=name)
    assert "Robin" not in str(refused.value)


@pytest.mark.parametrize("subject", ["a\nBcc: x@example.com", " ", ""])
def test_a_subject_must_be_one_line_of_something(subject: str) -> None:
    """An empty subject and one with a line break are refused."""
    with pytest.raises(UnsafeText, match=r"[sS]ubject"):
        message(Rendered(subject, "t", "h"))


@pytest.mark.parametrize("text", ["a\0b", "a\x1bb", "a\rb", "a\x85b", "a\ud800b"])
def test_a_body_holds_no_control_characters(text: str) -> None:
    """Tabs and line breaks are text; everything else below the space is refused."""
    with pytest.raises(UnsafeText):
        message(Rendered("s", text, "h"))


@pytest.mark.parametrize(
    "recipient",
    ["", "a", "a@", "@b", "a b@example.com", "a@b@example.com", "<a@example.com>", "a..b@example.com",
     "a@exa mple.com", "a@example.com\r\nRCPT TO:<b@example.com>", "x" * 65 + "@example.com", "a@-b.com"],
)  # fmt: skip
def test_an_address_that_is_no_plain_mailbox_is_refused(recipient: str) -> None:
    """What could be read as two addresses, or as a command, never enters a message."""
    with pytest.raises(UnsafeText, match="address"):
        message(recipient=recipient)


def test_an_international_domain_goes_in_ascii() -> None:
    """The domain of an address is written in A-labels."""
    assert b"<reader@xn--bcher-kva.example>" in message(recipient="reader@bücher.example")


def test_an_international_mailbox_is_written_as_utf8() -> None:
    """A local part outside ASCII stays as it is (RFC 6532)."""
    assert "<पाठक@example.com>".encode() in message(recipient="पाठक@example.com")


def test_a_sender_id_of_a_wrong_length_stops_the_start() -> None:
    """Feedback-ID needs a SenderId of 5 to 15 characters."""
    with pytest.raises(BadSettings):
        message(feedback_id="abc")


def test_no_line_is_longer_than_mail_allows() -> None:
    """Whatever the input, lines stay within 78 characters where words allow it."""
    content = message(Rendered("word " * 60, "x" * 5000, "é" * 5000), name="N " * 200)
    assert max(map(len, content.split(b"\r\n"))) <= 78
