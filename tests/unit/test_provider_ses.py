"""What Amazon SES reports, told in our words."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime

import pytest

from notifier.channels.email.providers import ses
from notifier.channels.receipts import Receipt, ReceiptKind
from tests.inlets import PATH, REFERENCE
from tests.providers import Sns, sample

KEEPS_THE_ADDRESS = {
    "about-us",
    "mailbox-full",
    "carrier-suppressed",
    "refused",
    "try-later",
    "content-refused",
}


async def _receipts(event: dict | str, **fields: str) -> tuple[Receipt, ...]:
    sns = Sns()
    delivered = await sns.ses.read({}, json.dumps(sns.message(event, **fields)).encode())
    assert delivered.refusal is None
    return delivered.receipts


@pytest.mark.parametrize(
    ("name", "kind", "code", "enhanced", "reason"),
    [
        ("bounce-permanent", "bounced", 550, "5.1.1", "address-dead"),
        ("bounce-transient", "bounced", 452, "4.2.2", "mailbox-full"),
        ("bounce-suppressed", "bounced", 0, "5.1.1", "carrier-suppressed"),
        ("bounce-undetermined", "bounced", 0, "", "refused"),
        ("bounce-policy", "bounced", 550, "5.7.1", "about-us"),
        ("complaint", "complained", 0, "", ""),
        ("delivery", "delivered", 250, "2.6.0", ""),
        ("delay", "delayed", 421, "4.4.1", "throttled"),
        ("reject", "bounced", 0, "", "content-refused"),
    ],
)
async def test_each_event_becomes_one_receipt(
    name: str, kind: str, code: int, enhanced: str, reason: str
) -> None:
    """About the attempt whose return path it names, with SES's own id beside it."""
    [one] = await _receipts(sample("ses", name))
    assert (one.kind, one.code, one.enhanced) == (kind, code, enhanced)
    assert one.reason == reason
    assert (one.reference, one.attempt, one.address) == (REFERENCE, 1, "reader@example.org")
    assert one.carrier_id == "0102019c0ffee000-11112222-3333-4444-5555-666677778888-000000"
    assert one.occurred_at is None or one.occurred_at.date() == datetime(2026, 3, 2, tzinfo=UTC).date()
    assert len(one.key) <= 64


@pytest.mark.parametrize("name", ["send", "open"])
async def test_what_says_nothing_about_arrival_is_nothing(name: str) -> None:
    """An opened message was perhaps opened by a machine; it is no receipt."""
    assert await _receipts(sample("ses", name)) == ()


async def test_a_test_message_of_a_topic_is_nothing() -> None:
    """SES tells a new topic in plain words that it will report there."""
    assert await _receipts("Successfully validated SNS topic for Amazon SES event publishing.") == ()


@pytest.mark.parametrize("source", [PATH, f"Example Company <{PATH}>", f"<{PATH.upper()}>"])
async def test_the_return_path_in_any_dress(source: str) -> None:
    """SES shows the source with a name or without."""
    event = sample("ses", "delivery")
    event["mail"]["source"] = source
    [one] = await _receipts(event)
    assert (one.reference, one.attempt) == (REFERENCE, 1)


@pytest.mark.parametrize("source", ["security@example.com", PATH.replace("-1-", "-2-"), "", None, "<" * 500])
async def test_without_our_return_path_its_id_remains(source: str | None) -> None:
    """What proves nothing names no attempt of ours; the id may still be known from the hand-over."""
    event = sample("ses", "delivery")
    event["mail"]["source"] = source
    [one] = await _receipts(event)
    assert (one.reference, one.attempt) == ("", 0)
    assert one.carrier_id


async def test_the_same_report_has_the_same_key_however_it_comes() -> None:
    """Sent again by SNS, or by a second topic in another message; other reports have other keys."""
    event = sample("ses", "bounce-permanent")
    [first], [again] = (
        await _receipts(event),
        await _receipts(event, MessageId="another", Timestamp="2026-03-02T08:00:00Z"),
    )
    names = ["bounce-permanent", "bounce-transient", "complaint", "delivery", "delay", "reject"]
    keys = [(await _receipts(sample("ses", name)))[0].key for name in names]
    assert first == again
    assert len(set(keys)) == len(names)


async def test_two_reports_of_delay_are_two() -> None:
    """SES reports each hour or so that it still tries."""
    event = sample("ses", "delay")
    [first] = await _receipts(event)
    event["deliveryDelay"]["timestamp"] = "2026-03-02T09:59:40.095Z"
    [second] = await _receipts(event)
    assert first.key != second.key


async def test_a_complaint_that_is_none_and_one_that_is_old() -> None:
    """A report of "not spam" is good news; a suppressed message was never sent, so it bounced."""
    event = sample("ses", "complaint")
    event["complaint"]["complaintFeedbackType"] = "not-spam"
    assert await _receipts(event) == ()
    event["complaint"] |= {"complaintFeedbackType": None, "complaintSubType": "OnAccountSuppressionList"}
    [one] = await _receipts(event)
    assert (one.kind, one.reason) == (ReceiptKind.BOUNCED, "carrier-suppressed")


async def test_every_row_of_the_table_is_used() -> None:
    """Each type of bounce and of delay has its meaning; one that nobody knows harms no address."""
    table = tomllib.loads((ses.files("notifier.channels.email.providers") / "ses.toml").read_text())
    for row in table["bounce"]:
        event = sample("ses", "bounce-undetermined")
        event["bounce"] |= {"bounceType": row["type"], "bounceSubType": row["subtype"]}
        [one] = await _receipts(event)
        assert (one.kind, one.reason) == (row["kind"], row["reason"])
    for row in table["delay"]:
        event = sample("ses", "delay")
        event["deliveryDelay"] |= {"delayType": row["type"]}
        event["deliveryDelay"]["delayedRecipients"] = [{"emailAddress": "reader@example.org"}]
        [one] = await _receipts(event)
        assert (one.kind, one.reason) == ("delayed", row["reason"])


@pytest.mark.parametrize("row", ["General", "NoEmail", "Suppressed", "Unheard"])
async def test_a_policy_answer_is_never_held_against_the_reader(row: str) -> None:
    """5.7.x is about us, whatever SES makes of it (I9)."""
    event = sample("ses", "bounce-policy")
    event["bounce"]["bounceSubType"] = row
    [one] = await _receipts(event)
    assert one.reason == "about-us"
    assert one.reason in KEEPS_THE_ADDRESS
