"""What is kept of a letter: all that its pages depend on beside the announcement's facts and the reference.

A few hundred bytes instead of a PDF of 50 kB. From the same facts, templates and sender they give the same
pages, whose digest is on record once they were printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from notifier.announcements import Announcement
from notifier.channels.letter.values import Letter
from notifier.customers.values import PostalAddress
from notifier.errors import BadInput
from notifier.notices import Person
from notifier.rendering.moments import read_zone


@dataclass(frozen=True, slots=True)
class Kept:
    """One letter as it is kept. All of it is personal."""

    locale: str
    person: Person
    address: PostalAddress
    large_print: bool = False

    def as_bytes(self) -> bytes:
        """Return it as canonical JSON: keys sorted, no white space."""
        person = self.person
        content = {
            "address": self.address.as_json(),
            "categories": person.categories,
            "details": person.details,
            "large_print": self.large_print,
            "locale": self.locale,
            "name": person.name,
            "new_categories": person.new_categories,
            "variant": person.variant,
        }
        return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def read(cls, content: bytes) -> Kept:
        """Read what ``as_bytes`` made; anything else is ``BadInput``."""
        try:
            said: Mapping[str, Any] = orjson.loads(content)
            person = Person(
                said["name"],
                said["variant"],
                tuple(said["categories"]),
                tuple(said["new_categories"]),
                said["details"],
            )
            return cls(said["locale"], person, PostalAddress(**said["address"]), said["large_print"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise BadInput("what is kept of a letter cannot be read") from None

    def letter(self, about: Announcement, reference: str, handed_over: datetime) -> Letter:
        """Return the letter to be set. Its day is the one on which it was first handed over, where the
        announcement's times are said.
        """
        return Letter(
            about.notice,
            self.locale,
            {**about.facts, "drill": about.drill},
            self.person,
            reference,
            self.address,
            self.large_print,
            handed_over.astimezone(read_zone(str(about.facts.get("time_zone", "")))).date(),
        )
