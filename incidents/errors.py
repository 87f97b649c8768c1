"""Errors of incidents; each is also one of the engine's kinds, which decide the exit code.

IncidentError
├── BadRecord       a record cannot be read: every problem with its place and remedy (BadInput)
├── BadSelection    a criterion cannot be read: points at the column (BadInput)
├── StepRefused     the life cycle does not allow this step now (Refused)
├── NoSuchIncident  no incident has this code (NotFound)
└── NothingNew      a freeze would tell nobody anything new (Refused)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.errors import BadInput, NotFound, NotifierError, Refused
from notifier.words import amount


class IncidentError(NotifierError):
    """Something is wrong with an incident."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a record: where, what, and what to write instead."""

    path: str
    what: str
    remedy: str
    line: int | None = None

    def __str__(self) -> str:
        """Return the problem as one line."""
        place = self.path or "the record"
        line = f" (line {self.line})" if self.line else ""
        return f"{place}{line}: {self.what}. {self.remedy}"


class BadRecord(IncidentError, BadInput):
    """An incident record cannot be read."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = amount(len(problems), "problem")
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            f"the record has {count}:\n{lines}",
            advice="`notifier incidents schema` prints the form; any field may be the word unknown.",
        )


class BadSelection(IncidentError, BadInput):
    """A selection cannot be read."""

    def __init__(self, what: str, text: str, column: int, *, advice: str = "") -> None:
        self.column = column
        start = max(0, column - 50)
        excerpt = text[start : column + 30].replace("\n", " ").replace("\t", " ")
        super().__init__(
            f"{what} (column {column})\n  {excerpt}\n  {' ' * (column - 1 - start)}^", advice=advice
        )


class StepRefused(IncidentError, Refused):
    """The life cycle does not allow this step now."""


class NoSuchIncident(IncidentError, NotFound):
    """No incident has this code."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(
            "there is no incident with this code",
            advice="`notifier incidents list` shows all; a code looks like INC-2026-001.",
        )


class NothingNew(IncidentError, Refused):
    """A freeze would tell nobody anything new."""
