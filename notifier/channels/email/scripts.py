"""How a loopback sink treats chosen recipients: for drills, demos and tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fnmatch import translate
from pathlib import Path
from typing import Literal

from notifier.errors import BadInput

Stage = Literal["mail", "rcpt", "data", "body"]


@dataclass(frozen=True, slots=True)
class Script:
    """What to do for recipients that ``match`` (a shell pattern, case ignored), at one stage."""

    match: str
    reply: str = ""
    """The answer instead of the usual one, such as ``450 4.2.2 mailbox full``; lines parted by ``\\n``."""
    stage: Stage = "rcpt"
    times: int = 0
    """For how many tries of each recipient; 0 means always."""
    wait: float = 0
    """Seconds before the answer."""
    drop: Literal["", "before", "after"] = ""
    """Close the connection instead of answering; at ``body``, ``after`` keeps the message first."""


class Scripts:
    """The scripts of one sink, asked at each stage of each transaction."""

    def __init__(self, scripts: Iterable[Script] = ()) -> None:
        self._scripts = [(re.compile(translate(one.match.lower())), one) for one in scripts]
        self._used: dict[tuple[int, str], int] = {}

    def __bool__(self) -> bool:
        return bool(self._scripts)

    def find(self, stage: Stage, recipient: str) -> Script | None:
        """Return the first script for this stage and recipient that still has a time to go."""
        recipient = recipient.lower()
        for number, (pattern, script) in enumerate(self._scripts):
            if script.stage != stage or not pattern.fullmatch(recipient):
                continue
            used = self._used.get((number, recipient), 0)
            if script.times and used >= script.times:
                continue
            if script.times:
                self._used[number, recipient] = used + 1
            return script
        return None


def load_scripts(path: Path) -> Sequence[Script]:
    """Read a JSON list of scripts; an unknown name or a wrong type is ``BadInput``."""
    known = {field.name for field in fields(Script)}
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        scripts = [Script(**entry) for entry in listed]
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"{path.name} is no list of scripts: {error}", advice=f"Each may have {', '.join(sorted(known))}."
        ) from None
    return scripts
