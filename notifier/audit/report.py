"""What a verification of the audit trail found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from notifier.store import Transaction

_SHOWN_PER_CODE = 10
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not fit: a code and a sentence without personal values."""

    code: str
    detail: str


@dataclass
class Report:
    """The result of one verification. ``counts`` has all findings by code, ``findings`` the first of each."""

    origin: str
    size: int = 0
    root: str = ""
    entries: int = 0
    checkpoints: int = 0
    attempts: int = 0
    receipts: int = 0
    pending: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def verified(self) -> bool:
        """Say whether nothing was found."""
        return not self.findings

    def add(self, code: str, detail: str) -> None:
        """Note a finding; of many with one code, the first are kept and the rest counted."""
        self.counts[code] += 1
        if self.counts[code] <= _SHOWN_PER_CODE:
            self.findings.append(Finding(code, detail))

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "verified": self.verified,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "entries": self.entries,
            "checkpoints": self.checkpoints,
            "attempts": self.attempts,
            "receipts": self.receipts,
            "pending": self.pending,
            "counts": dict(self.counts),
            "findings": [{"code": one.code, "detail": one.detail} for one in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Check:
    """What a package built on this one holds against the trail: the entries it wants, by their types, and
    what it does with them.
    """

    wanted: frozenset[str]
    run: Callable[[Transaction, Report, Sequence[Facts]], Awaitable[None]]
