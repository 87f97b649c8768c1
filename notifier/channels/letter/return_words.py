"""The words of return files as data: what columns, statuses and reasons are called, and what can be wrong."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from notifier.channels.receipts import ReceiptKind
from notifier.customers.normalise.cells import folded
from notifier.errors import BadInput

FIELDS = ("reference", "status", "date", "reason", "carrier_id")
KINDS = {
    "printed": ReceiptKind.ACCEPTED,
    "dispatched": ReceiptKind.ACCEPTED,
    "delivered": ReceiptKind.DELIVERED,
    "returned": ReceiptKind.BOUNCED,
    "failed": ReceiptKind.BOUNCED,
}
"""What each status means. Printed, the mail house has it; posted, the post has it: either way it was taken
over, and the receipt's reason says how far it came. That it arrived is only said where the post itself says
so (registered mail)."""
USED_ALL_THE_SAME = frozenset(("date-unreadable",))
"""Faults of one cell without which the row still counts."""


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong at a place of the file. Never the value itself: it may be personal."""

    line: int
    column: str
    code: str

    @property
    def reason(self) -> str:
        """Why it cannot be used."""
        return str(_data()["faults"][self.code]["reason"])

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return str(_data()["faults"][self.code]["remedy"])

    @property
    def used(self) -> bool:
        """Whether the row was used all the same."""
        return self.code in USED_ALL_THE_SAME


@cache
def _data() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("returns.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _called(table: str) -> dict[str, str]:
    names: dict[str, list[str]] = _data()[table]
    return {folded(name): meaning for meaning, all_of in names.items() for name in (meaning, *all_of)}


def status(text: str, own: Mapping[str, str]) -> str:
    """Return the status that a cell names, "" if it names none; ``own`` maps a house's words to statuses."""
    said = folded(text)
    for word, meaning in own.items():
        if folded(word) == said:
            return meaning
    return _called("status").get(said, "")


def reason(text: str, meaning: str) -> str:
    """Return our classification of a return; what the text does not tell is ``returned``. Of a letter that
    was taken over it says how far it has come: ``printed`` or ``dispatched``.
    """
    if meaning != "returned":
        return {"failed": "about-us", "delivered": ""}.get(meaning, meaning)
    said = folded(text)
    phrases: dict[str, list[str]] = _data()["reason"]
    return next(
        (kind for kind, all_of in phrases.items() if any(folded(phrase) in said for phrase in all_of)),
        "returned",
    )


def own_words(given: Mapping[str, str]) -> dict[str, str]:
    """Check a house's own words for a status; an unknown status is ``BadInput``."""
    if unknown := sorted(set(given.values()) - set(KINDS)):
        raise BadInput(
            f"there is no status {', '.join(unknown)}", advice=f"Statuses are: {', '.join(KINDS)}."
        )
    return dict(given)


def columns(headers: Sequence[str], given: Mapping[str, str]) -> dict[str, int]:
    """Return the place of each field's column: as ``given``, else by its name. A file without a reference or
    a status column is ``BadInput``.
    """
    if unknown := sorted(set(given) - set(FIELDS)):
        raise BadInput(f"there is no field {', '.join(unknown)}", advice=f"Fields are: {', '.join(FIELDS)}.")
    known = [folded(header) for header in headers]
    said = f"The columns are: {', '.join(headers)}."
    places: dict[str, int] = {}
    for field, header in given.items():
        if folded(header) not in known:
            raise BadInput(f"the file has no column {header!r}", advice=said)
        places[field] = known.index(folded(header))
    for place, name in enumerate(known):
        field = _called("columns").get(name, "")
        if field and field not in places and place not in places.values():
            places[field] = place
    if lacking := [field for field in ("reference", "status") if field not in places]:
        raise BadInput(
            f"no column holds the {lacking[0]}", advice=f"Name it with --map {lacking[0]}=COLUMN. {said}"
        )
    return places
