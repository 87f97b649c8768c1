"""What the commands of incidents share: their arguments, and how they print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from incidents import records
from incidents.history import Change
from incidents.records import reading
from notifier.cli import err, out
from notifier.errors import BadInput
from notifier.words import amount

Code = Annotated[str, typer.Argument(metavar="CODE", help="The incident, such as INC-2026-001.")]
Who = Annotated[str, typer.Option(help="The operator who does this.")]


def read_record(file: Path) -> records.IncidentRecord:
    """Read the record in ``file``; anything wrong with either is ``BadInput``."""
    return records.read(read_file(file))


def read_file(file: Path) -> bytes:
    """Return what a file holds, and one byte more than may be read of a longer one."""
    try:
        with file.open("rb") as opened:
            return opened.read(reading.MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"the file cannot be read: {error.strerror}", advice="Check its name.") from None


def utc(moment: datetime) -> str:
    """Return a moment as people compare them: in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def described(change: Change) -> dict[str, str]:
    """Return a change as plain data."""
    return {"field": change.path, "before": change.before, "after": change.after}


def print_changes(found: list[dict[str, str]]) -> None:
    """Print what differs between two revisions."""
    for change in found:
        out.print(f"  {escape(change['field'])}:", style="bold")
        for sign, style, value in (("-", "red", change["before"]), ("+", "green", change["after"])):
            if value:
                out.print(f"    {sign} {escape(value)}", style=style)


def print_open(found: dict[str, Any]) -> None:
    """Print what is unknown yet, and what somebody should look at."""
    if found["unknown"]:
        out.print(f"Unknown yet: {', '.join(found['unknown'])}.")
    for warning in found["warnings"]:
        err.print(f"[yellow]Note:[/] {escape(warning)}.")


def print_marked(made: Mapping[str, int]) -> None:
    """Print what became of a list of compromised addresses."""
    used = amount(made["contact_points"], "contact point")
    out.print(
        f"Newly marked as compromised: {made['addresses']:,}. Never used: {used} of those affected now."
    )
    if made["waiting"]:
        out.print(f"Of nobody who is affected yet, and kept for whoever comes: {made['waiting']:,}.")
