"""What the incident compromised, as rules of the incident: for whoever is affected now, and later.

A rule is about a single mailbox or line, whoever has it, or about a channel of everybody whom it describes.
The freeze asks the first kind about each contact point; the second kind is written onto the list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from incidents.actions import IncidentAction
from incidents.affected.acts import keep_act
from incidents.selection import Selection
from incidents.store import Incident
from notifier import barring
from notifier.audit.entry import Event
from notifier.errors import BadInput
from notifier.store import Transaction

CHANNELS = ("email", "sms", "letter")
ON_POINT = (
    "EXISTS (SELECT 1 FROM compromise_rule r WHERE r.incident_id = :incident"
    " AND r.folded_index = p.folded_index)"
)
"""The condition that a rule is about the very contact point ``p``."""

ON_MAILBOX = (
    # SQLite keeps the order of a CROSS JOIN: who shares a mailbox are few, who is affected may be a million.
    "EXISTS (SELECT 1 FROM contact_point o CROSS JOIN affected a WHERE a.customer_id = o.customer_id"
    " AND a.incident_id = :incident AND o.channel = p.channel AND o.folded_index = p.folded_index"
    " AND a.compromised LIKE '% ' || p.channel || ' %')"
)
"""The condition that somebody whose ``p.channel`` is compromised has the same mailbox or line as ``p``."""

# As at the freeze: a mark of the person's own, or on the mailbox, whoever has it.
COMPROMISED = (
    "EXISTS (SELECT 1 FROM affected a WHERE a.incident_id = :incident AND a.customer_id = m.customer_id"
    f" AND a.compromised LIKE '% ' || p.channel || ' %') OR {ON_MAILBOX} OR {ON_POINT}"
)
"""The condition that the contact point ``p`` must not be used for the member ``m``."""
_WARDS = (
    "FROM affected a JOIN customer w ON w.id = a.customer_id WHERE a.incident_id = :incident"
    " AND w.guardian_id IN (SELECT c.id FROM customer c WHERE {described})"
)
_INSERT = (
    "INSERT INTO compromise_rule"
    " (incident_id, folded_index, channel, described, exposed, revision, actor, marked_at)"
)
_POINTS = "FROM compromise_rule r JOIN contact_point p ON p.folded_index = r.folded_index"


def read_channels(names: Collection[str]) -> str:
    """Return compromised channels as a set of words; an unknown one is ``BadInput``."""
    if unknown := sorted(set(names) - set(CHANNELS)):
        raise BadInput(f"there is no channel {unknown[0]!r}", advice=f"There are: {', '.join(CHANNELS)}.")
    return "".join(f" {name} " for name in CHANNELS if name in names)


async def add_channel(
    tx: Transaction, incident: Incident, channel: str, *, described: str, exposed: str, actor: str
) -> int:
    """Keep a rule about ``channel``; returns 0 if it is one already. ``keep`` must follow."""
    return await tx.write(
        f"{_INSERT} VALUES (:incident, :index, :channel, :described, :exposed, :revision, :actor, :now)"
        " ON CONFLICT DO NOTHING",
        {
            **_head(tx, incident, actor),
            "index": b"",
            "channel": channel,
            "described": described,
            "exposed": exposed,
        },
    )


async def add_addresses(tx: Transaction, incident: Incident, indexes: Sequence[bytes], *, actor: str) -> int:
    """Keep a rule for each of some folded blind indexes; returns how many are new. ``keep`` must follow."""
    if not indexes:
        return 0
    named = {f"index_{place}": index for place, index in enumerate(indexes)}
    values = ", ".join(f"(:incident, :{name}, '', '', '', :revision, :actor, :now)" for name in named)
    return await tx.write(
        f"{_INSERT} VALUES {values} ON CONFLICT DO NOTHING",
        {**_head(tx, incident, actor), **named},
    )


def _head(tx: Transaction, incident: Incident, actor: str) -> dict[str, str | int]:
    return {
        "incident": incident.id,
        "revision": incident.revision,
        "actor": actor,
        "now": tx.now_us(),
    }


def unmarked(
    tx: Transaction, channels: str, selection: Selection | None, exposed: str
) -> tuple[str, dict[str, str]]:
    """Return the SQL of the rows of the list that a mark on ``channels`` would change, and its values."""
    lacking = " OR ".join(f"compromised NOT LIKE '% {channel} %'" for channel in channels.split())
    made = [f"({lacking})"]
    params: dict[str, str] = {}
    if selection is not None:
        described, params = selection.condition(tx.dialect)
        made.append(f"customer_id IN (SELECT c.id FROM customer c WHERE {described})")
    if exposed:
        made.append(f"categories LIKE '% {exposed} %'")
    return f"incident_id = :incident AND {' AND '.join(made)}", params


async def enforce(tx: Transaction, incident: Incident, *, actor: str) -> None:
    """Apply the rules to the list as it is now, and bar in its audiences whoever is newly marked."""
    if await _apply(tx, incident):
        await _bar(tx, incident, actor=actor)


async def keep(
    tx: Transaction,
    incident: Incident,
    what: str,
    *,
    reason: str,
    people: int,
    addresses: int = 0,
    actor: str,
) -> None:
    """Put new marks on record and enforce them, in the audiences that exist too."""
    await _apply(tx, incident)
    await keep_act(tx, incident, kind="compromise", what=what, note=reason, people=people, actor=actor)
    await _bar(tx, incident, actor=actor)
    tx.record(
        Event(
            IncidentAction.CONTACT_POINTS_COMPROMISED,
            {
                "incident": incident.code,
                "revision": incident.revision,
                "what_digest": tx.commitment("compromise", what),
                "addresses": addresses,
                "people": people,
                "actor": f"operator:{actor}",
            },
        )
    )


async def settle(
    tx: Transaction,
    incident: Incident,
    channels: str,
    named: tuple[str, Mapping[str, Any]],
    *,
    basis: str,
    actor: str,
) -> None:
    """End an act that names people: their compromised ``channels`` are marked, and the rules enforced.

    ``named`` is a SELECT of their ids, and its values.
    """
    who, params = named
    people = 0
    for channel in channels.split():
        marked = await tx.write(
            f"UPDATE affected SET compromised = compromised || ' {channel} '"
            " WHERE incident_id = :incident AND via_account_id = 0"
            f" AND compromised NOT LIKE '% {channel} %' AND customer_id IN ({who})",
            {**params, "incident": incident.id},
        )
        people = max(people, marked)
    if people:
        what = f"{' '.join(channels.split())}: those named"
        await keep(tx, incident, what, reason=basis, people=people, actor=actor)
    else:
        await enforce(tx, incident, actor=actor)


async def any_marks(tx: Transaction, incident_id: int) -> bool:
    """Say whether a channel of anybody on the list is compromised."""
    return bool(
        await tx.scalar(
            "SELECT 1 FROM affected WHERE incident_id = :id AND compromised <> '' LIMIT 1", id=incident_id
        )
    )


async def about_addresses(tx: Transaction, incident_id: int) -> bool:
    """Say whether any rule is about a single address."""
    return bool(
        await tx.scalar(
            "SELECT 1 FROM compromise_rule WHERE incident_id = :id AND channel = '' LIMIT 1", id=incident_id
        )
    )


async def concerned(tx: Transaction, incident: Incident) -> int:
    """Count the affected people to whose address, or whose guardian's, a rule applies."""
    return int(
        await tx.scalar(
            "SELECT count(DISTINCT a.customer_id) FROM affected a WHERE a.incident_id = :id"
            f" AND a.customer_id IN (SELECT p.customer_id {_POINTS} WHERE r.incident_id = :id"
            f" UNION SELECT w.id {_POINTS} JOIN customer w ON w.guardian_id = p.customer_id"
            " WHERE r.incident_id = :id)",
            id=incident.id,
        )
    )


