"""What a letter is made from and what it becomes: frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from notifier.channels import Finding
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.notices import Person


class EnvelopeForm(StrEnum):
    """The window envelope a letter is laid out for."""

    DIN_5008_B = "din-5008-b"
    """A4, folded into a DL envelope whose window is on the left."""
    US_10 = "us-10"
    """US letter, folded in thirds into a #10 envelope."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes, as it stands on the letterhead and as the return address. ``address`` names its country:
    letters to another one bear the country's name.
    """

    name: str
    address: PostalAddress


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to be made: the facts, the reader and where it goes. All but the facts is personal."""

    notice: str
    locale: str
    facts: Mapping[str, Any]
    person: Person
    reference: str
    """Sixteen hexadecimal digits: what the reader checks the notice with."""
    address: PostalAddress
    large_print: bool = False
    dated: date | None = None
    """The day printed above the text; None prints none."""


@dataclass(frozen=True, slots=True)
class Made:
    """One letter made: a PDF and what a mail house must know of it. Only ``pdf`` is personal."""

    pdf: bytes
    pages: int
    form: EnvelopeForm
    country: str
    """Where it goes (ISO 3166-1, two letters)."""
    advice: tuple[Finding, ...] = ()
    """What deserves a look, though it was printed."""


ADVICE = frozenset(("address-doubtful", "country-assumed"))
"""Findings that deserve a look; with any other one the letter cannot be printed."""


class Unprintable(BadInput):
    """A letter cannot be printed as it is."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(
            "; ".join(finding.detail for finding in findings),
            advice="Correct the postal address, or reach this person on another channel.",
        )
        self.findings = tuple(findings)
