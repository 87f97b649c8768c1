"""What is known of a customer: frozen values, validated where they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class ChannelName(StrEnum):
    """How a contact point is reached."""

    EMAIL = "email"
    SMS = "sms"
    VOICE = "voice"
    """A telephone that takes no text messages; kept to recognise its owner, never written to."""
    LETTER = "letter"


class Role(StrEnum):
    """What a person stands for in an account."""

    OWNER = "owner"
    SECURITY = "security"
    PRIVACY = "privacy"
    BILLING = "billing"


class Mark(StrEnum):
    """Why a person is told in another way than most."""

    MINOR = "minor"
    DECEASED = "deceased"
    EMPLOYEE = "employee"
    COURT_PROTECTED = "court-protected"


_CHANNELS = frozenset(ChannelName)


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """A customer's normalised address on one channel.

    ``folded`` is the address with case, dots and plus tags folded where its provider folds them, and
    ``site`` the destination (an e-mail domain); both serve look-ups only.
    """

    channel: str
    value: str
    folded: str
    site: str = ""

    def __post_init__(self) -> None:
        if self.channel not in _CHANNELS or not self.value:
            raise ValueError("a contact point has a known channel and an address")


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Where letters reach a customer. ``street`` may hold several lines, or all of an address."""

    street: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""

    def __bool__(self) -> bool:
        return bool(self.street or self.city)

    def lines(self) -> list[str]:
        """Return the address as the lines of a label, without the name."""
        town = " ".join(part for part in (self.postal_code, self.city) if part)
        return [*self.street.split("\n"), *(line for line in (town, self.region, self.country) if line)]

    def as_json(self) -> dict[str, str]:
        """Return the parts that are known."""
        parts = (
            ("street", self.street),
            ("postal_code", self.postal_code),
            ("city", self.city),
            ("region", self.region),
            ("country", self.country),
        )
        return {name: value for name, value in parts if value}


@dataclass(frozen=True, slots=True)
class AccountRole:
    """The legal entity a customer belongs to, and what they stand for in it."""

    number: str
    name: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A customer as a file, or a person at the keyboard, describes them: normalised, nothing sealed.

    ``stated`` names the fields the source has something to say about: what it does not state stays as it
    is known. Sets of words (``data_held``, ``marks``) are sorted.
    """

    number: str
    name: str = ""
    address: PostalAddress | None = None
    points: tuple[ContactPoint, ...] = ()
    locale: str = ""
    time_zone: str = ""
    country: str = ""
    region: str = ""
    data_held: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Free attributes that criteria may select on: in the clear."""
    other: Mapping[str, str] = field(default_factory=dict)
    """All other free attributes: sealed."""
    account: AccountRole | None = None
    guardian: str = ""
    """The customer number of the guardian."""
    stated: frozenset[str] = frozenset()


def word_set(words: tuple[str, ...]) -> str:
    """Return a set of words as the store keeps it: `` a b ``, or nothing."""
    return f" {' '.join(words)} " if words else ""
