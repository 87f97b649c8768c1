"""What changed from one revision of a record to the next, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs; ``before`` or ``after`` is empty where the field was not there."""

    path: str
    before: str
    after: str


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return what differs between two records given as plain data, in the order of their fields."""
    old, new = dict(fields(before)), dict(fields(after))
    paths = [*old, *(path for path in new if path not in old)]
    found = [Change(path, old.get(path, ""), new.get(path, "")) for path in paths]
    return [change for change in found if change.before != change.after]


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every single value of a record given as plain data, with its path."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from fields(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from fields(inner, f"{path}[{number}]")
    else:
        yield path, str(value)
