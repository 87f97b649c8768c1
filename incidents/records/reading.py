"""Read a record's file into plain text, lists and mappings, remembering where each value stood.

YAML is read event by event and nothing in it is interpreted: no tags, no anchors, no dates, no booleans
(the country code ``NO`` stays a text). So a hostile file can neither make objects nor blow up, and a
moment is read by one parser only. JSON goes through the standard library.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from incidents.errors import BadRecord, Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
Path = tuple[str | int, ...]


@dataclass(slots=True)
class Source:
    """What a file says, and on which line each of its values begins."""

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """Return the line of the value at ``path``, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read(content: bytes) -> Source:
    """Read YAML or JSON (recognised by its first brace); anything unusable is ``BadRecord``."""
    if len(content) > MAX_BYTES:
        raise _bad(f"it has {len(content)} bytes", f"A record has at most {MAX_BYTES} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _bad("it is not UTF-8 text", "Save it as UTF-8.", line) from None
    if not text.strip():
        raise _bad("it is empty", "`notifier incidents example NAME` prints one to start from.")
    source = _read_json(text) if text.lstrip().startswith("{") else _Reader(text).read()
    if not isinstance(source.value, dict):
        raise _bad("it is not a mapping", "Write `field: value` lines, such as `title: …`.", 1)
    return source


def _bad(what: str, remedy: str, line: int | None = None, path: Path = ()) -> BadRecord:
    return BadRecord([Problem(dotted(path), what, remedy, line)])


def dotted(path: Path) -> str:
    """Return a path as people write it: ``texts.de.measures[2]``."""
    made = ""
    for part in path:
        made += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if made else str(part)
    return made


def _read_json(text: str) -> Source:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
            raise _bad(f"the name {twice[:60]!r} occurs twice", "Keep one of the two.")
        return made

    def refuse(constant: str) -> None:
        raise _bad(f"{constant} is no JSON value", "Write a text.")

    try:
        return Source(json.loads(text, object_pairs_hook=unique, parse_constant=refuse))
    except json.JSONDecodeError as error:
        raise _bad(f"it is not JSON: {error.msg}", "Correct it there.", error.lineno) from None
    except RecursionError:
        raise _bad("it is nested too deeply", "A record has a handful of levels.") from None


class _Reader:
    """Builds the value from YAML's events, without recursion."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Path, int] = {}
        self._open: list[tuple[Any, Path]] = []
        self._key: list[str | None] = []
        self._root: Any = None

    def read(self) -> Source:
        """Return what the text says."""
        documents = 0
        try:
            for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
                documents += isinstance(event, yaml.DocumentStartEvent)
                self._take(event)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            what = f"it is not YAML: {error.problem or error.context}"
            raise _bad(what, "Check the indentation and quotes there.", line) from None
        except yaml.YAMLError:
            raise _bad("it holds a character that YAML forbids", "Remove control characters.") from None
        if documents != 1:
            raise _bad("it holds several documents", "Keep one record per file.")
        return Source(self._root, self._lines)

    def _take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _bad("anchors and aliases are not used in records", "Write the value out.", line)
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            raise _bad("tags are not used in records", "Remove what begins with `!`.", line)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            made: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._open.append((made, self._place(made, line)))
            self._key.append(None)
            if len(self._open) > MAX_DEPTH:
                raise _bad("it is nested too deeply", f"A record has at most {MAX_DEPTH} levels.", line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()
            self._key.pop()

    def _scalar(self, event: Any, line: int) -> None:
        if self._open and isinstance(self._open[-1][0], dict) and self._key[-1] is None:
            mapping, path = self._open[-1]
            if event.value in mapping:
                raise _bad("the name occurs twice", "Keep one of the two.", line, (*path, event.value))
            self._key[-1] = event.value
            return
        empty = event.style is None and event.value in {"", "~", "null", "Null", "NULL"}
        self._place(None if empty else event.value, line)

    def _place(self, value: Any, line: int) -> Path:
        if not self._open:
            self._root = value
            self._lines[()] = line
            return ()
        holder, path = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
            place: Path = (*path, len(holder) - 1)
        else:
            key = self._key[-1]
            if key is None:
                raise _bad("a name must be a plain word", "Write `name: value`.", line, path)
            holder[key] = value
            self._key[-1] = None
            place = (*path, key)
        self._lines[place] = line
        return place
