"""Answers of mail servers, as they are found in the wild, and what they mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import OutcomeKind
from notifier.channels.email.replies import Reply, classify, rules, waiting_time

DEFERRED, REJECTED = OutcomeKind.DEFERRED, OutcomeKind.REJECTED


@pytest.mark.parametrize(
    ("stage", "code", "text", "kind", "reason"),
    [
        ("rcpt", 550, "5.1.1 The email account that you tried to reach does not exist.", REJECTED, "address-dead"),
        ("rcpt", 556, "5.1.10 recipient domain takes no mail", REJECTED, "address-dead"),
        ("rcpt", 550, "5.2.1 mailbox disabled", REJECTED, "address-dead"),
        ("rcpt", 550, "User unknown", REJECTED, "address-dead"),
        ("rcpt", 550, "Requested action not taken: mailbox unavailable", REJECTED, "address-dead"),
        ("rcpt", 550, "5.5.0 Requested action not taken: mailbox unavailable", REJECTED, "address-dead"),
        ("rcpt", 550, "5.4.1 Recipient address rejected: Access denied.", REJECTED, "address-dead"),
        ("rcpt", 452, "4.2.2 The email account is over quota", DEFERRED, "mailbox-full"),
        ("rcpt", 552, "5.2.2 mailbox full", DEFERRED, "mailbox-full"),
        ("body", 552, "Mailbox is full", DEFERRED, "mailbox-full"),
        ("body", 550, "5.7.26 unauthenticated email is not accepted", DEFERRED, "about-us"),
        ("rcpt", 550, "5.7.515 Access denied, sending domain does not pass", DEFERRED, "about-us"),
        ("rcpt", 554, "5.7.1 Relay access denied", DEFERRED, "about-us"),
        ("rcpt", 554, "Service unavailable; client host blocked using a blocklist", DEFERRED, "about-us"),
        ("mail", 550, "no", DEFERRED, "about-us"),
        ("mail", 553, "5.1.8 sender domain does not exist", DEFERRED, "about-us"),
        ("session", 535, "5.7.8 bad credentials", DEFERRED, "about-us"),
        ("rcpt", 450, "4.7.1 Greylisted, please come back in 00:04:30", DEFERRED, "greylisted"),
        ("body", 421, "4.7.0 Try again later, closing connection.", DEFERRED, "throttled"),
        ("rcpt", 451, "4.7.650 temporarily rate limited", DEFERRED, "throttled"),
        ("rcpt", 450, "Too many connections from your host", DEFERRED, "throttled"),
        ("rcpt", 450, "4.4.1 connection timed out", DEFERRED, "destination-unreachable"),
        ("body", 451, "4.3.0 queue file write error", DEFERRED, "relay-trouble"),
        ("mail", 452, "insufficient system storage", DEFERRED, "relay-trouble"),
        ("data", 503, "5.5.1 bad sequence", DEFERRED, "relay-trouble"),
        ("body", 552, "5.3.4 message size exceeds fixed limit", REJECTED, "too-big"),
        ("rcpt", 550, "5.6.7 SMTPUTF8 needed", REJECTED, "needs-smtputf8"),
        ("body", 554, "5.6.0 broken MIME", REJECTED, "content-refused"),
        ("rcpt", 451, "local error", DEFERRED, "try-later"),
        ("body", 550, "5.4.5 Daily user sending limit exceeded.", DEFERRED, "about-us"),
        ("body", 550, "Daily SMTP relay limit exceeded for customer", DEFERRED, "about-us"),
        ("body", 554, "Message rejected: Email address is not verified. The following failed", DEFERRED, "about-us"),
        ("body", 554, "Access denied: Sending paused for this account.", DEFERRED, "about-us"),
        ("rcpt", 550, "Sender verify failed", DEFERRED, "about-us"),
        ("rcpt", 550, "Verification failed for <b@x.test>\nNo Such User Here\nSender verify failed", DEFERRED, "about-us"),
        ("rcpt", 550, "Verification failed for <b@x.test>\nCalled: 192.0.2.1\n550 No such user", DEFERRED, "about-us"),
        ("rcpt", 550, "5.1.1 Sender verify failed: no such user here", DEFERRED, "about-us"),
        ("rcpt", 550, "5.1.0 <b@x.test>: Sender address rejected: User unknown", DEFERRED, "about-us"),
        ("rcpt", 550, "5.1.8 <b@x.test>: Sender address rejected: Domain not found", DEFERRED, "about-us"),
        ("rcpt", 450, "4.1.8 <b@x.test>: Sender address rejected: Domain not found", DEFERRED, "about-us"),
        ("rcpt", 550, "<c.example.com>: Helo command rejected: Host not found", DEFERRED, "about-us"),
        ("rcpt", 550, "5.1.2 <c.example.com>: Helo command rejected: Host not found", DEFERRED, "about-us"),
        ("rcpt", 550, "5.1.7 invalid address", DEFERRED, "about-us"),
        ("body", 550, "Your account has been disabled", DEFERRED, "about-us"),
        ("rcpt", 550, "Your account has been disabled", DEFERRED, "about-us"),
        ("body", 550, "5.2.1 Your account has been disabled", DEFERRED, "about-us"),
        ("body", 554, "This account is suspended", DEFERRED, "about-us"),
        ("body", 554, "Transaction failed: unknown user-agent", REJECTED, "refused"),
        ("rcpt", 554, "Transaction failed: unknown user-agent", REJECTED, "refused"),
        ("mail", 454, "Throttling failure: Daily message quota exceeded.", DEFERRED, "throttled"),
        ("body", 454, "Throttling failure: Daily message quota exceeded.", DEFERRED, "throttled"),
        ("rcpt", 454, "Throttling failure: Maximum sending rate exceeded.", DEFERRED, "throttled"),
        ("rcpt", 550, "5.2.1 The user you are trying to contact is receiving mail at a rate that", DEFERRED, "throttled"),
        ("rcpt", 550, "5.2.122 Recipient's per hour message receive limit exceeded", DEFERRED, "throttled"),
        ("rcpt", 550, "5.1.90 you have reached your daily limit for message recipients", DEFERRED, "about-us"),
        ("rcpt", 554, "Too many hops", REJECTED, "refused"),
        ("rcpt", 550, "<helo.sender@example.com>: User unknown in virtual mailbox table", REJECTED, "address-dead"),
        ("rcpt", 550, "<spam@example.com>: Recipient address rejected: User unknown", REJECTED, "address-dead"),
        ("rcpt", 550, "<r@x.test>... User unknown", REJECTED, "address-dead"),
        ("rcpt", 550, "No Such User Here", REJECTED, "address-dead"),
        ("rcpt", 550, "Unrouteable address", REJECTED, "address-dead"),
        ("rcpt", 550, "sorry, no mailbox here by that name. (#5.1.1)", REJECTED, "address-dead"),
        ("rcpt", 550, "Invalid recipient <r@x.test>", REJECTED, "address-dead"),
        ("rcpt", 554, "delivery error: dd This user doesn't have an account", REJECTED, "address-dead"),
        ("rcpt", 550, "The mailbox r@x.test does not exist", REJECTED, "address-dead"),
        ("rcpt", 550, "User <r@x.test> not found", REJECTED, "address-dead"),
        ("rcpt", 550, "mailbox is disabled", REJECTED, "address-dead"),
        ("body", 550, "5.1.1 no such user", REJECTED, "address-dead"),
        ("rcpt", 552, "The user has exceeded the storage quota", DEFERRED, "mailbox-full"),
        ("body", 552, "message size exceeds the limit", REJECTED, "too-big"),
        ("rcpt", 550, "because", REJECTED, "refused"),
        ("rcpt", 550, "4.2.2 codes that disagree", DEFERRED, "mailbox-full"),
        ("data", 250, "not what was asked", DEFERRED, "relay-trouble"),
        ("rcpt", 999, "?", DEFERRED, "relay-trouble"),
    ],
)  # fmt: skip
def test_an_answer_has_its_meaning(stage, code: int, text: str, kind: OutcomeKind, reason: str) -> None:
    """Status code first, then text, then the class of the reply code."""
    verdict = classify(stage, Reply(code, text))
    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize("code", [450, 454])
def test_a_quota_of_ours_slows_the_relay(code: int) -> None:
    """It holds for all readers alike, so the relay and not one destination is sent to more slowly."""
    assert classify("body", Reply(code, "Throttling failure: Daily message quota exceeded.")).slows == "relay"


@given(name=st.sampled_from(["spam", "helo", "mailbox.full", "no.such.user", "policy", "greylist", "sender"]))
def test_what_an_address_says_means_nothing(name: str) -> None:
    """A server that repeats the reader's address says no more than one that does not."""
    for text in ("because", "5.1.1 unknown", "mailbox full", "later"):
        with_address = classify("rcpt", Reply(550, f"{text} <{name}@example.com>"))
        assert with_address.reason == classify("rcpt", Reply(550, text)).reason


