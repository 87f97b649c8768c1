"""The table of Twilio's statuses and error codes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from notifier.channels import OutcomeKind
from notifier.channels.receipts import ReceiptKind
from notifier.channels.sms.answers import Answer, judged
from notifier.channels.sms.codes import meaning, status, suppresses, table

TOP = Path(__file__).parents[2]
OPENAPI = TOP / "tests" / "data" / "twilio" / "messages-openapi.json"
SID = "SM" + "0" * 32


def test_every_status_of_the_published_api_is_in_the_table() -> None:
    """None is missing, none invented."""
    schemas = json.loads(OPENAPI.read_text())["components"]["schemas"]
    assert set(table().statuses) == set(schemas["message_enum_status"]["enum"])


@pytest.mark.parametrize(
    ("code", "reason", "outcome", "slows"),
    [
        (21610, "stopped", "rejected", ""),
        (21211, "address-dead", "rejected", ""),
        (21614, "address-dead", "rejected", ""),
        (21612, "unroutable", "rejected", ""),
        (21408, "about-us", "deferred", "sender"),
        (21606, "about-us", "deferred", "sender"),
        (21611, "throttled", "deferred", "sender"),
        (21617, "content-refused", "rejected", ""),
        (20003, "about-us", "deferred", "provider"),
        (20429, "throttled", "deferred", "provider"),
        (20500, "relay-trouble", "unknown", "provider"),
        (14107, "throttled", "deferred", ""),
        (30001, "throttled", "deferred", "sender"),
        (30002, "about-us", "deferred", "provider"),
        (30003, "unreachable-now", "rejected", ""),
        (30004, "blocked", "rejected", ""),
        (30005, "address-dead", "rejected", ""),
        (30006, "unroutable", "rejected", ""),
        (30007, "about-us", "deferred", "sender"),
        (30008, "unexplained", "rejected", ""),
        (30034, "about-us", "deferred", "sender"),
        (30410, "unreachable-now", "rejected", ""),
        (30450, "about-us", "deferred", "sender"),
        (30500, "relay-trouble", "deferred", ""),
        (30929, "about-us", "deferred", "sender"),
        (30899, "about-us", "deferred", "sender"),
        (63016, "about-us", "deferred", "sender"),
    ],
)
def test_common_codes(code: int, reason: str, outcome: str, slows: str) -> None:
    """Each code has its reason, its outcome, and whom it slows."""
    means = meaning(code)
    assert (means.reason, means.outcome, means.slows) == (reason, OutcomeKind(outcome), slows)
    assert means.source == f"https://www.twilio.com/docs/api/errors/{means.first}"


def test_only_a_dead_number_and_a_stop_suppress() -> None:
    """What is about us, or passes, never takes an address out of use."""
    assert {name for name in table().reasons if suppresses(name)} == {"address-dead", "stopped"}
    assert not suppresses("no-such-reason")


def test_every_reason_is_explained_and_no_code_stands_twice() -> None:
    """A code in two entries would mean that one of them is never looked at."""
    entries = [*table().codes.values(), *table().ranges, *table().http]
    assert {one.reason for one in entries} | {"cancelled"} == set(table().reasons)
    text = (TOP / "notifier/channels/sms/codes.toml").read_text()
    written = [
        one for entry in tomllib.loads(text)["code"] for one in entry.get("codes", [entry.get("code")])
    ]
    assert len(written) == len(set(written))


@pytest.mark.parametrize(
    ("http", "reason", "outcome"),
    [
        (429, "throttled", "deferred"),
        (401, "about-us", "deferred"),
        (400, "refused", "rejected"),
        (422, "refused", "rejected"),
        (307, "relay-trouble", "deferred"),
        (500, "relay-trouble", "unknown"),
        (503, "relay-trouble", "unknown"),
        (504, "relay-trouble", "unknown"),
        (0, "relay-trouble", "unknown"),
        (999, "relay-trouble", "unknown"),
    ],
)
def test_answers_without_a_code_of_twilios(http: int, reason: str, outcome: str) -> None:
    """The HTTP status decides; only what was certainly not taken may be repeated."""
    outcome_, _ = judged("twilio:x", Answer(http, code=http))
    assert (outcome_.reason, outcome_.kind) == (reason, OutcomeKind(outcome))


@pytest.mark.parametrize("name", ["accepted", "scheduled", "queued", "sending", "sent", "delivered", "read"])
def test_a_message_with_an_id_is_accepted(name: str) -> None:
    """Whatever stage it is at already, the hand-over was taken, and no more is claimed."""
    outcome, means = judged("twilio:x", Answer(201, status=name, sid=SID))
    assert (outcome.kind, outcome.text, means) == (OutcomeKind.ACCEPTED, f"{SID} {name}", None)
    assert outcome.carrier_id == SID


@pytest.mark.parametrize(
    "answer",
    [Answer(200), Answer(201, status="queued"), Answer(201, sid=SID), Answer(201, sid=SID, status="new-one")],
)
def test_success_without_a_message_is_unknown(answer: Answer) -> None:
    """A gateway's 200, or a status that nobody documented, proves nothing."""
    assert judged("twilio:x", answer)[0].kind is OutcomeKind.UNKNOWN


def test_a_message_that_failed_at_once_is_judged_by_its_code() -> None:
    """A 201 with the status failed is no acceptance."""
    outcome, _ = judged("twilio:x", Answer(201, code=21610, status="failed", sid=SID))
    assert (outcome.kind, outcome.reason, outcome.code) == (OutcomeKind.REJECTED, "stopped", 21610)
    assert judged("twilio:x", Answer(201, status="canceled", sid=SID))[0].reason == "cancelled"


def test_a_named_wait_is_kept_and_bounded() -> None:
    """Retry-After goes before the table's own waiting time, and is at most a day."""
    own, _ = judged("x", Answer(429, code=20429))
    named, _ = judged("x", Answer(429, code=20429, retry_after=3))
    endless, _ = judged("x", Answer(429, code=20429, retry_after=1e12))
    assert [(one.retry_after, one.named) for one in (own, named, endless)] == [
        (30, False),
        (3, True),
        (86_400, True),
    ]


def test_what_reports_make_of_statuses() -> None:
    """Delivered and read are proof, a partial delivery stays open, what comes in says nothing of ours."""
    kinds = {name: status(name).receipt for name in ("sent", "delivered", "read", "partially_delivered")}
    assert kinds == {
        "sent": ReceiptKind.ACCEPTED,
        "delivered": ReceiptKind.DELIVERED,
        "read": ReceiptKind.DISPLAYED,
        "partially_delivered": ReceiptKind.ACCEPTED,
    }
    assert status("received").silent
    assert status("no-such-status") is None
