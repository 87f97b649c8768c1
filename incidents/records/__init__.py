"""The record of an incident: what is known about it, what customers are told, and what stays inside.

Every field may be the word ``unknown``, meaning unknown *yet*; leaving it out means the same. What stands
under ``internal`` is for the company alone: nothing made for customers reads it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from incidents.errors import BadRecord, Problem
from incidents.records import reading
from incidents.records.fields import (
    UNKNOWN,
    AddressField,
    CategoriesField,
    CategoryKey,
    DayField,
    EmailField,
    LineField,
    LocaleKey,
    MomentField,
    NotesField,
    SaidField,
    SaidListField,
    TextField,
    ToldField,
    Wrong,
    ZoneField,
    read_locale,
)

__all__ = [
    "Contact",
    "IncidentRecord",
    "Internal",
    "Occurred",
    "Said",
    "Texts",
    "canonical",
    "digest",
    "read",
    "schema",
]


_PARTS = ("occurred", "contact", "texts", "internal", "variants", "consequences", "advice")
_BY_NAME = ("texts", "variants")


def _none_yet(value: object) -> object:
    return {} if value in (None, UNKNOWN) else value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Occurred(_Part):
    """When it happened; for a single moment both ends are the same."""

    from_: MomentField = Field(default=None, alias="from")
    to: MomentField = None


class Contact(_Part):
    """Who answers questions: a person or desk that can, not a no-reply address."""

    name: LineField = None
    role: LineField = None
    email: EmailField = None
    phone: LineField = None
    hours: LineField = None
    address: TextField = None


class Said(_Part):
    """What one group of readers is told, in one language."""

    summary: SaidField = None
    """First sentence: what happened, that the reader's data was involved, the first thing to do."""
    what_happened: SaidListField = ()
    measures: SaidListField = ()
    unknowns: SaidListField = ()
    consequences: dict[CategoryKey, SaidListField] = Field(default_factory=dict)
    """Per data category; ``*`` is for everybody."""
    advice: dict[CategoryKey, SaidListField] = Field(default_factory=dict)

    _unknown_is_none_yet = field_validator("consequences", "advice", mode="before")(_none_yet)


class Texts(Said):
    """What customers read, in one language."""

    correction: SaidListField = ()
    """What is said first should notices have to be corrected: written and approved before it is needed."""
    variants: dict[
        Literal["guardian", "next-of-kin", "account"], Annotated[Said, BeforeValidator(_none_yet)]
    ] = Field(default_factory=dict)
    """What these readers are told instead; what is left out they are told as everybody is."""

    _no_variant_yet = field_validator("variants", mode="before")(_none_yet)

    @property
    def written(self) -> bool:
        """Whether there is enough of it for a notice."""
        return bool(self.summary and self.what_happened)


class Internal(_Part):
    """What never leaves the company."""

    notes: NotesField = ()
    systems: NotesField = ()
    ticket: LineField = None


class IncidentRecord(_Part):
    """Everything on record about an incident."""

    title: LineField = None
    occurred: Occurred = Occurred()
    detected: MomentField = None
    told_by_third_party: ToldField = None
    confirmed: MomentField = None
    contained: MomentField = None
    time_zone: ZoneField = None
    """The zone in which customers read the moments; unknown means the organisation's."""
    data_categories: CategoriesField = None
    cause: TextField = None
    contact: Contact = Contact()
    next_update: DayField = None
    check_address: AddressField = None
    """Where customers check a notice; unknown means the organisation's."""
    texts: dict[LocaleKey, Annotated[Texts, BeforeValidator(_none_yet)]] = Field(default_factory=dict)
    names_meant: SaidListField = ()
    """Names that stand in the texts on purpose, though a customer may bear them too."""
    internal: Internal = Internal()

    _unknown_is_empty = field_validator("occurred", "contact", "texts", "internal", mode="before")(_none_yet)

    @field_validator("texts", mode="before")
    @classmethod
    def _each_locale_once(cls, value: object) -> object:
        seen: dict[str, object] = {}
        for written in value if isinstance(value, dict) else ():
            try:
                locale = read_locale(written)
            except Wrong:
                continue  # Reported for its key.
            if locale in seen:
                raise Wrong(f"has {locale} twice, as {seen[locale]} and {written}", "Keep one of the two.")
            seen[locale] = written
        return value


def read(content: bytes) -> IncidentRecord:
    """Read a record from YAML or JSON; every problem is named at once, with its place and remedy."""
    source = reading.read(content)
    return validated(source.value, source)


def validated(value: Any, source: reading.Source | None = None) -> IncidentRecord:
    """Return the record that plain data states, or raise ``BadRecord``."""
    try:
        return IncidentRecord.model_validate(value)
    except ValidationError as error:
        problems = [problem_of(found, source) for found in error.errors()]
        raise BadRecord(problems) from None


def problem_of(found: Any, source: reading.Source | None) -> Problem:
    """Return what is wrong at one place of a file, from what the validation found."""
    path = tuple(part for part in found["loc"] if part != "[key]")
    line = source.line(path) if source else None
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, Wrong):
        what, remedy = cause.what, cause.remedy
    elif found["type"] == "extra_forbidden":
        what, remedy = "is no field of a record", "Check its spelling; notes belong under internal.notes."
    else:
        what, remedy = "has the wrong form", "Write `name: value` lines below it, or the word unknown."
    return Problem(reading.dotted(path), what, remedy, line)


def plain(record: IncidentRecord) -> dict[str, Any]:
    """Return the record as JSON-ready data, in the form ``validated`` reads."""
    return record.model_dump(by_alias=True)


def canonical(record: IncidentRecord) -> bytes:
    """Return the record's canonical JSON: sorted names, no spaces, UTF-8."""
    return json.dumps(plain(record), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(record: IncidentRecord) -> str:
    """Return the SHA-256 of the canonical JSON, hex: what the audit trail commits to."""
    return hashlib.sha256(canonical(record)).hexdigest()


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    made = IncidentRecord.model_json_schema(by_alias=True)
    for part in (made, *made["$defs"].values()):
        for name, field in part["properties"].items():
            field.pop("title", None)
            if "default" in field and field["default"] is None:
                field["default"] = UNKNOWN
            if name in _BY_NAME:
                field["additionalProperties"] = _or_unknown(field["additionalProperties"])
            if name in _PARTS:
                part["properties"][name] = _or_unknown(field)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _or_unknown(form: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [form, {"const": UNKNOWN}]}
