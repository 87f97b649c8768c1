"""What a selection says, once it is understood: a tree of conditions on one customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

Comparison = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a customer; ``attribute`` is the name of a free attribute, if it is one."""

    name: str
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field has one of these values."""

    field: Field
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """The attribute is known, and before or after this text in the order of its characters."""

    field: Field
    comparison: Comparison
    value: str


@dataclass(frozen=True, slots=True)
class Known:
    """The field has a value."""

    field: Field


@dataclass(frozen=True, slots=True)
class Holds:
    """We hold this category of data about the customer."""

    category: str


@dataclass(frozen=True, slots=True)
class Marked:
    """The customer carries this mark."""

    mark: str


@dataclass(frozen=True, slots=True)
class Everybody:
    """Any customer."""


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold."""

    part: Tree


@dataclass(frozen=True, slots=True)
class And:
    """All conditions hold."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the conditions holds."""

    parts: tuple[Tree, ...]


Tree = Union[OneOf, Compared, Known, Holds, Marked, Everybody, Not, And, Or]  # noqa: UP007 - recursive, read at run time
