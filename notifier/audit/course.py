"""The course of things as the trail tells it: where its entries, in the log's order, leave every delivery,
announcement and hold.

Entries about one delivery are written by transactions that waited for each other's rows, so their order in
the log is that of what happened. A million deliveries are kept in a scratch file of SQLite's, not in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import orjson

from notifier.audit.actions import AuditAction
from notifier.audit.report import Facts
from notifier.deliveries import State

_STATES: dict[str, State] = {
    AuditAction.ATTEMPT_ACCEPTED: State.ACCEPTED,
    AuditAction.ATTEMPT_DEFERRED: State.DEFERRED,
    AuditAction.ATTEMPT_REJECTED: State.REJECTED,
    AuditAction.ATTEMPT_UNKNOWN: State.UNKNOWN,
    AuditAction.DELIVERY_HELD: State.HELD,
    AuditAction.DELIVERY_RELEASED: State.PLANNED,
    AuditAction.DELIVERY_SUPPRESSED: State.SUPPRESSED,
}
_PHASES: dict[str, str] = {
    AuditAction.ANNOUNCEMENT_RELEASED: "released",
    AuditAction.ANNOUNCEMENT_CANCELLED: "cancelled",
    AuditAction.ANNOUNCEMENT_CLOSED: "closed",
}
_MAY_FOLLOW = {"released": {""}, "cancelled": {"", "released"}, "closed": {"released"}}
_CONTROLS = {AuditAction.ANNOUNCEMENT_PAUSED: True, AuditAction.ANNOUNCEMENT_RESUMED: False}
_HOLDS = frozenset({AuditAction.HOLD_OPENED, AuditAction.HOLD_TAKEN, AuditAction.HOLD_ENDED})
_SEEN = frozenset(
    {
        AuditAction.RECEIPT_TAKEN,
        AuditAction.BANNER_SERVED,
        AuditAction.BANNER_VISIBLE,
        AuditAction.BANNER_OPENED,
        AuditAction.BANNER_ACKNOWLEDGED,
        AuditAction.BANNER_SNOOZED,
        AuditAction.BANNER_DISMISSED,
    }
)
"""What tells afterwards of a notice that it arrived, or did not: its state moves where it says so."""
_AT_ONCE = 4096
_FIRST = 0

_TABLE = """
CREATE TABLE told (
    reference TEXT PRIMARY KEY, state TEXT NOT NULL, attempts INTEGER NOT NULL, place INTEGER NOT NULL,
    announcement TEXT NOT NULL, member TEXT NOT NULL
) WITHOUT ROWID
"""
_PUT = """
INSERT INTO told VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
state = excluded.state, attempts = max(attempts, excluded.attempts), place = excluded.place,
announcement = CASE announcement WHEN excluded.announcement THEN announcement ELSE '' END,
member = CASE member WHEN excluded.member THEN member ELSE '' END
"""


class Told(NamedTuple):
    """Where the entries leave one delivery."""

    state: str
    attempts: int
    place: int
    """Of its latest entry, in the order in which entries were heard."""
    announcement: str
    member: str


@dataclass(slots=True)
class Announced:
    """Where the entries leave one announcement."""

    phase: str = ""
    """``released``, ``cancelled``, ``closed``, or empty before all of them."""
    planned: int = 0
    opened: int = 0
    cancelled: int = 0
    held: int = 0
    """Deliveries planned, hand-overs opened, deliveries cancelled and held when the rest was cancelled."""
    rest_cancelled: int = _FIRST
    """Place of the latest entry that cancelled what still waited."""
    paused: bool = False
    ordered: bool = False
    wrong: list[str] = field(default_factory=list)
    """What the entries themselves say that cannot be: a release after the end, hand-overs after it."""

    @property
    def control(self) -> str:
        """What workers are to be told."""
        if self.phase == "cancelled":
            return "cancel"
        return "pause" if self.paused or self.ordered else "run"


@dataclass(slots=True)
class Held:
    """Where the entries leave one hold."""

    announcement: str
    kind: str
    owner: str
    takers: set[str] = field(default_factory=set)
    ended_by: str = ""


class Course:
    """Hears every entry once, in the log's order. Close it, or use it as a context manager."""

    def __init__(self) -> None:
        self.announcements: dict[str, Announced] = {}
        self.holds: dict[int, Held] = {}
        self._place = _FIRST
        self._heard: list[tuple[str, str, int, int, str, str]] = []
        self._scratch = sqlite3.connect("", isolation_level=None)  # A file of its own that nobody else sees.
        for setting in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE"):
            self._scratch.execute(f"PRAGMA {setting}")
        self._scratch.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.close()

    def hear(self, entry: Facts) -> None:
        """Follow one entry."""
        self._place += 1
        action, facts = entry.get("type"), entry.get("data")
        if not isinstance(action, str) or not isinstance(facts, dict):
            return
        if action in _STATES or action == AuditAction.DELIVERY_SETTLED:
            self._delivery(action, facts)
        elif action in _SEEN:
            self._seen(action, facts)
        elif action in _HOLDS:
            self._hold(action, facts)
        elif action in _PHASES:
            self._phase(_PHASES[action], facts)
        elif action in _CONTROLS:
            self._announced(facts).paused = _CONTROLS[AuditAction(action)]
        elif action == AuditAction.ATTEMPTS_OPENED:
            self._opened(facts)
        elif action == AuditAction.STEP_TAKEN:
            self._announced(facts).planned += _number(facts.get("count"))
        elif action == AuditAction.DELIVERIES_CANCELLED:
            about = self._announced(facts)
            about.rest_cancelled = self._place
            about.cancelled += _number(facts.get("cancelled"))
            about.held += _number(facts.get("held"))

    def told(self, references: Iterable[str]) -> dict[str, Told]:
        """Return where the entries leave these deliveries; of whom none speaks, none is returned."""
        self._keep()
        wanted = orjson.dumps(list(references)).decode()
        return {
            row[0]: Told(*row[1:])
            for row in self._scratch.execute(
                "SELECT * FROM told WHERE reference IN (SELECT value FROM json_each(?))", (wanted,)
            )
        }

    def deliveries(self) -> int:
        """Return of how many deliveries entries speak."""
        self._keep()
        return int(self._scratch.execute("SELECT count(*) FROM told").fetchone()[0])

    def _delivery(self, action: str, facts: Facts) -> None:
        state = _STATES.get(action, facts.get("outcome", ""))
        if state == State.DEFERRED and facts.get("then") == State.EXPIRED:
            state = State.EXPIRED
        reference, code, member = (_text(facts.get(name)) for name in ("delivery", "announcement", "member"))
        number = _number(facts.get("attempt"))
        self._heard.append((reference, _text(state), number, self._place, code, member))
        if len(self._heard) >= _AT_ONCE:
            self._keep()

    def _seen(self, action: str, facts: Facts) -> None:
        if became := _text(facts.get("became")):
            self._delivery(action, {**facts, "outcome": became})
            # Cancelled together with others, whose number alone is on record.
            self._announced(facts).cancelled -= facts.get("was") == State.CANCELLED

    def _keep(self) -> None:
        if self._heard:
            self._scratch.execute("BEGIN")
            self._scratch.executemany(_PUT, self._heard)
            self._scratch.execute("COMMIT")
            self._heard.clear()

    def _phase(self, phase: str, facts: Facts) -> None:
        about = self._announced(facts)
        if about.phase not in _MAY_FOLLOW[phase]:
            about.wrong.append(
                f"{phase} after it was {about.phase}" if about.phase else f"{phase}, not released"
            )
        about.phase = phase
        if phase == "released" and isinstance(planned := facts.get("planned"), dict):
            about.planned += _number(planned.get("deliveries"))

    def _opened(self, facts: Facts) -> None:
        about = self._announced(facts)
        about.opened += _number(facts.get("count"))
        if about.phase != "released":
            after = f"after it was {about.phase}" if about.phase else "before it was released"
            wrong = f"hand-overs were opened {after}"
            if wrong not in about.wrong:
                about.wrong.append(wrong)

    def _hold(self, action: str, facts: Facts) -> None:
        number, actor = _number(facts.get("hold")), _text(facts.get("actor"))
        if action == AuditAction.HOLD_OPENED:
            code, kind, owner = (_text(facts.get(name)) for name in ("announcement", "kind", "owner"))
            self.holds[number] = Held(code, kind, owner)
        made = self.holds.setdefault(number, Held("", "", ""))
        if action == AuditAction.HOLD_TAKEN:
            made.takers.add(actor.removeprefix("operator:"))
        elif action == AuditAction.HOLD_ENDED:
            made.ended_by = actor
        if made.kind == "order" and action != AuditAction.HOLD_TAKEN:
            about = self._announced(facts)  # What is not released yet is stopped otherwise.
            about.ordered = action == AuditAction.HOLD_OPENED and about.phase == "released"

    def _announced(self, facts: Facts) -> Announced:
        return self.announcements.setdefault(_text(facts.get("announcement")), Announced())


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if type(value) is int and abs(value) < 2**53 else 0
