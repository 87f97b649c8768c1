"""What was sent, as blocks for a page: headings, paragraphs and lists. No word is added or left out.

Nothing here is markup. What is drawn in plain text (a line under a heading, a hyphen or number before an
item) becomes the heading or the list that it draws.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

Kind = Literal["heading", "lines", "list", "steps"]
_ITEM = re.compile(r"- (.*)", re.DOTALL)
_STEP = re.compile(r"([0-9]{1,3})\. (.*)", re.DOTALL | re.ASCII)
_LETTER_LISTS: Mapping[str, Kind] = {"list": "list", "steps": "steps", "lines": "lines"}


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a notice; ``start`` is the number of the first step."""

    kind: Kind
    lines: tuple[str, ...]
    start: int = 1


def of_text(text: str) -> list[Block]:
    """Return a plain text, such as an e-mail's text part, as blocks."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    made: list[Block] = []
    for blank, group in groupby(lines, key=lambda line: not line):
        if not blank:
            made += _of_group(list(group))
    return made


def _of_group(lines: list[str]) -> Iterator[Block]:
    """Yield the blocks of lines that stand together."""
    if len(lines) > 1 and set(lines[1]) == {"-"} and len(lines[1]) > 2:
        yield Block("heading", (lines[0],))
        lines = lines[2:]
    for kind, group in groupby(lines, key=_kind_of):
        same = list(group)
        if kind == "list":
            yield Block("list", tuple(line[2:] for line in same))
        elif kind == "steps":
            yield from _steps([found for line in same if (found := _STEP.fullmatch(line))])
        else:
            yield Block("lines", tuple(same))


def _kind_of(line: str) -> Kind:
    if _ITEM.fullmatch(line):
        return "list"
    return "steps" if _STEP.fullmatch(line) else "lines"


def _steps(found: Sequence[re.Match[str]]) -> Iterator[Block]:
    """Yield the numbered lines; where the numbers do not follow one another another list begins."""
    for _, group in groupby(enumerate(found), key=lambda one: int(one[1][1]) - one[0]):
        same = [one for _, one in group]
        yield Block("steps", tuple(one[2] for one in same), int(same[0][1]))


def of_letter(blocks: Iterable[Mapping[str, Any]]) -> Iterator[Block]:
    """Yield the blocks of a letter (``notifier.channels.letter.content``) as blocks of a page."""
    for one in blocks:
        kind = str(one["kind"])
        if kind in _LETTER_LISTS:
            yield Block(_LETTER_LISTS[kind], tuple(_joined(item) for item in one["items"]))
            continue
        yield from (
            Block("heading" if kind == "heading" else "lines", (_joined(one[part]),))
            for part in ("summary", "text")
            if part in one
        )


def of_banner(shown: Mapping[str, Any]) -> Iterator[Block]:
    """Yield what a banner shows: its summary, then its sections with paragraphs and steps."""
    if summary := str(shown.get("summary", "")):
        yield Block("lines", (summary,))
    for section in shown.get("sections", ()):
        if heading := str(section.get("heading", "")):
            yield Block("heading", (heading,))
        yield from (Block("lines", (str(one),)) for one in section.get("paragraphs", ()))
        if steps := tuple(str(one) for one in section.get("steps", ())):
            yield Block("steps", steps)


def _joined(runs: Iterable[str | Mapping[str, str]]) -> str:
    return "".join(one if isinstance(one, str) else "".join(one.values()) for one in runs)
