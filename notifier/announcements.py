"""Announcements as values: one thing said to one audience, its plan, and the digests that name it.

    draft ──preflight──▶ preflighted ──approve──▶ approved ──countdown──▶ countdown ──▶ released ──▶ closed

A change takes it back to ``draft`` (facts, texts) or ``preflighted`` (plan) and voids its approval;
``cancelled`` ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from hashlib import sha256
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from notifier.clock import from_instant
from notifier.errors import BadInput, NotFound
from notifier.settings import EmailSettings
from notifier.store import Transaction
from notifier.words import persons

State = Literal["draft", "preflighted", "approved", "countdown", "released", "closed", "cancelled"]
UNRELEASED = frozenset({"draft", "preflighted", "approved", "countdown"})
CANARY_MOST_DAYS = 7
_MINUTE = 60_000_000


class Hours(BaseModel):
    """The hours of a day in which people are written to, by the clock on their wall."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    opens: time = Field(alias="from")
    closes: time = Field(alias="to")


class SendPlan(BaseModel):
    """When an announcement goes out, and how carefully."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int = Field(default=0, ge=0)
    """Instant at which the first wave starts; 0 means at release."""
    canary: int = Field(default=0, ge=0)
    """People of the first small wave."""
    canary_hold_minutes: int = Field(default=0, ge=0, le=CANARY_MOST_DAYS * 24 * 60)
    """Pause after the canary; 0 means until an operator resumes."""
    waves: int = Field(default=1, ge=1, le=1000)
    wave_every_minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)
    window: Hours | None = None
    deadline: int = Field(default=0, ge=0)
    """Instant by which everybody must have been written to; 0 means none."""

    @field_validator("window")
    @classmethod
    def _long_enough(cls, window: Hours | None) -> Hours | None:
        if window is not None:
            minutes = (_minutes(window.closes) - _minutes(window.opens)) % (24 * 60)
            if minutes < 60:
                raise ValueError("a send window is open for at least an hour")
        return window

    @classmethod
    def read(cls, plan: Mapping[str, Any]) -> SendPlan:
        """Read a plan; what is wrong with its fields is ``BadInput``, all at once."""
        try:
            return cls.model_validate(dict(plan))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            )
            raise BadInput(f"the plan is wrong: {wrong}") from None

    def check(self, *, people: int, now: int) -> None:
        """Refuse a plan that cannot be carried out for so many people from now on: ``BadInput``."""
        if self.canary > people:
            raise BadInput(f"a canary of {self.canary:,} is too large: {persons(people)} in all")
        if self.waves > 1 and not self.wave_every_minutes:
            raise BadInput(
                f"{self.waves} waves need the minutes between them", advice="Give them with --every MINUTES."
            )
        if self.start and self.start < now:
            raise BadInput(f"the start {_utc(self.start)} is past", advice="0 starts at release.")
        start = self.start or now
        if self.deadline and self.deadline <= start:
            raise BadInput(
                f"the deadline {_utc(self.deadline)} is not after the start {_utc(start)}",
                advice="Choose a later deadline or an earlier start.",
            )
        last = start + (self.canary_hold_minutes + (self.waves - 1) * self.wave_every_minutes) * _MINUTE
        if self.deadline and last >= self.deadline:
            raise BadInput(
                f"the last wave would start at {_utc(last)}, not before the deadline {_utc(self.deadline)}",
                advice="Fewer waves, shorter pauses, or a later deadline.",
            )

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it is stored and signed."""
        plan: dict[str, Any] = self.model_dump(exclude={"window"})
        hours = self.window
        plan["window"] = hours and {"from": f"{hours.opens:%H:%M}", "to": f"{hours.closes:%H:%M}"}
        return plan


@dataclass(frozen=True, slots=True)
class Digests:
    """What an approval signs."""

    audience: str
    texts: str
    plan: str
    channels: str

    def changed(self, since: Digests) -> list[str]:
        """Name what differs from an earlier state, in the order of the fields."""
        words = {
            "audience": "the audience",
            "texts": "the texts",
            "plan": "the plan",
            "channels": "the channels",
        }
        return [word for name, word in words.items() if getattr(self, name) != getattr(since, name)]


@dataclass(frozen=True, slots=True)
class Announcement:
    """One announcement as it stands in the store."""

    id: int
    code: str
    kind: str
    notice: str
    drill: bool
    audience_id: int
    state: State
    facts: Mapping[str, Any]
    plan: SendPlan
    author: str
    editors: frozenset[str]
    """Who else wrote what it says or when."""
    digests: Digests
    inputs: str
    created_at: int
    preflighted_at: int | None
    release_at: int | None
    released_at: int | None

    @property
    def writers(self) -> frozenset[str]:
        """Everybody who wrote what it says or when: none of them is its second person."""
        return self.editors | {self.author}


_COLUMNS = (
    "id, code, kind, notice, drill, audience_id, state, facts, plan, author, editors, audience_digest,"
    " texts_digest, plan_digest, channels_digest, preflight_inputs, created_at, preflighted_at, release_at,"
    " released_at"
)


async def announcement(tx: Transaction, key: str | int, *, lock: bool = False) -> Announcement:
    """Load an announcement by its code or id; ``lock`` keeps others from changing it meanwhile."""
    column = "id" if isinstance(key, int) else "code"
    tail = " FOR UPDATE" if lock and tx.dialect == "postgresql" else ""
    row = await tx.row(
        f"SELECT {_COLUMNS} FROM announcement WHERE {column} = :key ORDER BY revision DESC LIMIT 1{tail}",
        key=key,
    )
    if row is None:
        raise NotFound(
            f"there is no announcement {key}", advice="`notifier announcements list` shows them all."
        )
    return Announcement(
        id=row.id,
        code=row.code,
        kind=row.kind,
        notice=row.notice,
        drill=bool(row.drill),
        audience_id=row.audience_id,
        state=row.state,
        facts=from_json(row.facts),
        plan=SendPlan.read(from_json(row.plan)),
        author=row.author,
        editors=frozenset((row.editors or "").split()),
        digests=Digests(row.audience_digest, row.texts_digest, row.plan_digest, row.channels_digest),
        inputs=row.preflight_inputs,
        created_at=row.created_at,
        preflighted_at=row.preflighted_at,
        release_at=row.release_at,
        released_at=row.released_at,
    )


def from_json(value: Any) -> dict[str, Any]:
    """Return a JSON column's object: PostgreSQL's driver parses it, SQLite's does not."""
    return dict(orjson.loads(value) if isinstance(value, str | bytes) else value)


def to_json(value: Mapping[str, Any]) -> str:
    """Return an object as a JSON column takes it: keys sorted, no white space."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def canonical_digest(value: Mapping[str, Any]) -> str:
    """Return the SHA-256, in hex, of an object's canonical JSON."""
    return sha256(to_json(value).encode()).hexdigest()


def channels_digest(email: EmailSettings, *, drill: bool) -> str:
    """Return the digest of how an announcement travels: senders, signatures and relays, not their limits."""
    relays = [
        {"host": one.host, "port": one.port, "tls": one.tls, "verify": str(one.verify)}
        for one in email.relays
    ]
    return canonical_digest(
        {
            "channels": ["email"],
            "drill": "drill" if drill else "",
            "from": [email.from_name, str(email.from_address), str(email.reply_to or "")],
            "domains": [email.message_id_domain, email.bounce_domain],
            "dkim": [[one.domain, one.selector] for one in email.dkim],
            "relays": [] if drill else relays,
        }
    )


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _utc(instant: int) -> str:
    return f"{from_instant(instant):%Y-%m-%d %H:%M} UTC"
