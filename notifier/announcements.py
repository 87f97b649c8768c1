"""Announcements as values: one thing said to one audience, its plan, and the digests that name it.

    draft ──preflight──▶ preflighted ──approve──▶ approved ──countdown──▶ countdown ──▶ released ──▶ closed

A change takes it back to ``draft`` (facts, texts) or ``preflighted`` (plan) and voids its approval;
``cancelled`` ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import orjson

from notifier.errors import NotFound
from notifier.plans import SendPlan
from notifier.settings import Settings
from notifier.store import Transaction

State = Literal["draft", "preflighted", "approved", "countdown", "released", "closed", "cancelled"]
UNRELEASED = frozenset({"draft", "preflighted", "approved", "countdown"})


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
    later_digest: str
    """Over the templates of the later steps, as they were at the preflight."""
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
    " texts_digest, plan_digest, channels_digest, later_digest, preflight_inputs, created_at, preflighted_at,"
    " release_at, released_at"
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
        later_digest=row.later_digest,
        inputs=row.preflight_inputs,
        created_at=row.created_at,
        preflighted_at=row.preflighted_at,
        release_at=row.release_at,
        released_at=row.released_at,
    )


def corrects(of: str, dialect: str) -> str:
    """Return the expression, on the announcement ``of``, of the code that it corrects; NULL where none."""
    return (
        f"{of}.facts ->> 'corrects'" if dialect == "postgresql" else f"json_extract({of}.facts, '$.corrects')"
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


def channels_digest(settings: Settings, plan: SendPlan, *, drill: bool) -> str:
    """Return the digest of how an announcement travels: senders, signatures, carriers; not their limits."""
    email, sms, letter = settings.email, settings.sms, settings.letter
    relays = [
        {"host": one.host, "port": one.port, "tls": one.tls, "verify": str(one.verify)}
        for one in email.relays
    ]
    ways: dict[str, Any] = {
        "channels": list(plan.channels),
        "drill": "drill" if drill else "",
        "from": [email.from_name, str(email.from_address), str(email.reply_to or "")],
        "domains": [email.message_id_domain, email.bounce_domain],
        "dkim": [[one.domain, one.selector] for one in email.dkim],
        "relays": [] if drill else relays,
    }
    if "sms" in plan.channels and not drill:
        senders = [[one.country, one.sender] for one in sms.senders]
        ways["sms"] = [sms.provider, sms.account_sid, sms.callback_base, senders]
    if "letter" in plan.channels:
        ways["letter"] = letter.model_dump(mode="json")
    return canonical_digest(ways)
