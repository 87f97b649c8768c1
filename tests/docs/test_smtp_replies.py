"""The page on answers lists every rule, and the page on delivery every reason that no answer gives."""

from __future__ import annotations

import re
from pathlib import Path

from notifier.channels.email.replies import rules
from tests.docs import smtp_replies

TOP = Path(__file__).parents[2]


def test_the_page_on_answers_is_up_to_date() -> None:
    """Run ``make docs`` after a change of the data file."""
    assert (TOP / "docs/reference/smtp-replies.md").read_text() == smtp_replies.page()


def test_every_reason_of_the_code_is_explained() -> None:
    """A reason that the channel gives on its own stands in the explanation."""
    page = (TOP / "docs/explanation/e-mail-delivery.md").read_text()
    code = "".join(path.read_text() for path in (TOP / "notifier/channels/email").glob("*.py"))
    given = set(re.findall(r'(?:Unusable|deferred|unknown|_lose|Finding)\([^"()]*"([a-z0-9-]+)"', code))
    given |= set(re.findall(r'_lose\((?:transfer, )?"([a-z-]+)"', code))
    known = {rule.reason for rule in rules().rules}
    assert {reason for reason in given - known if f"`{reason}`" not in page} == set()
