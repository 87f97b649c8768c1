"""Mail providers that report by webhook: one small adapter each, all behind one interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from notifier.channels.receipts import Receipt


class Refusal(StrEnum):
    """Why a call brought nothing, as a code without values of the call."""

    TOO_BIG = "too-big"
    MALFORMED = "malformed"
    """Not what this provider sends."""
    NOT_AUTHENTIC = "not-authentic"
    """It does not prove that it comes from the provider, or is not meant for us."""
    STALE = "stale"
    """Genuine, but too old, or from the future."""
    NOT_NOW = "not-now"
    """It could not be checked: the provider should call again."""


_STATUS = {
    Refusal.TOO_BIG: 413,
    Refusal.MALFORMED: 400,
    Refusal.NOT_AUTHENTIC: 403,
    Refusal.STALE: 403,
    Refusal.NOT_NOW: 503,
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one call brought: receipts that certainly come from the provider, perhaps none, or a refusal."""

    receipts: tuple[Receipt, ...] = ()
    refusal: Refusal | None = None
    note: str = ""
    """Something an operator should know, without personal data: a subscription was confirmed, or ended."""

    @property
    def status(self) -> int:
        """The HTTP status to answer with, once the receipts are on record."""
        return _STATUS[self.refusal] if self.refusal else 200


class Provider(Protocol):
    """Reads what one provider sends.

    ``read`` never raises, whatever it is given, and takes a bounded time. It may be called many times at
    once. The caller records the receipts and answers ``Delivered.status`` only then: on any other answer
    the provider calls again, and the same report gets the same ``Receipt.key``.
    """

    name: str
    """The source of the receipts, and the last part of the webhook's address."""

    async def read(self, headers: Mapping[str, str], body: bytes) -> Delivered:
        """Return what a call with these header fields and this body brought."""
        ...
