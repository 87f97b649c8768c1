"""What Twilio's statuses and error codes mean; the knowledge is in ``codes.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from notifier.channels import OutcomeKind
from notifier.channels.receipts import ReceiptKind

Slows = Literal["", "provider", "sender"]
_PAGE = "https://www.twilio.com/docs/api/errors/"
_LEAST_CODE = 1000
"""Below this a code is an HTTP status: the official client gives it where the answer has no code."""
_ANY = 2**31
STATUS_PAGE = "https://www.twilio.com/docs/messaging/api/message-resource#message-status-values"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one error code, or one kind of HTTP answer, means."""

    reason: str
    means: str
    outcome: OutcomeKind = OutcomeKind.REJECTED
    """What it makes of the hand-over that it answers."""
    slows: Slows = ""
    wait: float | None = None
    first: int = 0
    last: int = 0
    """The codes it is for, both ends among them."""

    @property
    def source(self) -> str:
        """Twilio's page on the (first) code."""
        return f"{_PAGE}{self.first}"


@dataclass(frozen=True, slots=True)
class Status:
    """What one message status means.

    An outcome of None: the error code decides. A receipt of None where it is not silent: the message did not
    arrive, and the error code says why.
    """

    name: str
    means: str
    outcome: OutcomeKind | None
    receipt: ReceiptKind | None
    silent: bool
    """Whether a report of it says nothing about a message of ours."""
    reason: str = ""

    @property
    def echo(self) -> bool:
        """Whether a report of it says no more than the answer to the hand-over did."""
        return self.receipt is ReceiptKind.ACCEPTED


@dataclass(frozen=True, slots=True)
class Reason:
    """One of our classifications."""

    name: str
    means: str
    suppresses: bool = False
    """Whether the address must not be used again on this channel."""


@dataclass(frozen=True, slots=True)
class Table:
    """The data file, read."""

    codes: Mapping[int, Meaning]
    ranges: Sequence[Meaning]
    http: Sequence[Meaning]
    statuses: Mapping[str, Status]
    reasons: Mapping[str, Reason]


@cache
def table() -> Table:
    """Read the data file, once."""
    data = tomllib.loads(files(__package__).joinpath("codes.toml").read_text(encoding="utf-8"))
    every = [made for entry in data["code"] for made in _meanings(entry)]
    singles: dict[int, Meaning] = {}
    for one in every:
        if one.first == one.last:
            singles.setdefault(one.first, one)
    return Table(
        codes=singles,
        ranges=[one for one in every if one.first != one.last],
        http=[_meaning(entry, *_http(entry["http"])) for entry in data["http"]],
        statuses={name: _status(name, entry) for name, entry in data["status"].items()},
        reasons={name: Reason(name, **entry) for name, entry in data["reason"].items()},
    )


def meaning(code: int, http: int = 400) -> Meaning:
    """Return what an error code means; where it is none of Twilio's, what the answer's HTTP status does."""
    known = table()
    if code >= _LEAST_CODE:
        if found := known.codes.get(code):
            return found
        if ranged := next((one for one in known.ranges if one.first <= code <= one.last), None):
            return ranged
    return next(one for one in known.http if one.first <= http <= one.last)


def status(name: str) -> Status | None:
    """Return what a message status means; None for one that Twilio has not documented."""
    return table().statuses.get(name)


def suppresses(reason: str) -> bool:
    """Say whether an address must not be used again after this reason; never so where it is about us."""
    known = table().reasons.get(reason)
    return known is not None and known.suppresses


def _meanings(entry: dict[str, Any]) -> list[Meaning]:
    made = []
    for one in entry.get("codes", [entry.get("code")]):
        first, _, last = str(one).partition("-")
        made.append(_meaning(entry, int(first), int(last or first)))
    return made


def _meaning(entry: dict[str, Any], first: int, last: int) -> Meaning:
    return Meaning(
        entry["reason"],
        entry["means"],
        OutcomeKind(entry.get("outcome", OutcomeKind.REJECTED)),
        entry.get("slows", ""),
        entry.get("wait"),
        first,
        last,
    )


def _http(written: int) -> tuple[int, int]:
    if not written:
        return 0, _ANY
    return (written, written) if written > 9 else (written * 100, written * 100 + 99)


def _status(name: str, entry: dict[str, Any]) -> Status:
    outcome, receipt = entry["outcome"], entry["receipt"]
    return Status(
        name,
        entry["means"],
        None if outcome == "code" else OutcomeKind(outcome),
        None if receipt in ("", "code") else ReceiptKind(receipt),
        receipt == "",
        entry.get("reason", ""),
    )