async def _apply(tx: Transaction, incident: Incident) -> int:
    """Mark on the list whomever a rule describes now; returns how many rows that changed."""
    changed = 0
    for rule in await tx.rows(
        "SELECT channel, described, exposed FROM compromise_rule"
        " WHERE incident_id = :id AND channel <> '' ORDER BY id",
        id=incident.id,
    ):
        selection = Selection.read(rule.described) if rule.described else None
        where, params = unmarked(tx, rule.channel, selection, rule.exposed)
        changed += await tx.write(
            f"UPDATE affected SET compromised = compromised || ' {rule.channel} ' WHERE {where}",
            {**params, "incident": incident.id},
        )
        if selection is not None and not rule.exposed:
            changed += await _guardians(tx, incident, rule.channel, selection)
    return changed


async def wards(tx: Transaction, incident: Incident, selection: Selection) -> int:
    """Count the affected people whose guardian a selection describes."""
    described, params = selection.condition(tx.dialect)
    found = await tx.scalar(
        f"SELECT count(DISTINCT a.customer_id) {_WARDS.format(described=described)}",
        **params,
        incident=incident.id,
    )
    return int(found or 0)


async def _guardians(tx: Transaction, incident: Incident, channel: str, selection: Selection) -> int:
    """Make rules about the addresses of guardians whom a rule describes: they are on no list themselves."""
    described, params = selection.condition(tx.dialect)
    return await tx.write(
        f"{_INSERT} SELECT DISTINCT CAST(:incident AS bigint), p.folded_index, '', '', '',"
        " CAST(:revision AS bigint), 'system', CAST(:now AS bigint) FROM contact_point p"
        " WHERE p.channel = :channel"
        f" AND p.customer_id IN (SELECT w.guardian_id {_WARDS.format(described=described)})"
        " ON CONFLICT DO NOTHING",
        {
            **params,
            "incident": incident.id,
            "revision": incident.revision,
            "now": tx.now_us(),
            "channel": channel,
        },
    )


async def _bar(tx: Transaction, incident: Incident, *, actor: str) -> None:
    await barring.bar(
        tx, subject=incident.code, condition=COMPROMISED, params={"incident": incident.id}, actor=actor
    )
