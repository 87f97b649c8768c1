"""What travels with a print batch: its letters, check totals and checksums. No name, no address."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from notifier.channels import Finding
from notifier.channels.letter.values import EnvelopeForm
from notifier.customers.report import neutralised
from notifier.notices import grouped

COLUMNS = ("file", "reference", "pages", "sheets", "country", "envelope", "large_print", "sha256")


@dataclass(frozen=True, slots=True)
class Printed:
    """One letter of a batch. ``advice`` deserves a look by whoever made the batch; it does not travel."""

    file: str
    reference: str
    pages: int
    sheets: int
    country: str
    envelope: EnvelopeForm
    large_print: bool
    sha256: str
    advice: tuple[Finding, ...] = ()

    def row(self) -> dict[str, str | int]:
        """Return the letter as the manifest lists it."""
        return {
            "file": self.file,
            # In groups: a spreadsheet takes bare digits, and 12E4 too, for a number.
            "reference": grouped(self.reference),
            "pages": self.pages,
            "sheets": self.sheets,
            "country": self.country,
            "envelope": self.envelope.value,
            "large_print": "yes" if self.large_print else "no",
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Totals:
    """What can be counted at the printing machine, to be compared with what was handed over."""

    letters: int
    pages: int
    sheets: int
    large_print: int
    countries: dict[str, int]
    envelopes: dict[str, int]

    @classmethod
    def of(cls, printed: Sequence[Printed]) -> Totals:
        """Count a batch."""
        return cls(
            letters=len(printed),
            pages=sum(one.pages for one in printed),
            sheets=sum(one.sheets for one in printed),
            large_print=sum(one.large_print for one in printed),
            countries=dict(sorted(Counter(one.country for one in printed).items())),
            envelopes=dict(sorted(Counter(one.envelope.value for one in printed).items())),
        )

    def as_json(self) -> dict[str, int | dict[str, int]]:
        """Return the totals under the names they have in the manifest."""
        return {
            "letters": self.letters,
            "pages": self.pages,
            "sheets": self.sheets,
            "large_print": self.large_print,
            "countries": self.countries,
            "envelopes": self.envelopes,
        }


def as_csv(printed: Iterable[Printed]) -> bytes:
    """Return the list for a spreadsheet: no cell can be taken for a formula, lines end in CRLF (RFC 4180)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in printed:
        writer.writerow([neutralised(str(cell)) for cell in one.row().values()])
    return text.getvalue().encode()


def as_json(batch: str, printed: Sequence[Printed], *, duplex: bool) -> bytes:
    """Return the list and the check totals for a program."""
    made = {
        "batch": batch,
        "duplex": duplex,
        "totals": Totals.of(printed).as_json(),
        "letters": [{**one.row(), "large_print": one.large_print} for one in printed],
    }
    return json.dumps(made, indent=1, ensure_ascii=True).encode() + b"\n"


def checksums(sums: Iterable[tuple[str, str]]) -> bytes:
    """Return lines that ``sha256sum --check`` reads: digest and file name."""
    return "".join(f"{digest}  {name}\n" for digest, name in sums).encode()
