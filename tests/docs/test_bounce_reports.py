"""The page on reports by e-mail names every reason that one can give, every place of proof, and the bounds."""

from __future__ import annotations

import re
from pathlib import Path

from notifier.channels.email.inbound import feedback, proof
from notifier.channels.email.inbound.fate import Fate
from notifier.channels.email.replies import rules
from notifier.channels.receipts import ReceiptKind

PAGE = (Path(__file__).parents[2] / "docs/reference/bounce-reports.md").read_text()


def test_the_reasons_on_the_page_are_those_of_the_program() -> None:
    """Each rule of the table, each complaint, and what becomes of a dead address behind a forwarding."""
    forwarded = Fate(ReceiptKind.BOUNCED, reason="address-dead").behind_forwarding().reason
    reasons = {rule.reason for rule in rules().rules} | set(feedback._COMPLAINTS.values()) | {forwarded}
    table = PAGE.partition("## Reasons")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| (`.*?`) \|", table)
    assert {reason for row in rows for reason in re.findall(r"`([a-z0-9-]+)`", row)} == reasons


def test_the_fields_that_may_prove_a_delivery_are_on_the_page() -> None:
    """In their order."""
    listed = "`, `".join(name.decode() for name in proof._TO)
    assert listed in PAGE.lower()