def test_only_the_answer_to_the_body_accepts() -> None:
    """250 to the final dot is the one answer that takes responsibility."""
    verdict = classify("body", Reply(250, "2.0.0 Ok: queued as 4711"))
    assert (verdict.kind, verdict.enhanced) == (OutcomeKind.ACCEPTED, "2.0.0")


@pytest.mark.parametrize("stage", ["session", "mail", "rcpt", "data", "body"])
def test_what_is_about_us_never_ends_a_delivery(stage) -> None:
    """Any 5.7.x defers, at every stage, whatever its text says of users."""
    for detail in range(800):
        verdict = classify(stage, Reply(550, f"5.7.{detail} user unknown"))
        assert (verdict.kind, verdict.reason, verdict.slows) == (DEFERRED, "about-us", "relay")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.0 try again in 300 seconds", 300),
        ("Greylisted, please come back in 00:04:30", 270),
        ("please retry after 5 minutes", 300),
        ("try again in 2 hours", 7200),
        ("wait 45s", 45),
        ("retry in 999999 hours", 86400),
        ("try again later", None),
        ("4.2.2 quota of 100 MB", None),
    ],
)
def test_the_time_to_wait_is_read_from_the_text(text: str, seconds: float | None) -> None:
    """A number with its unit or a clock counts; anything else is no time."""
    assert waiting_time(text) == seconds


def test_every_refusal_has_a_meaning() -> None:
    """The rules leave no 4xx or 5xx out."""
    assert all(classify("rcpt", Reply(code, "")).reason for code in range(400, 600))


def test_every_rule_says_what_it_means() -> None:
    """The data file is written for people too."""
    assert all(rule.means.endswith(".") and rule.reason for rule in rules().rules)
