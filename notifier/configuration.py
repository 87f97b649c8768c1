"""What can be set, as text for people: the commented file that ``notifier init`` writes, the reference page
and ``notifier settings``. All of it is made from the settings classes, so that it cannot drift from them.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy.engine import make_url

from notifier.settings import PREFIX, Settings

_WIDTH = 96
_PLACED = {"home"}  # Where the file itself is: given on the command line or by the environment.


@dataclass(frozen=True, slots=True)
class Item:
    """One setting: where it stands, what it takes, what it is unless set, and what it means."""

    table: str
    name: str
    takes: str
    default: Any
    meaning: str
    needed: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that goes before the file; empty for a setting of a repeated table."""
        if self.table.startswith("["):
            return ""
        return PREFIX + "__".join(part for part in (self.table, self.name) if part).upper()


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file; ``repeated`` ones may stand there several times."""

    name: str
    meaning: str
    items: tuple[Item, ...]
    repeated: bool = False

    @property
    def header(self) -> str:
        """The table's line in the file."""
        return f"[[{self.name}]]" if self.repeated else f"[{self.name}]"


def tables() -> list[Table]:
    """Return all that can be set, the settings outside any table first."""
    top = tuple(
        _item("", name, field)
        for name, field in Settings.model_fields.items()
        if name not in _PLACED and not _model(field.annotation)
    )
    found = [Table("", _first_line(Settings), top)]
    for name, field in Settings.model_fields.items():
        if group := _model(field.annotation):
            found += _walk(name, group)
    return found


def commented(values: Mapping[str, Any]) -> str:
    """Return the text of ``notifier.toml``: every setting with its meaning and default, commented out,
    but for ``values`` (by dotted name), which are set.
    """
    lines = [
        "# Settings of the notifier. A line that starts with # shows the default.",
        f"# An environment variable goes before this file: {PREFIX}WEB__PORT=9000 sets web.port.",
        "# An unknown or misspelt name stops the start. `notifier settings` shows what is in force.",
    ]
    for table in tables():
        lines += ["", *_comment(table.meaning)] if table.name else []
        if table.repeated:
            lines += [f"# {table.header}"]
        elif table.name:
            lines += [table.header]
        for item in table.items:
            dotted = f"{table.name}.{item.name}" if table.name else item.name
            lines += ["", *_comment(f"{item.meaning} ({item.takes})" if item.takes else item.meaning)]
            lines += [_assignment(item, values[dotted]) if dotted in values else _default_line(item)]
    return "\n".join(lines) + "\n"


def effective(settings: Settings) -> Iterator[tuple[Item, str]]:
    """Yield each setting that stands in no repeated table with the value in force; secrets are masked."""
    for table in tables():
        group = getattr(settings, table.name) if table.name and not table.repeated else settings
        for item in () if table.repeated else table.items:
            yield item, _shown(item.name, getattr(group, item.name))
    for table in tables():
        group, _, name = table.name.partition(".")
        for number, entry in enumerate(getattr(getattr(settings, group), name) if table.repeated else ()):
            for field, info in type(entry).model_fields.items():
                item = _item(f"{table.name}[{number}]", field, info)
                yield item, _shown(field, getattr(entry, field))


def toml(value: Any) -> str:
    """Return a value as TOML writes it (strings as basic strings, mappings inline)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items())
        return "{" + (f" {inner} " if inner else "") + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    # JSON's string escapes are TOML's too, but for DEL, which JSON leaves as it is.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _walk(name: str, model: type[BaseModel]) -> Iterator[Table]:
    """Yield a group's own table, then the repeated tables inside it."""
    plain = {key: field for key, field in model.model_fields.items() if not _repeats(field.annotation)}
    yield Table(name, _first_line(model), tuple(_item(name, key, field) for key, field in plain.items()))
    for key, field in model.model_fields.items():
        if inner := _repeats(field.annotation):
            where = f"{name}.{key}"
            items = tuple(_item(f"[{where}]", one, each) for one, each in inner.model_fields.items())
            yield Table(where, field.description or "", items, repeated=True)


def _item(table: str, name: str, field: FieldInfo) -> Item:
    needed = field.is_required()
    default = None if needed or field.default is PydanticUndefined else field.default
    if field.default_factory is not None:
        default = field.get_default(call_default_factory=True, validated_data={})
    return Item(table, name, _takes(field), default, field.description or "", needed=needed)


def _takes(field: FieldInfo) -> str:
    """Say which values a setting takes, where that goes beyond what its default shows."""
    if get_origin(field.annotation) is Literal:
        return " or ".join(toml(option) for option in get_args(field.annotation))
    bounds = []
    for limit in field.metadata:
        match limit:
            case Ge(ge=low):
                bounds.append(f"at least {low}")
            case Gt(gt=low):
                bounds.append(f"more than {low}")
            case Le(le=high):
                bounds.append(f"at most {high}")
            case Lt(lt=high):
                bounds.append(f"less than {high}")
            case _:
                pass
    return ", ".join(bounds)


def _default_line(item: Item) -> str:
    if item.needed:
        return f'# {item.name} = ""'
    if item.default is None:
        return f"# {item.name} ="
    return "# " + _assignment(item, item.default)


def _assignment(item: Item, value: Any) -> str:
    return f"{item.name} = {toml(value)}"


def _shown(name: str, value: Any) -> str:
    if name == "url" and value:
        value = make_url(value).render_as_string(hide_password=True)
    if isinstance(value, SecretStr):
        return "(set)" if value.get_secret_value() else "(not set)"
    return "(not set)" if value is None else toml(value)


def _comment(sentence: str) -> list[str]:
    """Break a sentence into comment lines, without the marks of code."""
    lines, line = [], "#"
    for word in sentence.replace("``", "").split():
        if len(line) + len(word) + 1 > _WIDTH:
            lines.append(line)
            line = "#"
        line += " " + word
    return [*lines, line]


def _model(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _repeats(annotation: Any) -> type[BaseModel] | None:
    """Return the model of which ``annotation`` is a tuple, if it is one."""
    if get_origin(annotation) in (Union, types.UnionType):
        return None
    return next((inner for one in get_args(annotation) if (inner := _model(one))), None)


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
