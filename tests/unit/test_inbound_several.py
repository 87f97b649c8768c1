"""Reports that name several recipients, or another than the one we wrote to."""

from __future__ import annotations

import pytest

from notifier.channels.receipts import Receipt
from tests.bounces import READER, RETURN_PATH

HEAD = """From: MAILER-DAEMON@mx.example.org
Message-ID: <several@mx.example.org>
Content-Type: multipart/report; boundary=cut

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
"""


def read(*blocks: tuple[str, str, str, str], to: str = "", proven: bool = True) -> list[Receipt]:
    """Read a report with these blocks: final and original recipient, action, status."""
    content = HEAD
    for final, original, action, status in blocks:
        content += f"\nFinal-Recipient: rfc822; {final}\nAction: {action}\nStatus: {status}\n"
        content += f"Original-Recipient: rfc822; {original}\n" if original else ""
    content += f"\n--cut\nContent-Type: message/rfc822\n\nTo: {to}\n\nHello\n" if to else ""
    return list(READER.read(content.encode() + b"\n--cut--\n", [RETURN_PATH] if proven else []).receipts)


def test_several_failures_behind_one_mailbox_are_one_bounce_and_no_dead_address() -> None:
    """The mailbox passes its mail on; that nothing arrived is true, that its address is dead is not."""
    receipts = read(("a@far.test", "", "failed", "5.1.1"), ("b@far.test", "", "failed", "5.1.1"))
    assert [(one.kind, one.reason) for one in receipts] == [("bounced", "forwarding-broken")]


def test_what_is_said_of_our_reader_goes_before_what_is_said_of_others() -> None:
    """The one that we wrote to is dead, whatever became of the copy."""
    blocks = ("b@far.test", "", "delivered", "2.0.0"), ("reader@example.org", "", "failed", "5.1.1")
    [receipt] = read(*blocks, to='"b@far.test" <Reader@Example.org>')
    assert (receipt.kind, receipt.reason, receipt.address) == (
        "bounced",
        "address-dead",
        "reader@example.org",
    )


@pytest.mark.parametrize(
    ("actions", "kind"),
    [
        (("delivered", "failed"), "bounced"),
        (("delivered", "delayed"), "delayed"),
        (("delayed", "failed"), "bounced"),
        (("expanded", "failed"), "bounced"),
        (("delivered", "delivered"), "delivered"),
    ],
)
def test_the_worst_counts(actions: tuple[str, str], kind: str) -> None:
    """In doubt a person is told once more, never not at all."""
    for order in (actions, actions[::-1]):
        blocks = [(f"{number}@far.test", "", action, "5.0.0") for number, action in enumerate(order)]
        assert [one.kind for one in read(*blocks)] == [kind]


def test_one_recipient_many_times_is_one() -> None:
    """Some programs list each turn of a loop."""
    receipts = read(*[("reader@example.org", "", "failed", "5.1.1")] * 9)
    assert [(one.kind, one.reason) for one in receipts] == [("bounced", "address-dead")]


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("status", ["5.1.1", "5.2.2", "5.7.1"])
def test_behind_a_forwarding_only_the_dead_address_changes_its_meaning(proven: bool, status: str) -> None:
    """Where the original recipient is another, its address is not the one that is dead."""
    [receipt] = read(("x@far.test", "reader@example.org", "failed", status), proven=proven)
    reasons = {"5.1.1": "forwarding-broken", "5.2.2": "mailbox-full", "5.7.1": "about-us"}
    assert (receipt.address, receipt.reason) == ("reader@example.org", reasons[status])


@pytest.mark.parametrize("original", ["Reader@EXAMPLE.org", "<reader@example.org>", "reader@example.org"])
def test_case_and_brackets_make_no_other_address(original: str) -> None:
    """The same mailbox, written otherwise, is dead."""
    assert read(("reader@example.org", original, "failed", "5.1.1"))[0].reason == "address-dead"


def test_a_domain_in_its_other_form_is_no_other_address() -> None:
    """U-labels and A-labels (RFC 5890) name one domain."""
    [receipt] = read(("a@xn--bcher-kva.example", "a@bücher.example", "failed", "5.1.1"))
    assert receipt.reason == "address-dead"


def test_an_unproven_report_is_told_apart_by_address() -> None:
    """Each address that failed gets a receipt without reference; good news gets none."""
    blocks = [("a@far.test", "", "failed", "5.1.1"), ("b@far.test", "", "delayed", "4.4.1")]
    receipts = read(*blocks, ("c@far.test", "", "delivered", "2.0.0"), proven=False)
    assert [(one.address, one.kind, one.reference) for one in receipts] == [
        ("a@far.test", "bounced", ""),
        ("b@far.test", "delayed", ""),
    ]


def test_x400_addresses_are_none_of_ours() -> None:
    """The original recipient is what counts then."""
    content = HEAD + "\nFinal-Recipient: x400; /S=a@b/C=GB/\nOriginal-Recipient: rfc822; reader@example.org\n"
    [receipt] = READER.read((content + "Action: failed\nStatus: 5.1.1\n").encode()).receipts
    assert (receipt.address, receipt.reason) == ("reader@example.org", "address-dead")
