"""Taking values out of a provider's JSON, which may hold anything: the wrong kind counts as not there."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from notifier.channels import OutcomeKind
from notifier.channels.email.replies import Reply, classify, enhanced_code

Json = Mapping[str, Any]
LONGEST_TEXT = 2000
_NOTHING: Json = {}
_ID = re.compile(r"[A-Za-z0-9._@+=-]{1,200}")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_CODE = re.compile(r"(?:smtp;)?\s*([245]\d\d)(?=[ -])", re.IGNORECASE)


def parse(body: bytes | str) -> Json | None:
    """Return the JSON object in ``body``; None if there is none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def part(values: Json, name: str) -> Json:
    """Return an object within an object, an empty one if it is not there."""
    found = values.get(name)
    return found if isinstance(found, dict) else _NOTHING


def parts(values: Json, name: str, most: int = 50) -> Sequence[Json]:
    """Return the objects of a list."""
    found = values.get(name)
    return [one for one in found[:most] if isinstance(one, dict)] if isinstance(found, list) else []


def texts(values: Json, name: str, most: int = 50) -> Sequence[str]:
    """Return the strings of a list."""
    found = values.get(name)
    return [one for one in found[:most] if isinstance(one, str)] if isinstance(found, list) else []


def text(values: Json, name: str, longest: int = LONGEST_TEXT) -> str:
    """Return a string, cut at ``longest`` characters."""
    found = values.get(name)
    return found[:longest] if isinstance(found, str) else ""


def identifier(values: Json, name: str) -> str:
    """Return a provider's id, a number too; what looks like none is nothing."""
    found = values.get(name)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def moment(values: Json, name: str) -> datetime | None:
    """Return a moment of our times, written as in ISO 8601 with its zone."""
    try:
        found = datetime.fromisoformat(text(values, name, 40))
        if found.tzinfo is None:
            return None
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if 2000 <= found.year < 2200 else None


def receipt_key(*identity: str) -> str:
    """Return the key of a report from what is the same each time it comes."""
    return hashlib.sha256("\0".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:40]


class Words:
    """What the receiving server said, as far as the provider passes it on: reply code, status, our reason."""

    __slots__ = ("about_us", "code", "enhanced", "reason", "text")

    def __init__(self, said: str, status: str = "") -> None:
        self.text = said
        self.enhanced = status if _STATUS.fullmatch(status) else enhanced_code(said)
        self.about_us = self.enhanced[1:4] == ".7."
        """Whether it is certainly about us and not about the reader (RFC 3463, section 3.8)."""
        found = _CODE.match(said)
        self.code = int(found[1]) if found else 0
        self.reason = ""
        """Empty where nothing was said that means something."""
        if not (self.code or self.enhanced):
            return
        # A status without a reply code means what its first digit says (RFC 3463, section 2).
        code = self.code or int(self.enhanced[0]) * 100 + 50
        known = said if self.enhanced in said else f"{self.enhanced} {said}"
        verdict = classify("rcpt", Reply(code, known))
        if code // 100 in (4, 5) and verdict.kind is not OutcomeKind.ACCEPTED:
            self.reason = verdict.reason
