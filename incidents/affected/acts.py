"""What every act on the affected customers has in common: it may be refused, and it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from incidents.errors import StepRefused
from incidents.lifecycle import State
from incidents.store import Incident, clean
from notifier.errors import BadInput
from notifier.store import Transaction

_ENDED = frozenset({State.CLOSED, State.NO_NOTIFICATION, State.STOOD_DOWN})
_MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class Counted:
    """What an act did. ``matched`` people were named; the rest says what became of them."""

    matched: int = 0
    added: int = 0
    grown: int = 0
    """Known before, and now with more exposed data."""
    unchanged: int = 0
    holding_none: int = 0
    """Matched, but nothing of what was exposed is held about them: not affected."""


def require_open(incident: Incident) -> None:
    """Refuse to change who is affected by an incident that has ended."""
    if incident.state in _ENDED:
        raise StepRefused(
            f"an incident that is {incident.state} has no new affected customers",
            advice=f"Reopen it first: `notifier incidents step {incident.code} reopen --reason …`.",
        )


def read_note(what: str, note: str) -> str:
    """Return a basis or reason as it is kept; an empty or endless one is ``BadInput``."""
    cleaned = " ".join(clean(note).split())
    if not cleaned:
        raise BadInput(f"{what} is missing", advice="Say in a few words how it is known, or why.")
    if len(cleaned) > _MAX_NOTE:
        raise BadInput(f"{what} has more than {_MAX_NOTE} characters")
    return cleaned


async def keep_act(
    tx: Transaction,
    incident: Incident,
    *,
    kind: str,
    what: str,
    people: int,
    actor: str,
    exposed: str = "",
    note: str = "",
) -> None:
    """Keep an act, to be quoted by the audiences frozen after it."""
    await tx.write(
        "INSERT INTO affected_act (incident_id, kind, what, exposed, note, people, actor, acted_at)"
        " VALUES (:incident, :kind, :what, :exposed, :note, :people, :actor, :now)",
        {
            "incident": incident.id,
            "kind": kind,
            "what": what,
            "exposed": exposed,
            "note": note,
            "people": people,
            "actor": actor,
            "now": tx.now_us(),
        },
    )


async def acts(tx: Transaction, incident: Incident) -> list[dict[str, str | int]]:
    """Return all acts, the oldest first, as plain data."""
    rows = await tx.rows(
        "SELECT kind, what, exposed, note, people, actor, acted_at FROM affected_act"
        " WHERE incident_id = :id ORDER BY id",
        id=incident.id,
    )
    return [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name
