"""The kinds of field a record is made of. ``None`` inside means *unknown yet*, written ``unknown``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, TypeVar

from babel import Locale, UnknownLocaleError
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from incidents.records.moments import Moment, known_zone
from notifier import categories

UNKNOWN = "unknown"
NOBODY = "nobody"
EVERY = "*"
MAX_TEXT = 5000
MAX_ENTRIES = 60

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_PLACEHOLDER = re.compile(
    r"\{\{|\}\}|\{%|%%|\[\[|<<|\b(?:TODO|TBD|XXX)\b|(?i:lorem ipsum)"
)  # "todo" is a Spanish word


class Wrong(ValueError):
    """A field's value is wrong: what it is, and what to write instead."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("is not a text", "Write a text, or the word unknown.")
    written = value.strip()
    if not written:
        raise Wrong("is empty", "Write a text, or the word unknown.")
    if len(written) > MAX_TEXT:
        raise Wrong(f"has {len(written)} characters", f"Write at most {MAX_TEXT}.")
    if found := _CONTROL.search(written):
        raise Wrong(f"holds the control character U+{ord(found[0]):04X}", "Remove it.")
    return written


def _line(value: object) -> str:
    return " ".join(_text(value).split())


def _said(value: object) -> str:
    """Read one sentence or paragraph that customers will see."""
    said = " ".join(_text(value).split())
    if found := _PLACEHOLDER.search(said):
        raise Wrong(f"still holds the placeholder {found[0]!r}", "Write out what customers shall read.")
    return said


def _moment(value: object) -> Moment:
    if isinstance(value, Moment):
        return value
    try:
        return Moment.read(_text(value))
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong(
            str(error), "Write it like 2026-03-01T09:12:00+01:00 or 2026-03-01 09:12 Europe/Berlin."
        ) from None


def _day(value: object) -> date:
    try:
        return date.fromisoformat(_text(value)) if not isinstance(value, date) else value
    except Wrong:
        raise
    except ValueError:
        raise Wrong("is not a date", "Write it like 2026-03-09.") from None


def _zone(value: object) -> str:
    if not known_zone(zone := _text(value)):
        raise Wrong("is not a time zone", "Write an IANA name such as Europe/Berlin.")
    return zone


def read_category(value: object) -> str:
    """Return a data category's code; anything else is ``Wrong``."""
    code = _text(value).lower()
    if code not in categories.CODES:
        raise Wrong("is not a data category", f"Use some of: {', '.join(categories.CODES)}.")
    return code


def _category_or_every(value: object) -> str:
    return EVERY if value == EVERY else read_category(value)


def read_locale(value: object) -> str:
    """Return a locale in BCP 47's usual case (``hi``, ``pt-BR``); anything else is ``Wrong``."""
    written = _text(value).replace("_", "-")
    try:
        parsed = Locale.parse(written, sep="-")
    except (ValueError, UnknownLocaleError):
        raise Wrong("is not a locale", "Write a language such as de, or one with a region: pt-BR.") from None
    parts = (parsed.language, parsed.script, parsed.territory)
    return "-".join(part for part in parts if part)


def _check_address(value: object) -> str:
    address = _line(value).removeprefix("https://")
    if "://" in address or " " in address or "." not in address.split("/")[0]:
        raise Wrong("is not an address that customers can type", "Write it like example.com/check.")
    return address


def _email(value: object) -> str:
    address = _line(value)
    if not re.fullmatch(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\".]+", address):
        raise Wrong("is not an e-mail address", "Write it like privacy@example.com.")
    return address


def listed(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Make a reader of lists; a single text is a list of one. The position of a wrong entry is kept."""

    def read_all(value: object) -> tuple[T, ...]:
        entries = list(value) if isinstance(value, list | tuple) else [value]
        if len(entries) > MAX_ENTRIES:
            raise Wrong(f"has {len(entries)} entries", f"Write at most {MAX_ENTRIES}.")
        made = []
        for number, entry in enumerate(entries, start=1):
            try:
                made.append(read(entry))
            except Wrong as error:
                raise Wrong(f"entry {number} {error.what}", error.remedy) from None
        return tuple(made)

    return read_all


def _or_unknown(read: Callable[[object], T]) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value in (None, UNKNOWN) else read(value))


def _none_or_listed(read: Callable[[object], str]) -> BeforeValidator:
    def entry(value: object) -> str:
        if value == UNKNOWN:
            raise Wrong("is the word unknown beside others", "Leave it out: customers would read it.")
        return read(value)

    return BeforeValidator(
        lambda value: () if value in (None, UNKNOWN, [UNKNOWN], (UNKNOWN,)) else listed(entry)(value)
    )


def _written(value: Any) -> Any:
    if value is None:
        return UNKNOWN
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str) else str(value)


_WRITTEN = PlainSerializer(_written)


def _schema(description: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": f"{description} Or `unknown`.", **more})


_LISTED = {
    "oneOf": [{"type": "array", "items": {"type": "string"}, "maxItems": MAX_ENTRIES}, {"type": "string"}]
}

MomentField = Annotated[
    Moment | None,
    _or_unknown(_moment),
    _WRITTEN,
    _schema(
        "A moment with its zone.", examples=["2026-03-01T09:12:00+01:00", "2026-03-01 09:12 Europe/Berlin"]
    ),
]
ToldField = Annotated[
    Moment | str | None,
    BeforeValidator(
        lambda value: NOBODY if value == NOBODY else None if value in (None, UNKNOWN) else _moment(value)
    ),
    _WRITTEN,
    _schema("A moment with its zone, or `nobody`.", examples=["nobody", "2026-03-01T09:12:00+01:00"]),
]
DayField = Annotated[date | None, _or_unknown(_day), _WRITTEN, _schema("A date.", examples=["2026-03-09"])]
TextField = Annotated[str | None, _or_unknown(_text), _WRITTEN, _schema("A text.")]
LineField = Annotated[str | None, _or_unknown(_line), _WRITTEN, _schema("One line of text.")]
EmailField = Annotated[str | None, _or_unknown(_email), _WRITTEN, _schema("An e-mail address.")]
ZoneField = Annotated[str | None, _or_unknown(_zone), _WRITTEN, _schema("An IANA time zone.")]
AddressField = Annotated[str | None, _or_unknown(_check_address), _WRITTEN, _schema("An address to type.")]
CategoriesField = Annotated[
    tuple[str, ...] | None,
    _or_unknown(listed(read_category)),
    _WRITTEN,
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "array", "items": {"enum": list(categories.CODES)}},
                {"enum": [*categories.CODES, UNKNOWN]},
            ],
            "description": "Which data; or `unknown`.",
        }
    ),
]
NotesField = Annotated[
    tuple[str, ...],
    _none_or_listed(_text),
    _WRITTEN,
    WithJsonSchema(_LISTED),
]
SaidField = Annotated[
    str | None, _or_unknown(_said), _WRITTEN, _schema("What customers read.", maxLength=MAX_TEXT)
]
SaidListField = Annotated[
    tuple[str, ...],
    _none_or_listed(_said),
    PlainSerializer(list),
    WithJsonSchema(_LISTED),
]
CategoryKey = Annotated[
    str, BeforeValidator(_category_or_every), Field(json_schema_extra={"enum": [EVERY, *categories.CODES]})
]
LocaleKey = Annotated[str, BeforeValidator(read_locale)]
