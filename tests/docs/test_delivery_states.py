"""The reference of delivery states says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from notifier.deliveries import ENDS, OPEN, WAITING, Happening, State, after
from notifier.errors import Conflict

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "delivery-states.md").read_text(encoding="utf-8")


def _group(state: State) -> str:
    assert state in ENDS | OPEN
    return "end" if state in ENDS else "waits" if state in WAITING else "open"


def _moves() -> set[tuple[str, str, str]]:
    moves = set()
    for state in State:
        for happening in Happening:
            try:
                moves.add((str(state), str(happening), str(after(state, happening))))
            except Conflict:
                continue
    return moves


def test_every_state_is_explained() -> None:
    """With the group it belongs to, and no other state."""
    assert re.findall(r"(?m)^\| `([a-z-]+)` \| (waits|open|end) \| [A-Z]", PAGE) == [
        (str(state), _group(state)) for state in sorted(State, key=list(State).index)
    ]


def test_every_move_is_listed_and_no_other() -> None:
    """The table is the function."""
    listed = re.findall(r"(?m)^\| `([a-z-]+)` \| ([a-z-]+) \| `([a-z-]+)` \|$", PAGE)
    assert len(listed) == len(set(listed))
    assert set(listed) == _moves()
