"""JSON by lines: one object a line, nested ones flattened with dots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from notifier.customers.reading.probe import Probe
from notifier.customers.reading.table import Options, RawRow, name_columns
from notifier.errors import BadInput

_SAMPLE_LINES = 1000
_LONGEST_LINE = 1 << 20
_DEEPEST = 4
_SHOWN = 100
"""Characters that are kept of a line that is too long."""


class _Refused(NamedTuple):
    """A line that cannot be used, and why."""

    fault: str
    text: str


class JsonLinesTable:
    """The objects of a JSON Lines file as rows; the columns are the keys of the first thousand."""

    def __init__(self, path: Path, probe: Probe) -> None:
        self._path = path
        self._read = 0.0
        self._damaged = probe.damaged
        self._encoding = probe.encoding
        self.digest = probe.digest
        self.size = probe.size
        self.form = f"JSON Lines, {probe.called}"
        self.guessed_encoding = probe.encoding if probe.guessed else ""
        self.doubtful = probe.doubtful
        keys: dict[str, None] = {}
        for _, (_, found) in zip(range(_SAMPLE_LINES), self._objects(), strict=False):
            if isinstance(found, dict):
                keys.update(dict.fromkeys(found))
        self.headers = name_columns(tuple(keys), path.name)
        # A last key without a name has no column.
        self._place = {key: place for place, key in zip(range(len(self.headers)), keys, strict=False)}

    def progress(self) -> float:
        """Return the share read so far."""
        return self._read

    def rows(self) -> Iterator[RawRow]:
        """Yield one row for each line that is not empty."""
        width = len(self.headers)
        for line, found in self._objects():
            if isinstance(found, _Refused):
                yield RawRow(line, [], found.fault, original=found.text)
                continue
            cells = [""] * width
            late = ""
            for key, value in found.items():
                place = self._place.get(key)
                if place is None:
                    late = key[:100] or '""'
                else:
                    cells[place] = value
            yield RawRow(line, cells, "column-late" if late else "", late)

    def _objects(self) -> Iterator[tuple[int, dict[str, str] | _Refused]]:
        """Yield each line's number and object, or the line and why it is refused."""
        with self._path.open("rb") as file:
            number = 0
            while raw := file.readline(_LONGEST_LINE):
                number += 1
                if not number % 1000:
                    self._read = min(1.0, file.tell() / self.size)
                huge = len(raw) >= _LONGEST_LINE and not raw.endswith(b"\n")
                start = raw[: 4 * _SHOWN]
                while huge and raw and not raw.endswith(b"\n"):
                    raw = file.readline(_LONGEST_LINE)
                if not huge and not raw.strip():
                    continue
                if huge:
                    yield number, _Refused("row-json", self._text(start)[:_SHOWN])
                    continue
                found = self._object(raw)
                yield number, _Refused(found, self._text(raw)) if isinstance(found, str) else found
        self._read = 1.0

    def _text(self, raw: bytes) -> str:
        return raw.decode(self._encoding, errors="replace").strip()

    def _object(self, raw: bytes) -> dict[str, str] | str:
        """Return a line's object, or the fault that it has."""
        if self._encoding != "utf-8" or self._damaged:
            raw = raw.decode(self._encoding, errors="replace").encode()
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return "row-json-number" if _has_odd_number(raw) else "row-json"
        if not isinstance(value, dict):
            return "row-json"
        # Each key has its colon: where there are no more colons than keys, no key stands twice.
        try:
            if raw.count(b":") > _keys(value) and _repeats(raw):
                return "row-json-twice"
            return flatten(value)
        except (RecursionError, orjson.JSONEncodeError):  # Nested too deeply.
            return "row-json"


def _keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0


def _repeats(raw: bytes) -> bool:
    """Tell whether an object in the line has a key twice, which the parser would pass over."""
    twice = False

    def see(pairs: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len({key for key, _ in pairs}) < len(pairs)

    json.loads(raw, object_pairs_hook=see)
    return twice


def _has_odd_number(raw: bytes) -> bool:
    """Tell whether a line that was refused is an object but for a number nobody can hold, as 1e400 or NaN."""
    odd = False

    def see(number: str) -> float:
        nonlocal odd
        value = float(number)
        odd = odd or not isfinite(value)
        return value

    try:
        found = json.loads(raw, parse_float=see, parse_constant=see)
    except (ValueError, RecursionError):
        return False
    return odd and isinstance(found, dict)


def flatten(value: dict[str, Any], prefix: str = "", depth: int = 1) -> dict[str, str]:
    """Return an object's leaves as text; lists of plain values become the lines of one cell."""
    made: dict[str, str] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, dict) and depth < _DEEPEST:
            made.update(flatten(inner, f"{name}.", depth + 1))
        elif isinstance(inner, list) and not any(isinstance(part, dict | list) for part in inner):
            made[name] = "\n".join(_text(part) for part in inner)
        else:
            made[name] = _text(inner)
    return made


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int | float) else orjson.dumps(value).decode()


def open_lines(path: Path, probe: Probe, _options: Options) -> JsonLinesTable:
    """Return the table; one JSON array around everything is ``BadInput``."""
    if probe.start.lstrip("\ufeff \t\r\n").startswith("["):
        raise BadInput(
            f"{path.name} holds one JSON array", advice="Write one object a line: jq -c '.[]' FILE."
        )
    if "16" in probe.encoding or "32" in probe.encoding:
        raise BadInput(
            f"{path.name} is JSON in {probe.encoding}", advice="JSON is UTF-8 (RFC 8259, section 8.1)."
        )
    return JsonLinesTable(path, probe)
