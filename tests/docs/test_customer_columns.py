"""The reference of customer files is complete."""

from __future__ import annotations

from pathlib import Path

from notifier.customers.faults import FAULTS
from notifier.customers.mapping import FIELDS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "customer-columns.md").read_text(encoding="utf-8")


def test_every_field_and_every_fault_is_documented() -> None:
    """Whoever reads a report finds its codes, whoever maps a column its field."""
    assert [name for name in (*FIELDS, *FAULTS) if f"`{name}`" not in PAGE] == []


def test_what_a_fault_says_is_what_the_page_says() -> None:
    """Reason and remedy stand in the reference word for word."""
    assert [f.code for f in FAULTS.values() if f.reason not in PAGE or f.remedy not in PAGE] == []
