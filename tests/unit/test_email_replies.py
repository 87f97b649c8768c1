"""Answers of mail servers, as they are found in the wild, and what they mean."""

from __future__ import annotations

import pytest

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
